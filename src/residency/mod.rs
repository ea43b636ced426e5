//! The life of one item, as a state machine.
//!
//! An item has a *slot*, from which any thread reads the value without waiting,
//! and a state behind a small lock. The lock is never held across a system call,
//! user code or the drop of a value. The methods of [`Item`] are the events. Each
//! changes the state and returns what the caller must do: run a load, queue a
//! write, drop a value. **Lock order: item, then one of: the pool's lists
//! or its index ([`PoolParts`]), the key table, the sources.**
//!
//! *Evicting* is a flag next to the state: the budget has evicted the item, but its
//! value is still pinned or not in a file yet. *Dead* is terminal, but guards own
//! their value and stay valid. A flight or a write in flight is not stored in the
//! item but in the pool's [`InFlight`]. The [`ListId`] says which list of the pool
//! the item is in.
//!
//! | event | absent | loading | clean | dirty | writing, queued / running | checked out |
//! |---|---|---|---|---|---|---|
//! | [`begin_load`](Item::begin_load) | starts a flight: loading | joins | hit | hit | hit | leaked |
//! | [`promote`](Item::promote) (a hit in the older half) | – | – | where its order puts it, not evicting | the same | the same | – |
//! | [`finish_load`](Item::finish_load) | – | clean, at the front; failed: absent | – | – | – | – |
//! | [`begin_checkout`](Item::begin_checkout) (a mutation; with other handles it shares, and is told so) | starts a flight: loading | joins | checked out, with a new key; pinned: duplicate | the same | queued: the same, and superseded; needed by a save, or running: waits | leaked |
//! | [`evict`](Item::evict) | – | – | unpinned: absent; pinned: evicting, or a map to make room: back into its list | unwritten, its job is queued | unwritten, its job is queued | – |
//! | [`begin_eviction_write`](Item::begin_eviction_write) (the job runs) | – | – | – | evicting: writing; promoted: nothing | evicting: runs the write, unless it is running | – |
//! | [`evict_unpinned`](Item::evict_unpinned) (a guard was dropped) | – | – | evicting and unpinned: absent | – | – | – |
//! | [`finish_write`](Item::finish_write) | – | – | – | – | clean, with a known weight, and if evicting as `evict`; failed: dirty, and if evicting the job is queued again | – |
//! | [`begin_save`](Item::begin_save) | a share of the file | the same | the same | writing | joins | leaked |
//! | [`check_in`](Item::check_in) (a write guard was dropped) | – | – | – | – | – | dirty, at the front |
//! | [`retire`](Item::retire) (the last handle was dropped) | dead | dead; a running load cleans up; of a dataset, running: retained | dead; of a dataset, in its list: retained | dead | dead; queued: superseded, or run if a save needs it; running: it cleans up | dead |
//!
//! An item has at most one eviction job in the queue. When the job runs, it checks
//! whether there is still anything to write, so a hit or a mutation never has to
//! find and cancel it.
//!
//! An item of a dataset that is clean or loading may *stay* after its last handle
//! (`retained.rs`); without a handle it is *retained*. Handles of an item that stays come and
//! go without the lock (`handles.rs`). Each event that makes it another item, or takes its
//! value or file, first ends the staying under the lock. A retained item then ends: where
//! another one becomes absent, it is dead.
//!
//! An item with a file that others can find is in the pool's index (`index.rs`), from when
//! it is registered or persisted until it gives up the file. Unless the item stays, a look-up
//! adds a handle under its lock, and so a handle is the only one for as long as the lock is
//! held.
//!
//! A weak reference (`handle/weak.rs`) knows an item and the key that it had. It adds a
//! handle under the same lock, if the item is not dead and still has the key
//! ([`add_handle_if_unchanged`](Item::add_handle_if_unchanged)), in whatever state it is:
//! also if its last handle was dropped and [`retire`](Item::retire) has not come yet, which
//! then does nothing. A checkout takes the key with the value, so a weak reference never
//! leads to a changed value, and a handle that it adds makes a checkout copy.
//!
//! A mutation by a handle that shares its item uses none of these events: it reads
//! the value like any reader and makes a new item from a copy.
//!
//! For why the counting of references is correct, see [`Item::release`].

mod checkout;
mod evict;
mod flight;
mod handles;
mod in_flight;
mod index;
mod item;
mod item_counts;
mod list_id;
mod load;
mod pool_parts;
mod retained;
#[cfg(all(test, not(shuttle)))]
mod tests;
mod usage;
mod weight;
mod write;
mod write_back;

pub(crate) use checkout::{CheckedOut, CheckoutStep, Held};
pub(crate) use evict::{Evicted, IfPinned, Released};
pub(crate) use file_backed_codecs::slot::ValueRef;
pub(crate) use flight::{Flight, RefusedLoad};
pub(crate) use handles::Remaining;
pub(crate) use in_flight::InFlight;
pub(crate) use index::{Lookup, NotEntered};
pub(crate) use item::Item;
pub(crate) use item_counts::ItemCounts;
pub(crate) use list_id::{ListId, Position, QueueId, Segment};
pub(crate) use load::{Cost, LoadStep, ToLoad};
pub(crate) use pool_parts::PoolParts;
#[cfg(feature = "dataset")]
pub(crate) use retained::Handed;
pub(crate) use retained::Leaving;
pub(crate) use usage::Usage;
pub(crate) use weight::{HEAVIEST, Weight};
pub(crate) use write::{Save, WriteEnd};
pub(crate) use write_back::{Wanted, WriteBack, Written};
