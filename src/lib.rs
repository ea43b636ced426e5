//! Owning handles to more large values than fit in memory.
//!
//! Draft.
#![forbid(unsafe_code)]

pub mod backing_store;
pub mod convenience;
mod error;
mod fb;
pub mod fbstore;
mod guard;
mod pool;
mod residency;

pub use backing_store::{BackingStore, BackingStoreT};
pub use error::{Error, Result};
pub use fb::Fb;
pub use guard::{MappedReadGuard, OwnedReadGuard, ReadGuard, WriteGuard};
pub use pool::{FBPool, PoolBuilder, Stats};
pub use uuid;
