//! The store behind pools: ownership of files, background work, and persisted places.
//!
//! A store implements [`BackingStoreT`] and [`Strategy`]. [`BackingStore`] wraps it and
//! does the rest: it counts the owners of each file in the cache and deletes the file
//! after the last one, it never lets two changes of one key overlap, and it runs jobs
//! in the background.
//!
//! A *tracked path* is a persisted place together with the keys known to be there.
//!
//! | to | see |
//! |---|---|
//! | persist items, and find them again after a restart | [`BackingStore::track_path`], [`Fb::persist`](crate::Fb::persist), [`FBPool::register`](crate::FBPool::register) |
//! | read what another process persists | [`BackingStore::track_read_only`] |
//! | make durable what was persisted | [`BackingStore::sync`] |
//! | wait until nothing is left to do | [`BackingStore::finished`] |
//! | write your own store | [`BackingStoreT`], [`Strategy`]; optionally [`ArchiveStrategy`], [`AdoptStrategy`], [`ManifestStore`] |

mod arc;
mod archiving;
mod background;
mod captured;
mod failures;
mod file_share;
mod inline_load;
mod keys;
pub(crate) mod load_room;
mod manifests;
mod outage;
mod outcome;
mod owners;
mod packs;
mod prepared_task;
mod queue;
mod registered_tokens;
mod room;
mod run_once;
pub(crate) mod running;
mod sources;
mod store;
mod store_core;
mod task;
mod tracked_path;
mod tracking;
mod traits;
mod transfers;

pub use crate::error::StoreError;
pub use archiving::{AdoptStrategy, ArchiveStrategy};
pub use background::Background;
pub use inline_load::{InlineLoad, OpenedFile};
pub use manifests::{FileFingerprint, ManifestStore, ManifestWatch, SyncScope};
pub use packs::{PackLocator, PackStore, PackedAt, ToPack, WrittenPack};
pub use registered_tokens::RegisteredTokens;
pub use store::BackingStore;
pub use task::Task;
pub use tracked_path::{PlaceKeys, TrackedPath};
pub use traits::{BackingStoreT, CacheUsage, Strategy, Traffic, Transfer};

pub(crate) use captured::Captured;
pub(crate) use file_share::{FileKind, FileOwnership, FileShare, ItemFile, Location};
pub(crate) use keys::PlaceId;
pub(crate) use outage::delay_after;
pub(crate) use outcome::Outcome;
pub(crate) use owners::{Bring, OwnsFiles};
pub(crate) use prepared_task::PreparedTask;
pub(crate) use queue::{Lane, QueuedWrite, in_call};
pub(crate) use room::RoomWorkToken;
pub(crate) use run_once::RunOnce;
pub(crate) use sources::SourceId;
#[cfg(feature = "dataset")]
pub(crate) use sources::{Commit, Handover};
pub(crate) use store_core::{StoreCore, guarded, guarded_for};
