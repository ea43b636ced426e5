//! The synchronization primitives of the concurrent core: locks, atomics, events,
//! threads and the clock.
//!
//! With `--cfg shuttle` each is replaced by a stand-in, through which a model checker
//! decides which thread runs next; see `pool::tests::interleavings`. All code that takes part
//! in the life of an item uses only these.
//!
//! There are two kinds of locks. A [`Mutex`] takes one byte of an item, and is locked for a
//! short time. Threads that wait for a condition use a [`monitor`].

#[cfg(any(not(shuttle), feature = "dataset"))]
mod block_on;
#[cfg(shuttle)]
mod model;
pub(crate) mod monitor;
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
