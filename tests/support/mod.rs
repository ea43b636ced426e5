//! A store in memory that a test can block, break and observe, futures polled by hand,
//! and a time limit for tests that hang.

#[path = "../../src/testing/faults.rs"]
#[allow(dead_code, reason = "the tests of the modules use more of it")]
mod faults;
#[path = "../../src/testing/gate.rs"]
mod gate;
mod lock;
mod log;
#[path = "../../src/testing/mem_store.rs"]
#[allow(dead_code, reason = "the tests of the modules use more of it")]
mod mem_store;
#[path = "../../src/testing/plain.rs"]
mod plain;
mod poll;
mod process;
#[path = "../../src/testing/scratch.rs"]
mod scratch;
mod text;
mod watchdog;
mod world;

pub(crate) use faults::{Fault, On};
pub(crate) use gate::Gate;
pub(crate) use lock::{LockedElsewhere, can_be_locked};
pub(crate) use log::{logged, logged_everywhere, traced};
pub(crate) use mem_store::{MemPath, MemStore, Op};
pub(crate) use plain::Plain;
pub(crate) use poll::{ByHand, Stop, each_stop};
pub(crate) use process::in_a_process_of_its_own;
#[cfg(unix)]
pub(crate) use process::in_a_process_with;
#[cfg(all(
    any(feature = "mappedcodec", feature = "bytescodec"),
    target_os = "linux"
))]
pub(crate) use process::in_a_small_process;
pub(crate) use scratch::scratch;
pub(crate) use text::told;
pub(crate) use watchdog::test;
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(crate) use world::runtime;
pub(crate) use world::{Handle, Pool, Tracked, World};

/// The locks of the rigs. Nothing is scheduled by a model checker here.
mod sync {
    pub(crate) use parking_lot::Mutex;

    pub(crate) mod monitor {
        pub(crate) use parking_lot::{Condvar, Mutex};
    }

    pub(crate) fn point() {}
}
