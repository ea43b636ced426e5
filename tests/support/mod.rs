//! A store in memory that a test can block, break and observe, futures polled by hand,
//! and a time limit for tests that hang.

mod faults;
mod files;
mod gate;
mod log;
mod mem_store;
mod poll;
mod process;
mod text;
mod watchdog;
mod world;

pub(crate) use faults::{Fault, On};
pub(crate) use files::Words;
pub(crate) use gate::Gate;
pub(crate) use log::{logged, logged_everywhere, traced};
pub(crate) use mem_store::{MemPath, MemStore, Op};
pub(crate) use poll::{ByHand, Stop, each_stop};
pub(crate) use process::in_a_process_of_its_own;
#[cfg(unix)]
pub(crate) use process::in_a_process_with;
#[cfg(all(
    any(feature = "mappedcodec", feature = "bytescodec"),
    target_os = "linux"
))]
pub(crate) use process::in_a_small_process;
pub(crate) use text::told;
pub(crate) use watchdog::test;
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(crate) use world::runtime;
pub(crate) use world::{Handle, Pool, Tracked, World};
