//! `decode`: the first load of one value that its codec decodes.

use super::cold;
use crate::harness::plan::{Case, Scale, Workload};
use crate::harness::size::{KIB, MIB, size_name};
use crate::systems::{Touch, catalog, ours};

pub const WORKLOAD: Workload = Workload {
    name: "decode",
    about: "the first load of a decoded value in the page cache",
    cases,
    absent,
};

fn absent(_: &str, system: &str) -> &'static str {
    match system {
        "file_backed/mappedcodec" | "file_backed/mappedcodec/async" => {
            "its values are not decoded: see `cold`"
        }
        "heed" | "redb" => "it gives bytes: see the row of the same name with bincode behind it",
        "moka" | "quick_cache" => "it keeps nothing on disk, and its values are not decoded again",
        _ => "it gives bytes, and decodes nothing: see `cold`",
    }
}

fn cases(scale: &Scale) -> Vec<Case> {
    let sizes: &[usize] = scale.pick(
        &[4 * KIB, 64 * KIB, MIB, 16 * MIB],
        &[4 * KIB, 64 * KIB, MIB, 64 * MIB],
    );
    sizes.iter().map(|bytes| case(*bytes, scale)).collect()
}

fn case(bytes: usize, scale: &Scale) -> Case {
    let mut case = Case::new(size_name(bytes), cold::rounds(bytes, scale));
    let [bincode, prost] = [cold::BINCODE, cold::PROST];
    for (entry, limit) in [
        (catalog::decoded::<ours::Bin>(false), bincode),
        (catalog::decoded::<ours::Bin>(true), bincode),
        (catalog::decoded::<ours::MixedSerde>(false), bincode),
        (catalog::decoded::<ours::MixedSerde>(true), bincode),
        (catalog::decoded::<ours::Prost>(false), prost),
        (catalog::decoded::<ours::Prost>(true), prost),
        (catalog::ancestor_bin(), bincode),
        (catalog::ancestor_prost(), prost),
        (catalog::heed_bincode(), bincode),
        (catalog::redb_bincode(), bincode),
        (catalog::epserde_owned(), bincode),
        (cold::bincode_limit(), bincode),
        (cold::prost_limit(), prost),
    ] {
        let contender = cold::first_load(entry, bytes, Touch::One, scale);
        case.add(contender.against(limit));
    }
    case
}
