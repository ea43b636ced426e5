//! The synchronisation that the concurrent core is built from: locks, atomics,
//! events, threads and the clock.
//!
//! In a build with `--cfg shuttle` each is a stand-in, through which a model
//! checker decides who runs next; see `pool::interleavings`. Whatever takes part
//! in the life of an item takes them from here, and from nowhere else.

mod block_on;
#[cfg(shuttle)]
mod model;
#[cfg(not(shuttle))]
mod real;

pub(crate) use block_on::block_on;
#[cfg(shuttle)]
pub(crate) use model::*;
#[cfg(not(shuttle))]
pub(crate) use real::*;
