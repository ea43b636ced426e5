//! The life of one item.
//!
//! An item has a *slot*, from which anybody reads the value without waiting,
//! and a state behind a small lock, which never spans a system call, the user's
//! code or the drop of a value. The methods of [`Item`] are the events; each
//! changes the state and tells the caller what to do about it (run a load,
//! queue a write, drop a value). **Lock order: item, then residents** (the
//! pool's lists), then keys.
//!
//! *Overdue* is a flag beside the state: the budget has let go of the item, but
//! somebody still uses its value, or it is in no file yet. *Dead* is terminal:
//! guards own their value and go on. A flight or a write under way is not in the
//! item but among the pool's [`InFlight`]. Where the pool has the item is its
//! [`ListId`].
//!
//! | event | absent | loading | clean | dirty | writing, queued / running | taken |
//! |---|---|---|---|---|---|---|
//! | [`begin_load`](Item::begin_load) | starts a flight: loading | joins | hit | hit | hit | leaked |
//! | [`promote`](Item::promote) (a hit in the older half) | – | – | to the front, not overdue | the same | the same | – |
//! | [`finish_load`](Item::finish_load) | – | clean, in front; failed: absent | – | – | – | – |
//! | [`begin_checkout`](Item::begin_checkout) (a mutation by the only handle) | starts a flight | joins | taken, with a new key; a reader is there: duplicate | the same | queued: the same, and superseded; a save wants it, or running: waits | leaked |
//! | [`evict`](Item::evict) | – | – | nobody uses it: absent; else overdue | unwritten, its job is queued | unwritten, its job is queued | – |
//! | [`begin_eviction_write`](Item::begin_eviction_write) (that job's turn) | – | – | – | overdue: writing; promoted: nothing | overdue: runs it, if nobody does | – |
//! | [`evict_unpinned`](Item::evict_unpinned) (a guard was dropped) | – | – | nobody uses it: absent | – | – | – |
//! | [`finish_write`](Item::finish_write) | – | – | – | – | clean, and if overdue as evict; failed: dirty, and if overdue its job comes again | – |
//! | [`begin_save`](Item::begin_save) | a share in the file | the same | the same | writing | joins | leaked |
//! | [`check_in`](Item::check_in) (a write guard dropped) | – | – | – | – | – | dirty, in front |
//! | [`retire`](Item::retire) (the last handle dropped) | dead | dead; a running load clears up | dead | dead | queued: superseded, or run if a save wants it; running: it clears up; dead | dead |
//!
//! An item has at most one job for its eviction in the queue, and the job looks
//! when its turn comes whether there still is anything to write. So a hit or a
//! mutation never has to find and cancel it.
//!
//! A mutation by a handle that shares its item goes through none of these: it
//! reads the value as anybody does and makes an item of its own from a copy.
//!
//! Why the counting is right: see [`Item::release`].

mod checkout;
mod evict;
mod flight;
mod in_flight;
mod item;
mod list_id;
mod load;
#[cfg(all(test, not(shuttle)))]
mod model;
mod slot;
mod write;
mod write_back;

pub(crate) use checkout::CheckoutStep;
pub(crate) use evict::Evicted;
pub(crate) use flight::Flight;
pub(crate) use in_flight::InFlight;
pub(crate) use item::Item;
pub(crate) use list_id::{ListId, PoolLists};
pub(crate) use load::{Cost, LoadStep};
pub(crate) use slot::ValueRef;
pub(crate) use write::{Save, WriteEnd};
pub(crate) use write_back::{Wanted, WriteBack, Written};
