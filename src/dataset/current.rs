//! The current commit of an open dataset.

use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::contents::{Chain, Contents};
use super::reading::Generation;
use crate::backing_store::{Commit, FileFingerprint};
use crate::hash::HashSet;

/// One commit, with its root.
pub(super) struct Version<Root> {
    pub(super) generation: u64,
    pub(super) root: Arc<Root>,
    /// The root, as JSON.
    pub(super) encoded_root: Arc<[u8]>,
    pub(super) contents: Contents,
    /// What its manifest consists of; `None` if that is of version 1.
    pub(super) chain: Option<Chain>,
    /// Whether the contents were salvaged, so that nothing on the disk records them.
    pub(super) is_salvaged: bool,
    /// The keys of damaged files that may still be there, of which a salvage has told.
    pub(super) damaged: Arc<HashSet<Uuid>>,
}

impl<Root> Version<Root> {
    /// What would be read from its files.
    pub(super) fn to_generation(&self) -> Generation {
        Generation {
            number: self.generation,
            root: self.encoded_root.clone(),
            contents: self.contents.clone(),
            chain: self.chain.clone(),
        }
    }

    /// The parts that its manifest needs.
    pub(super) fn parts(&self) -> Vec<Uuid> {
        self.chain.iter().flat_map(Chain::parts).collect()
    }
}

/// The contents of the current commit, for look-ups. Reading them takes no lock.
///
/// They are apart from the root, because they are read under a lock of the store, where no
/// value of the user may be dropped.
pub(super) struct CurrentContents(ArcSwap<CommittedContents>);

struct CommittedContents {
    generation: u64,
    contents: Contents,
}

impl CurrentContents {
    pub(super) fn of<Root>(version: &Version<Root>) -> Self {
        Self(ArcSwap::from_pointee(CommittedContents::of(version)))
    }

    pub(super) fn set<Root>(&self, version: &Version<Root>) {
        self.0.store(Arc::new(CommittedContents::of(version)));
    }

    pub(super) fn key_of(&self, name: &str) -> Option<Uuid> {
        self.0.load().contents.key_of(name)
    }

    pub(super) fn contains(&self, key: Uuid) -> bool {
        self.0.load().contents.contains(key)
    }
}

impl CommittedContents {
    fn of<Root>(version: &Version<Root>) -> Self {
        Self {
            generation: version.generation,
            contents: version.contents.clone(),
        }
    }
}

impl Commit for CurrentContents {
    fn generation(&self) -> u64 {
        self.0.load().generation
    }

    fn fingerprint(&self, key: Uuid) -> Option<FileFingerprint> {
        let entry = self.0.load().contents.get(key);
        entry.map(|entry| entry.fingerprint)
    }
}
