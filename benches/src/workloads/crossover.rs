//! `crossover`: from which size on the first load of a file is faster mapped than
//! read. The default of `MappedCodec::crossover` stands on it.

use super::cold;
use crate::harness::plan::{Case, Scale, Workload};
use crate::harness::size::{KIB, MIB, size_name};
use crate::systems::{Touch, catalog, ours};

pub const WORKLOAD: Workload = Workload {
    name: "crossover",
    about: "the first load of one archive in the page cache, always mapped and always read: \
            one element touched, and all",
    cases,
    absent: |_, _| "two settings of one codec are compared: see `cold`",
};

fn cases(scale: &Scale) -> Vec<Case> {
    let sizes: &[usize] = scale.pick(
        &[64 * KIB, 256 * KIB, MIB],
        &[
            4 * KIB,
            16 * KIB,
            64 * KIB,
            128 * KIB,
            256 * KIB,
            512 * KIB,
            MIB,
        ],
    );
    let each = |bytes: &usize| Touch::BOTH.map(|how| case(*bytes, how, scale));
    sizes.iter().flat_map(each).collect()
}

fn case(bytes: usize, how: Touch, scale: &Scale) -> Case {
    let name = format!("{}/{}", size_name(bytes), how.name());
    let mut case = Case::new(name, cold::rounds(bytes, scale));
    let [read, reused, map] = cold::bytes_limits();
    for entry in [
        catalog::mapped::<ours::ArchiveAlwaysMapped>(false),
        catalog::mapped::<ours::ArchiveAlwaysRead>(false),
        read,
        reused,
        map,
    ] {
        let contender = cold::first_load(entry, bytes, how, scale);
        case.add(contender.against_all(&cold::BYTES));
    }
    case
}
