//! `decode`: the first load of one value that its codec decodes.

use super::cold;
use crate::harness::plan::{Case, Contender, Sample, Scale, Workload};
use crate::harness::size::{KIB, MIB, size_name};
use crate::systems::blob::Template;
use crate::systems::catalog;
use crate::systems::{Blobs as _, Touch, ancestor, epserde, limit, ours};

pub const WORKLOAD: Workload = Workload {
    name: "decode",
    about: "the first load of a decoded value in the page cache",
    cases,
};

fn cases(scale: &Scale) -> Vec<Case> {
    let sizes: &[usize] = scale.pick(
        &[4 * KIB, 64 * KIB, MIB, 16 * MIB],
        &[4 * KIB, 64 * KIB, MIB, 64 * MIB],
    );
    sizes.iter().map(|bytes| case(*bytes, scale)).collect()
}

const BINCODE: &str = "limit/bincode-buffer";
const PROST: &str = "limit/prost-buffer";

fn case(bytes: usize, scale: &Scale) -> Case {
    let mut case = Case::new(size_name(bytes), cold::rounds(bytes, scale));
    for (entry, limit) in [
        (catalog::ours::<ours::Bin>(false), BINCODE),
        (catalog::ours::<ours::Bin>(true), BINCODE),
        (catalog::ours::<ours::Prost>(false), PROST),
        (catalog::ours::<ours::Prost>(true), PROST),
        (catalog::ancestor::<ancestor::Bin>(), BINCODE),
        (catalog::ancestor::<ancestor::Prost>(), PROST),
        (catalog::bare::<limit::files::Bincode>(BINCODE), BINCODE),
        (catalog::bare::<limit::files::Prost>(PROST), PROST),
    ] {
        let contender = cold::first_load(entry, bytes, Touch::One, scale);
        case.add(contender.against(limit));
    }
    let loads = (4 * MIB / bytes).clamp(1, 100);
    let full = Contender::new("epserde", move |dir| {
        let files = epserde::files(dir);
        files.put(0, Template::new(bytes).blob(7))?;
        Ok(Box::new(move || {
            let mut total = std::time::Duration::ZERO;
            for _ in 0..loads {
                total += files.decode(0, Touch::One)?.0;
            }
            Ok(vec![Sample::time("first-load", "µs", total, loads)])
        }))
    });
    case.add(full.against(BINCODE));
    case
}
