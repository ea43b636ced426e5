//! The workloads, one a module.

pub mod cold;
pub mod cold_disk;
pub mod commit;
pub mod crossover;
pub mod decode;
pub mod footprint;
pub mod hit;
pub mod lifecycle;
pub mod policy;
pub mod random;
pub mod save;
pub mod sink;
pub mod validate;

use anyhow::{Context as _, Result};

use crate::harness::plan::{Case, Scale, Workload};

/// All of them, in the order in which they are run.
pub const ALL: &[Workload] = &[
    hit::WORKLOAD,
    cold::WORKLOAD,
    cold_disk::WORKLOAD,
    crossover::WORKLOAD,
    decode::WORKLOAD,
    validate::WORKLOAD,
    sink::WORKLOAD,
    random::WORKLOAD,
    policy::WORKLOAD,
    lifecycle::WORKLOAD,
    footprint::WORKLOAD,
    save::WORKLOAD,
    commit::WORKLOAD,
];

/// Each of these is in each case, if only with the reason why it takes no part.
pub const SYSTEMS: &[&str] = &[
    "file_backed/mappedcodec",
    "file_backed/mappedcodec/async",
    "file_backed/bincodec",
    "file_backed/bincodec/async",
    "file_backed/prostcodec",
    "file_backed/prostcodec/async",
    "file_backed/mixedcodec",
    "file_backed/mixedcodec/async",
    "ancestor/bincodec",
    "ancestor/prostcodec",
    "heed",
    "redb",
    "fjall",
    "foyer",
    "cacache",
    "mmap-sync",
    "epserde",
    "moka",
    "quick_cache",
];

/// The cases of a workload, with all systems.
pub fn plan(workload: &Workload, scale: &Scale) -> Vec<Case> {
    workload.plan(scale, SYSTEMS)
}

/// The workload of a name.
pub fn find(name: &str) -> Result<&'static Workload> {
    ALL.iter()
        .find(|workload| workload.name == name)
        .with_context(|| format!("there is no workload `{name}`; `list` names them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_every_system_once() {
        for quick in [true, false] {
            for workload in ALL {
                for case in plan(workload, &Scale::new(quick)) {
                    let times = |system: &str| {
                        let same = case.contenders.iter().filter(|one| one.system == system);
                        same.count()
                    };
                    for contender in &case.contenders {
                        let system = &contender.system;
                        assert_eq!(times(system), 1, "{} {} {system}", workload.name, case.name);
                        assert_ne!(contender.skip_reason(), Some(""), "{system}");
                    }
                    for system in SYSTEMS {
                        assert_eq!(times(system), 1, "{} {} {system}", workload.name, case.name);
                    }
                }
            }
        }
    }

    #[test]
    fn every_limit_that_a_system_is_measured_against_is_in_the_case() {
        for workload in ALL {
            for case in plan(workload, &Scale::new(true)) {
                for contender in &case.contenders {
                    for limit in contender.terms.limits.iter().flatten() {
                        let there = case.contenders.iter().any(|one| one.system == *limit);
                        assert!(there, "{} {} {limit}", workload.name, case.name);
                    }
                }
            }
        }
    }

    #[test]
    fn the_cases_of_a_workload_have_names_of_their_own() {
        for workload in ALL {
            let cases = plan(workload, &Scale::new(false));
            let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), cases.len(), "{}", workload.name);
        }
    }
}
