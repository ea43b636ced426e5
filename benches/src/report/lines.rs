//! The lines of the table: for each row one system, the one that the row is
//! about, and what it is to reach.

use crate::harness::size::parse_size;

/// Rows of the results that stand in the table.
pub struct Line {
    pub workload: &'static str,
    pub system: &'static str,
    pub metric: &'static str,
    pub cases: Cases,
    pub target: Target,
}

/// Which cases.
#[derive(Clone, Copy)]
pub enum Cases {
    These(&'static [&'static str]),
    /// All with this end.
    Ending(&'static str),
    /// The one with the largest size or count behind this.
    Largest(&'static str),
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    Nothing,
    /// At most so many times the limit.
    AtMostOfLimit(f64),
    /// At least so many times the limit.
    AtLeastOfLimit(f64),
    /// At most so much, in the row's own unit.
    AtMost(f64),
    /// At least so many times what another system does.
    AtLeastOf(f64, &'static str),
    /// At most so many times what another system does.
    AtMostOf(f64, &'static str),
    /// At most so many times what the same system does in another case.
    AtMostOfCase(f64, &'static str),
}

impl Cases {
    /// Those of `names` that are meant, in their order.
    pub fn choose<'a>(self, names: &[&'a str]) -> Vec<&'a str> {
        let all = names.iter().copied();
        match self {
            Self::These(these) => all.filter(|name| these.contains(name)).collect(),
            Self::Ending(end) => all.filter(|name| name.ends_with(end)).collect(),
            Self::Largest(begin) => {
                let number = |name: &str| {
                    let rest = name.strip_prefix(begin)?;
                    rest.parse().ok().or_else(|| parse_size(rest))
                };
                let numbered = all.filter_map(|name| Some((number(name)?, name)));
                numbered.max().map(|(_, name)| name).into_iter().collect()
            }
        }
    }
}

use Cases::{Ending, Largest, These};
use Target::{AtLeastOf, AtLeastOfLimit, AtMost, AtMostOf, AtMostOfCase, AtMostOfLimit, Nothing};

const MAPPED: &str = "file_backed/mappedcodec";
const MAPPED_ASYNC: &str = "file_backed/mappedcodec/async";
const ALWAYS_MAPPED: &str = "file_backed/mappedcodec-crossover0";
const BIN: &str = "file_backed/bincodec";
const BIN_ASYNC: &str = "file_backed/bincodec/async";
const PROST: &str = "file_backed/prostcodec";

const MAPS: &str = "file_backed/maps";
const DIP: &str = "file_backed/dip";

const CYCLES: Cases = These(&["cycle-1.2/1000", "cycle-1.7/1000", "cycle-1.7-twice/1000"]);
const ZIPF: Cases = These(&["zipf-1t", "zipf-2t"]);
const NAMED: Cases = These(&["one/10000", "one/100000"]);

/// Rows of workload, metric, system and cases, and what is to be reached.
macro_rules! lines {
    ($($workload:literal $metric:literal $system:ident $cases:expr => $target:expr;)*) => {
        &[$(Line {
            workload: $workload,
            metric: $metric,
            system: $system,
            cases: $cases,
            target: $target,
        }),*]
    };
}

pub const LINES: &[Line] = lines! {
    "hit" "load" BIN These(&["same-1t", "same-2t", "same-2t-among-512", "zipf-1t", "zipf-2t"])
        => AtMostOfLimit(2.0);
    "hit" "load" BIN_ASYNC These(&["same-1t", "same-2t", "zipf-2t"]) => AtMostOfLimit(2.0);
    "cold" "first-load" MAPPED Ending("/one") => AtMostOfLimit(1.15);
    "cold" "first-load" MAPPED Ending("/all") => Nothing;
    "cold" "first-load" MAPPED_ASYNC These(&["64KiB/one", "1MiB/one"]) => Nothing;
    "cold" "first-load" MAPPED These(&["4KiB/one-among-512"]) => Nothing;
    "cold" "kept-load" ALWAYS_MAPPED These(&["kept/64KiB"]) => AtMost(200.0);
    "cold" "kept-load" MAPPED These(&["kept/1MiB"]) => AtMost(200.0);
    "cold-disk" "loaded" BIN_ASYNC These(&["files/64", "load-1ms/64"]) => AtLeastOfLimit(0.9);
    "cold-disk" "written" BIN_ASYNC These(&["sink-1ms/64"]) => AtLeastOfLimit(0.9);
    "decode" "first-load" BIN Ending("") => AtMostOfLimit(1.1);
    "decode" "first-load" PROST Ending("") => AtMostOfLimit(1.1);
    "validate" "load" MAPPED Largest("numbers/") => AtMostOfLimit(1.15);
    "validate" "load" MAPPED Largest("records/") => AtMostOfLimit(1.15);
    "sink" "written" MAPPED Largest("blobs/") => AtLeastOfLimit(0.9);
    "sink" "peak-rss" MAPPED Largest("blobs/") => AtMostOfLimit(1.0);
    "sink" "written" BIN Largest("small/") => AtLeastOfLimit(1.0);
    "random" "loads" ALWAYS_MAPPED ZIPF => AtLeastOf(5.0, "heed");
    "random" "loads-touching-all" ALWAYS_MAPPED ZIPF => AtLeastOf(1.0, "heed");
    "random" "loads" MAPPED ZIPF => Nothing;
    "random" "loads" MAPPED These(&["uniform-1t", "uniform-2t"]) => Nothing;
    "random" "loads" BIN ZIPF => AtLeastOfLimit(0.8);
    "random" "loads" PROST ZIPF => AtLeastOfLimit(0.8);
    "policy" "hit-ratio" MAPS CYCLES => AtLeastOfLimit(0.75);
    "policy" "hit-ratio" DIP CYCLES => AtLeastOfLimit(0.75);
    "policy" "hit-ratio" DIP These(&["zipf-0.9/1000", "shifting-10/1000"]) => AtLeastOf(0.95, "lru");
    "lifecycle" "create" BIN Largest("") => Nothing;
    "lifecycle" "persist" BIN Largest("") => AtMostOfLimit(1.1);
    "lifecycle" "scan" BIN Largest("") => AtMostOfLimit(1.3);
    "lifecycle" "register" BIN Largest("") => AtMostOfLimit(1.1);
    "lifecycle" "clean-up" BIN Largest("") => AtMostOfLimit(1.1);
    "footprint" "heap" BIN Largest("cache/") => AtMost(80.0);
    "footprint" "heap" BIN Largest("registered/") => AtMost(128.0);
    "footprint" "heap" BIN Largest("persisted/") => AtMost(128.0);
    "save" "save" MAPPED Largest("0%/") => Nothing;
    "save" "save" MAPPED Largest("1%/") => Nothing;
    "save" "save" MAPPED Largest("100%/") => Nothing;
    "commit" "commit-1KiB" BIN NAMED => AtMostOfLimit(1.3);
    "commit" "commit-64KiB" BIN NAMED => AtMostOfLimit(1.3);
    "commit" "commit-1KiB" BIN Largest("one/") => AtMostOf(6.0, "redb");
    "commit" "commit-1KiB" BIN Largest("one/") => AtMostOfCase(1.5, "one/10000");
    "commit" "commit-1KiB-p99" BIN Largest("one/") => Nothing;
    "commit" "beside-1KiB" BIN Largest("one/") => AtMost(16_384.0);
    "commit" "commit-1KiB" BIN Largest("1%/") => AtMostOfLimit(1.2);
    "commit" "open-to-commit" BIN Largest("one/") => AtMost(1_000.0);
    "commit" "open-read-only" BIN Largest("one/") => AtMost(1_000.0);
    "commit" "heap-to-commit" BIN Largest("one/") => AtMost(64.0);
    "commit" "heap-read-only" BIN Largest("one/") => AtMost(64.0);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::Scale;
    use crate::workloads;

    #[test]
    fn every_line_is_about_something_that_is_run() {
        for quick in [true, false] {
            for line in LINES {
                let workload = workloads::find(line.workload).expect("there is such a workload");
                let cases = workloads::plan(workload, &Scale::new(quick));
                let names: Vec<_> = cases.iter().map(|case| &*case.name).collect();
                let chosen = line.cases.choose(&names);
                assert!(!chosen.is_empty(), "{} {}", line.workload, line.metric);
                let takes_part = cases
                    .iter()
                    .filter(|case| chosen.contains(&&*case.name))
                    .flat_map(|case| &case.contenders)
                    .any(|one| one.system == line.system && one.skip_reason().is_none());
                assert!(takes_part, "{} {}", line.workload, line.system);
            }
        }
    }

    #[test]
    fn the_largest_is_by_number_and_not_by_name() {
        let names = ["a/9", "a/100", "b/1000", "a/20"];
        assert_eq!(Largest("a/").choose(&names), ["a/100"]);
        let names = ["blobs/512MiB", "blobs/2GiB", "blobs/1GiB"];
        assert_eq!(Largest("blobs/").choose(&names), ["blobs/2GiB"]);
        assert_eq!(Ending("0").choose(&["a/9", "a/10"]), ["a/10"]);
    }
}
