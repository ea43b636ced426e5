//! The current commit of an open dataset.

use std::sync::Arc;

use arc_swap::ArcSwap;
use file_backed_codecs::pack::PackIdentity;
use rpds::HashTrieMapSync;
use uuid::Uuid;

use super::contents::{Chain, Contents};
use super::manifest::{ItemEntry, Place};
use super::reading::Generation;
use crate::backing_store::{Commit, FileFingerprint, PackLocator, PackedAt};
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

#[derive(Clone)]
struct CommittedContents {
    generation: u64,
    contents: Contents,
    /// Items of packs that the commit does not have: those that commits have removed, as long as
    /// they may have handles, and those of the commit that runs. Most datasets have none.
    beside: HashTrieMapSync<Uuid, ItemEntry>,
}

impl CurrentContents {
    /// Of a dataset that is being opened.
    pub(super) fn empty() -> Self {
        Self(ArcSwap::from_pointee(CommittedContents {
            generation: 0,
            contents: Contents::empty(),
            beside: HashTrieMapSync::default(),
        }))
    }

    /// Only the commit that runs, or an open, changes them.
    fn change(&self, change: impl FnOnce(&mut CommittedContents)) {
        let mut contents = CommittedContents::clone(&self.0.load());
        change(&mut contents);
        self.0.store(Arc::new(contents));
    }

    /// Notes what was found when the dataset was opened.
    pub(super) fn set_found(&self, found: &Generation) {
        self.change(|current| {
            current.generation = found.number;
            current.contents = found.contents.clone();
        });
    }

    /// Sets the current commit, which does not have the `removed` items of the one before.
    pub(super) fn set<Root>(&self, version: &Version<Root>, removed: &[Uuid]) {
        self.change(|current| {
            if current.contents.has_packs() {
                for key in removed {
                    let entry = current.contents.get(*key);
                    if let Some(entry) = entry.filter(|entry| entry.place != Place::File) {
                        current.beside.insert_mut(*key, entry);
                    }
                }
            }
            current.generation = version.generation;
            current.contents = version.contents.clone();
        });
    }

    /// Notes items of packs that are at the path, and that the current commit does not have.
    pub(super) fn note_beside(&self, entries: &[(Uuid, ItemEntry)]) {
        if entries.is_empty() {
            return;
        }
        self.change(|current| {
            for (key, entry) in entries {
                current.beside.insert_mut(*key, *entry);
            }
        });
    }

    /// Forgets the items beside the commit that are not there any more, or that it has.
    pub(super) fn forget_beside(&self, is_there: impl Fn(Uuid) -> bool) {
        let current = self.0.load();
        let stays = |key: &Uuid| is_there(*key) && !current.contents.contains(*key);
        let beside = current.beside.keys();
        let gone: Vec<_> = beside.filter(|key| !stays(key)).copied().collect();
        if gone.is_empty() {
            return;
        }
        self.change(|current| {
            for key in gone {
                current.beside.remove_mut(&key);
            }
        });
    }

    /// Called once the dataset is closed: those who load an item of it have this.
    pub(super) fn forget_all_but_packs(&self) {
        if !self.0.load().has_packs() {
            self.change(|current| current.contents = Contents::empty());
        }
    }

    /// The packs of the items beside the commit.
    pub(super) fn packs_beside(&self) -> Vec<Uuid> {
        let current = self.0.load();
        let places = current.beside.values();
        let places = places.filter_map(|entry| entry.place.packed());
        places.map(|at| at.pack.file.id).collect()
    }

    /// Where an item is that is at the path of the dataset.
    pub(super) fn place_of(&self, key: Uuid) -> Place {
        let current = self.0.load();
        let entry = current.has_packs().then(|| current.entry(key)).flatten();
        entry.map_or(Place::File, |entry| entry.place)
    }

    pub(super) fn key_of(&self, name: &str) -> Option<Uuid> {
        self.0.load().contents.key_of(name)
    }

    pub(super) fn contains(&self, key: Uuid) -> bool {
        self.0.load().contents.contains(key)
    }
}

impl CommittedContents {
    fn has_packs(&self) -> bool {
        self.contents.has_packs() || !self.beside.is_empty()
    }

    /// An item of the commit, or one beside it.
    fn entry(&self, key: Uuid) -> Option<ItemEntry> {
        let entry = self.contents.get(key);
        entry.or_else(|| self.beside.get(&key).copied())
    }
}

impl PackLocator for CurrentContents {
    fn locate(&self, key: Uuid) -> Option<PackedAt> {
        let current = self.0.load();
        // Most datasets have no packs, and looking up takes longer.
        match current.has_packs() {
            true => current.entry(key)?.packed_at(),
            false => None,
        }
    }

    fn keys(&self, each: &mut dyn FnMut(Uuid, PackIdentity)) {
        let current = self.0.load();
        let mut note = |key, entry: ItemEntry| {
            let at = entry.place.packed();
            at.into_iter()
                .for_each(|at| each(key, at.pack.to_identity()));
        };
        if current.contents.has_packs() {
            let items = current.contents.items();
            items.for_each(|(key, entry)| note(key, entry));
        }
        let beside = current.beside.iter();
        beside.for_each(|(key, entry)| note(*key, *entry));
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
