//! The concurrent core under a model checker, which decides at each step which
//! thread runs next: the pool with its real queue, locks and items, on an
//! in-memory store. Run it with
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test --lib --target-dir target/shuttle interleavings
//! ```
//!
//! `SHUTTLE_ITERATIONS` sets how many schedules each test explores. A failure
//! prints its schedule, for [`shuttle::replay`].
//!
//! The checker assumes sequentially consistent memory.
//! [`Item::release`](crate::residency::Item) says what weaker memory changes:
//! only when a value leaves memory, not soundness.

mod checkout;
mod evicting;
mod full;
mod in_flight;
mod loading;
mod looking_up;
mod mixed;
#[cfg(feature = "dataset")]
mod retaining;
mod saving;
mod slot;
mod weak_references;
mod world;

use world::{World, explore};

/// A value of one byte.
fn of(byte: u8) -> Vec<u8> {
    vec![byte]
}
