//! Handles, which own items, and the guards that borrow their values.

mod fb;
mod guard;
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
mod mapped;
mod reading;
#[cfg(feature = "mappedcodec")]
mod update;
mod weak;

pub use fb::Fb;
pub(crate) use fb::clone_value;
pub use guard::{MappedReadGuard, OwnedReadGuard, ReadGuard, WriteGuard};
pub(crate) use reading::{Read, ReadOrPanic};
pub(crate) use weak::WeakFb;
