//! Keys, tokens and background work around a store.
//!
//! [`BackingStoreT`] and [`Strategy`] are what a store must be able to do;
//! [`BackingStore`] wraps one and does the rest: every file in the cache has
//! owners, and the last one to go queues its deletion; changes of one key never
//! overlap; jobs run in the background and are waited for.
//!
//! A *tracked path* is a persisted place with the keys known to be there.

mod archiving;
mod background;
mod claim;
mod core;
mod failures;
mod keys;
mod manifests;
mod outage;
mod outcome;
mod queue;
mod registered_tokens;
mod store;
mod task;
mod token;
mod tracked_path;
mod traits;
mod transfers;

pub use archiving::{AdoptStrategy, ArchiveStrategy};
pub use background::Background;
pub use manifests::{ManifestStore, Stamp};
pub use registered_tokens::RegisteredTokens;
pub use store::BackingStore;
pub use task::Task;
pub use tracked_path::{PlaceKeys, TrackedPath};
pub use traits::{BackingStoreT, Strategy, Traffic, Transfer};

pub(crate) use self::core::{Core, guarded};
pub(crate) use claim::Claim;
pub(crate) use outage::{QueuedWrite, delay_after};
pub(crate) use outcome::Outcome;
pub(crate) use queue::Lane;
pub(crate) use token::{File, Token};
