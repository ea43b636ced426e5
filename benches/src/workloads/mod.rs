//! The workloads, one a module.

pub mod cold;
pub mod decode;
pub mod footprint;
pub mod hit;
pub mod lifecycle;
pub mod random;
pub mod save;
pub mod sink;
pub mod validate;

use anyhow::{Context as _, Result};

use crate::harness::plan::Workload;

/// All of them, in the order in which they are run.
pub const ALL: &[Workload] = &[
    hit::WORKLOAD,
    cold::WORKLOAD,
    decode::WORKLOAD,
    validate::WORKLOAD,
    sink::WORKLOAD,
    random::WORKLOAD,
    lifecycle::WORKLOAD,
    footprint::WORKLOAD,
    save::WORKLOAD,
];

/// The workload of a name.
pub fn find(name: &str) -> Result<&'static Workload> {
    ALL.iter()
        .find(|workload| workload.name == name)
        .with_context(|| format!("there is no workload `{name}`; `list` names them"))
}
