//! The synchronization primitives of the concurrent core: locks, atomics, events,
//! threads and the clock.
//!
//! With `--cfg shuttle` each is replaced by a stand-in, through which a model checker
//! decides which thread runs next; see `pool::tests::interleavings`. All code that takes part
//! in the life of an item uses only these.

#[cfg(any(not(shuttle), feature = "dataset"))]
mod block_on;
#[cfg(shuttle)]
mod model;
#[cfg(not(shuttle))]
mod real;
mod thread_state;

#[cfg(not(shuttle))]
pub(crate) use block_on::block_on;
#[cfg(feature = "dataset")]
pub(crate) use block_on::block_on_until;
#[cfg(shuttle)]
pub(crate) use model::*;
#[cfg(not(shuttle))]
pub(crate) use real::*;
