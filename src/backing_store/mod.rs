//! The store behind pools: who owns which file, background work, and persisted
//! places.
//!
//! [`BackingStoreT`] and [`Strategy`] are what a store must be able to do;
//! [`BackingStore`] wraps one and does the rest: every file in the cache has
//! owners, and the last one to go queues its deletion; changes of one key never
//! overlap; jobs run in the background and are waited for.
//!
//! A *tracked path* is a persisted place with the keys known to be there.
//!
//! | to | see |
//! |---|---|
//! | persist items, and find them again after a restart | [`BackingStore::track_path`], [`Fb::spawn_persist`](crate::Fb::spawn_persist), [`FBPool::register`](crate::FBPool::register) |
//! | read what another process persists | [`BackingStore::track_read_only`] |
//! | make durable what was persisted | [`BackingStore::sync`] |
//! | wait until nothing is left to do | [`BackingStore::finished`] |
//! | write a store of one's own | [`BackingStoreT`], [`Strategy`]; for what only some can do [`ArchiveStrategy`], [`AdoptStrategy`], [`ManifestStore`] |

mod archiving;
mod background;
mod core;
mod failures;
mod file_share;
mod keys;
mod manifests;
mod outage;
mod outcome;
mod queue;
mod registered_tokens;
mod run_once;
mod store;
mod task;
mod tracked_path;
mod traits;
mod transfers;

pub use crate::error::StoreError;
pub use archiving::{AdoptStrategy, ArchiveStrategy};
pub use background::Background;
pub use manifests::{FileFingerprint, ManifestStore};
pub use registered_tokens::RegisteredTokens;
pub use store::BackingStore;
pub use task::Task;
pub use tracked_path::{PlaceKeys, TrackedPath};
pub use traits::{BackingStoreT, Strategy, Traffic, Transfer};

pub(crate) use self::core::{Core, guarded};
pub(crate) use file_share::{FileOwnership, FileShare};
pub(crate) use outage::{QueuedWrite, delay_after};
pub(crate) use outcome::Outcome;
pub(crate) use queue::Lane;
pub(crate) use run_once::RunOnce;
