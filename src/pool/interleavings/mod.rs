//! The concurrent core under a model checker, which decides at each step who
//! runs next: the pool with its real queue, locks and items, on a store in
//! memory. Run by
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test --lib --target-dir target/shuttle interleavings
//! ```
//!
//! `SHUTTLE_ITERATIONS` says how many schedules each test explores. A failure
//! prints its schedule, for [`shuttle::replay`].
//!
//! The checker takes memory to be sequentially consistent. What the counting of
//! [`Item::release`](crate::residency::Item) needs of weaker memory is told
//! there; all that depends on it is when a value goes, not whether it is sound.

mod checkout;
mod evicting;
mod loading;
mod mixed;
mod saving;
mod world;

use world::{World, explore};

/// A value of one byte.
fn of(byte: u8) -> Vec<u8> {
    vec![byte]
}
