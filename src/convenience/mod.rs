//! Helpers on top of handles and stores: copy on write behind an
//! [`Arc`](std::sync::Arc), saving a whole set of items at once, and finding items by keys of
//! your own ([`WeakMap`]).
//!
//! To save, most programs call [`blocking_save`]. Programs that need to do something between its
//! steps can call them one by one: [`prepare_save`],
//! [`BackingStore::blocking_sync`](crate::BackingStore::blocking_sync), your own change of
//! state, and [`post_save_cleanup`].

mod make_write;
mod persister;
mod saving;
mod weak_map;

pub use crate::save::Progress;
pub use persister::Persister;
pub use saving::{blocking_save, blocking_save_with, post_save_cleanup, prepare_save, save};
pub use weak_map::WeakMap;
