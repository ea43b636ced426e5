//! Test rigs: file systems that fail, record, and are cut off by a power cut, a store in
//! memory that a test can block, break and observe, and the injector of their faults.
//!
//! The tests of `tests/` compile some of these files too. Those files name the crate as
//! users do, and take their locks from the module that contains them, which here are the
//! ones of the model checker.

#[allow(dead_code, reason = "the tests of `tests/` use more of it")]
mod faults;
mod faulty_files;
#[allow(dead_code, reason = "the tests of `tests/` use it")]
mod gate;
#[allow(dead_code, reason = "the tests of `tests/` use more of it")]
mod mem_store;
#[cfg(all(shuttle, feature = "dataset"))]
mod modelled;
mod plain;
mod power_cut;
mod recorder;
mod scratch;

pub(crate) use faults::{Fault, On};
pub(crate) use faulty_files::{FaultyFiles, Links};
#[cfg(feature = "dataset")]
pub(crate) use gate::Gate;
pub(crate) use mem_store::{MemPath, MemStore, Op};
pub(crate) use plain::Plain;
pub(crate) use power_cut::{Cut, at_each_power_cut};
pub(crate) use recorder::Recorder;
pub(crate) use scratch::scratch;

use crate::sync;

/// A runtime with one worker, whose threads have this name.
pub(crate) fn runtime(threads: &str) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(threads)
        .build();
    runtime.expect("a runtime")
}

/// Error numbers of the system.
pub(crate) mod errno {
    pub(crate) const EPERM: i32 = 1;
    pub(crate) const EIO: i32 = 5;
    pub(crate) const EACCES: i32 = 13;
    pub(crate) const EXDEV: i32 = 18;
    pub(crate) const EMFILE: i32 = 24;
    pub(crate) const ENOSPC: i32 = 28;
    pub(crate) const EROFS: i32 = 30;
    pub(crate) const EMLINK: i32 = 31;
    pub(crate) const EOPNOTSUPP: i32 = 95;
    pub(crate) const EDQUOT: i32 = 122;
}
