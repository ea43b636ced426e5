//! Places whose items are loaded from where they are, without a link in the cache.
//!
//! An item names its source by a number, which fits into space that each item has anyway.
//! A source is kept as long as its path is tracked or an item is loaded from it.
//!
//! The source of a dataset is *open* as long as the dataset. Its items may stay in memory
//! without a handle until then.

use std::sync::Arc;

use uuid::Uuid;

use super::FileFingerprint;
use super::keys::PlaceId;
use super::tracked_path::PlaceKeys;
use crate::process::Process;
use crate::sync::Mutex;

/// The number of a source, at most [`SourceId::LAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(pub(super) u32);

/// The sources of one store.
pub(crate) struct Sources<P> {
    slots: Mutex<Slots<P>>,
    process: Process,
}

struct Slots<P> {
    slots: Vec<Option<Source<P>>>,
    /// Empty slots.
    free: Vec<u32>,
}

struct Source<P> {
    path: Arc<P>,
    /// The keys that the path tracks.
    keys: Arc<PlaceKeys>,
    /// The keys of the place as a whole. A reader that has pinned a generation tracks the
    /// keys of that generation alone.
    #[cfg_attr(
        not(feature = "dataset"),
        expect(dead_code, reason = "only datasets move items")
    )]
    whole: Arc<PlaceKeys>,
    /// The current commit, while the source is open.
    commit: Option<Arc<dyn Commit>>,
    /// Never 0.
    shares: usize,
}

/// The current commit of a dataset.
pub(crate) trait Commit: Send + Sync {
    #[cfg(feature = "dataset")]
    fn generation(&self) -> u64;

    /// The file that the commit has under this key.
    fn fingerprint(&self, key: Uuid) -> Option<FileFingerprint>;
}

/// The move of items from the source of a dataset to that of another commit, or to none.
#[cfg(feature = "dataset")]
pub(crate) struct Handover {
    pub(crate) from: SourceId,
    from_commit: Arc<dyn Commit>,
    to: Option<(SourceId, Arc<dyn Commit>)>,
}

#[cfg(feature = "dataset")]
impl Handover {
    /// The source that has the same file of `key`, and its commit.
    fn target(&self, key: Uuid) -> Option<(SourceId, &Arc<dyn Commit>)> {
        let (to, commit) = self.to.as_ref()?;
        let file = commit.fingerprint(key)?;
        (self.from_commit.fingerprint(key) == Some(file)).then_some((*to, commit))
    }
}

/// A share of a source. The source is there as long as the share.
pub(crate) struct SourceShare<P> {
    sources: Arc<Sources<P>>,
    id: SourceId,
    path: Arc<P>,
}

impl SourceId {
    /// It leaves one bit for [`Location`](super::file_share::Location).
    pub(super) const LAST: u32 = (1 << 31) - 1;
}

impl<P> Default for Sources<P> {
    fn default() -> Self {
        Self {
            slots: Mutex::new(Slots {
                slots: Vec::new(),
                free: Vec::new(),
            }),
            process: Process::current(),
        }
    }
}

impl<P> Sources<P> {
    /// Adds `path` as a new source.
    pub(super) fn enter(
        self: &Arc<Self>,
        path: P,
        keys: Arc<PlaceKeys>,
        whole: Arc<PlaceKeys>,
    ) -> SourceShare<P> {
        let path = Arc::new(path);
        let source = Some(Source {
            path: path.clone(),
            keys,
            whole,
            commit: None,
            shares: 1,
        });
        let mut slots = self.slots.lock();
        let slot = match slots.free.pop() {
            Some(slot) => {
                slots.slots[slot as usize] = source;
                slot
            }
            None => {
                slots.slots.push(source);
                let slot = u32::try_from(slots.slots.len() - 1).ok();
                slot.filter(|slot| *slot <= SourceId::LAST)
                    .expect("each has a path in memory")
            }
        };
        drop(slots);
        SourceShare {
            sources: self.clone(),
            id: SourceId(slot),
            path,
        }
    }

    /// Adds a share for a caller that has one.
    pub(super) fn share(&self, id: SourceId) {
        self.slots.lock().source(id).shares += 1;
    }

    /// Whether the file of `key` is there, and is not being deleted, for a caller that has a
    /// share.
    pub(super) fn contains_key(&self, id: SourceId, key: Uuid) -> bool {
        let keys = self.slots.lock().source(id).keys.clone();
        keys.keys().contains(key)
    }

    /// Adds a share of the source that has the same file of `key`, if it is still open.
    #[cfg(feature = "dataset")]
    pub(super) fn share_target(&self, handover: &Handover, key: Uuid) -> Option<SourceId> {
        let (to, commit) = handover.target(key)?;
        let mut slots = self.slots.lock();
        // The number may be that of another source by now.
        let source = slots.slots.get_mut(to.0 as usize)?.as_mut()?;
        let is_open = (source.commit.as_ref()).is_some_and(|open| Arc::ptr_eq(open, commit));
        is_open.then(|| {
            source.shares += 1;
            to
        })
    }

    /// The path of a source, for a caller that has a share.
    pub(super) fn path(&self, id: SourceId) -> Arc<P> {
        self.slots.lock().source(id).path.clone()
    }

    /// The place of a source, for a caller that has a share.
    pub(super) fn place(&self, id: SourceId) -> PlaceId {
        self.slots.lock().source(id).keys.id()
    }

    /// Whether a source, if it is still there, is a tracking of this very place.
    pub(super) fn is_of(&self, id: SourceId, place: PlaceId) -> bool {
        let slots = self.slots.lock();
        let source = slots.slots.get(id.0 as usize).and_then(Option::as_ref);
        source.is_some_and(|source| source.keys.id() == place)
    }

    /// Opens the source of a dataset.
    #[cfg(feature = "dataset")]
    pub(super) fn open(&self, id: SourceId, commit: Arc<dyn Commit>) {
        self.slots.lock().source(id).commit = Some(commit);
    }

    /// Whether the source is open, its commit has the key, and the file is not being deleted,
    /// for a caller that has a share.
    pub(super) fn is_committed(&self, id: SourceId, key: Uuid) -> bool {
        let mut slots = self.slots.lock();
        let source = slots.source(id);
        let (commit, keys) = (source.commit.clone(), source.keys.clone());
        drop(slots);
        commit.is_some_and(|commit| commit.fingerprint(key).is_some()) && keys.keys().contains(key)
    }

    /// Closes a source that is open. Its items move to the open source of the same place
    /// that has the latest commit.
    ///
    /// The caller looks for items that stay afterwards. `Item::try_stay` asks whether the
    /// source is open once it has let the item stay. So at least one of the two sees what the
    /// other did.
    #[cfg(feature = "dataset")]
    pub(super) fn close(&self, id: SourceId) -> Option<Handover> {
        let mut slots = self.slots.lock();
        let source = slots.source(id);
        let (from_commit, whole) = (source.commit.take()?, source.whole.id());
        let others = slots.open_of(whole);
        let to = others.max_by_key(|(_, commit)| commit.generation());
        Some(Handover {
            from: id,
            from_commit,
            to,
        })
    }

    /// The handover of items from one source to another, if both are open on the same place
    /// and the second one has a later commit.
    #[cfg(feature = "dataset")]
    pub(super) fn handover(&self, from: SourceId, to: SourceId) -> Option<Handover> {
        let mut slots = self.slots.lock();
        let whole = slots.source(to).whole.id();
        let to_commit = slots.source(to).commit.clone()?;
        let source = slots.slots[from.0 as usize].as_ref()?;
        let from_commit = source.commit.clone()?;
        let moves = source.whole.id() == whole;
        (moves && to_commit.generation() > from_commit.generation()).then(|| Handover {
            from,
            from_commit,
            to: Some((to, to_commit)),
        })
    }

    /// The open source of a dataset at this very place, if its commit has the key.
    pub(super) fn open_at(&self, place: PlaceId, key: Uuid) -> Option<SourceId> {
        let slots = self.slots.lock();
        let mut at_place = slots.all().filter(|(_, source)| source.keys.id() == place);
        let (id, _) = at_place.find(|(_, source)| {
            let commit = source.commit.as_ref();
            commit.is_some_and(|commit| commit.fingerprint(key).is_some())
        })?;
        Some(id)
    }

    /// Removes a share. Returns the path after the last one, to be dropped without the
    /// lock.
    pub(super) fn leave(&self, id: SourceId) -> Option<Arc<P>> {
        let mut slots = self.slots.lock();
        let source = slots.source(id);
        source.shares -= 1;
        if source.shares > 0 {
            return None;
        }
        let source = slots.slots[id.0 as usize].take();
        slots.free.push(id.0);
        source.map(|source| source.path)
    }
}

impl<P> Slots<P> {
    fn all(&self) -> impl Iterator<Item = (SourceId, &Source<P>)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(slot, source)| {
            Some((SourceId(u32::try_from(slot).ok()?), source.as_ref()?))
        })
    }

    #[cfg(feature = "dataset")]
    fn open_of(&self, whole: PlaceId) -> impl Iterator<Item = (SourceId, Arc<dyn Commit>)> {
        let of_place = self
            .all()
            .filter(move |(_, source)| source.whole.id() == whole);
        of_place.filter_map(|(id, source)| Some((id, source.commit.clone()?)))
    }

    fn source(&mut self, id: SourceId) -> &mut Source<P> {
        let source = self.slots[id.0 as usize].as_mut();
        source.expect("a source stays until its last share is released")
    }
}

impl<P> SourceShare<P> {
    pub(super) fn id(&self) -> SourceId {
        self.id
    }

    pub(super) fn path(&self) -> &P {
        &self.path
    }
}

impl<P> Drop for SourceShare<P> {
    fn drop(&mut self) {
        // A lock of the parent's may never be released in a forked child.
        if !self.sources.process.is_forked() {
            drop(self.sources.leave(self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Arc<PlaceKeys> {
        Arc::default()
    }

    #[test]
    fn a_source_stays_until_its_last_share_and_its_number_is_used_again() {
        let sources = Arc::<Sources<_>>::default();
        let (here, elsewhere) = (place(), place());
        let one = sources.enter("one", here.clone(), here.clone());
        let other = sources.enter("other", elsewhere.clone(), elsewhere.clone());
        let first = one.id();
        assert_ne!(first, other.id());
        assert_eq!(*sources.path(first), "one");
        assert_eq!(sources.place(other.id()), elsewhere.id());

        sources.share(first);
        drop(one);
        assert_eq!(*sources.path(first), "one");
        assert_eq!(sources.leave(first).as_deref(), Some(&"one"));
        assert_eq!(sources.enter("third", here.clone(), here).id(), first);
    }

    /// A commit that has one file, of this length.
    #[cfg(feature = "dataset")]
    struct OneFile {
        generation: u64,
        len: u64,
    }

    #[cfg(feature = "dataset")]
    const KEY: Uuid = Uuid::from_u128(1);

    #[cfg(feature = "dataset")]
    impl Commit for OneFile {
        fn generation(&self) -> u64 {
            self.generation
        }

        fn fingerprint(&self, key: Uuid) -> Option<FileFingerprint> {
            let (len, check) = (self.len, 0);
            (key == KEY).then_some(FileFingerprint { len, check })
        }
    }

    /// An open source of a reader of this place.
    #[cfg(feature = "dataset")]
    fn open(
        sources: &Arc<Sources<&'static str>>,
        whole: &Arc<PlaceKeys>,
        generation: u64,
        len: u64,
    ) -> SourceShare<&'static str> {
        let source = sources.enter("the dataset", place(), whole.clone());
        sources.open(source.id(), Arc::new(OneFile { generation, len }));
        source
    }

    #[cfg(feature = "dataset")]
    #[test]
    fn items_move_to_the_latest_open_commit_of_their_place_that_has_their_file() {
        let sources = Arc::<Sources<_>>::default();
        let whole = place();
        let (first, second) = (open(&sources, &whole, 1, 10), open(&sources, &whole, 2, 10));
        let elsewhere = open(&sources, &place(), 9, 10);
        let handover = sources.handover(first.id(), second.id()).expect("it moves");
        let target = sources.share_target(&handover, KEY);
        assert_eq!(target, Some(second.id()));
        assert!(sources.leave(second.id()).is_none());
        let other = Uuid::from_u128(2);
        assert_eq!(sources.share_target(&handover, other), None);
        assert!(sources.handover(second.id(), first.id()).is_none());
        assert!(sources.handover(first.id(), elsewhere.id()).is_none());

        let third = open(&sources, &whole, 3, 11);
        let handover = sources.close(first.id()).expect("it was open");
        assert_eq!(sources.share_target(&handover, KEY), None, "another file");
        assert!(!sources.is_committed(first.id(), KEY));
        sources.close(third.id());
        let handover = sources.close(second.id()).expect("it was open");
        assert_eq!(sources.share_target(&handover, KEY), None, "none is open");
    }

    #[cfg(feature = "dataset")]
    #[test]
    fn nothing_moves_to_a_source_that_was_closed_or_whose_number_is_used_again() {
        let sources = Arc::<Sources<_>>::default();
        let whole = place();
        let (first, second) = (open(&sources, &whole, 1, 10), open(&sources, &whole, 2, 10));
        let handover = sources.close(first.id()).expect("it was open");
        sources.close(second.id());
        assert_eq!(sources.share_target(&handover, KEY), None, "it is closed");
        let number = second.id();
        drop(second);
        assert_eq!(sources.share_target(&handover, KEY), None, "it is gone");
        let other = open(&sources, &place(), 3, 10);
        assert_eq!(other.id(), number);
        assert_eq!(sources.share_target(&handover, KEY), None, "it is another");
    }
}
