//! The workloads, one a module.

pub mod hit;

use anyhow::{Context as _, Result};

use crate::harness::plan::Workload;

/// All of them, in the order in which they are run.
pub const ALL: &[Workload] = &[hit::WORKLOAD];

/// The workload of a name.
pub fn find(name: &str) -> Result<&'static Workload> {
    ALL.iter()
        .find(|workload| workload.name == name)
        .with_context(|| format!("there is no workload `{name}`; `list` names them"))
}
