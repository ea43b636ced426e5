//! Places whose items are loaded from where they are, without a link in the cache.
//!
//! An item names its source by a number, which fits into space that each item has anyway.
//! A source is kept as long as its path is tracked or an item is loaded from it.

use std::sync::Arc;

use super::keys::PlaceId;
use crate::sync::Mutex;

/// The number of a source, at most [`SourceId::LAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(pub(super) u32);

/// The sources of one store.
pub(crate) struct Sources<P>(Mutex<Slots<P>>);

struct Slots<P> {
    slots: Vec<Option<Source<P>>>,
    /// Empty slots.
    free: Vec<u32>,
}

struct Source<P> {
    path: Arc<P>,
    /// The place that the path names.
    place: PlaceId,
    /// Never 0.
    shares: usize,
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
        Self(Mutex::new(Slots {
            slots: Vec::new(),
            free: Vec::new(),
        }))
    }
}

impl<P> Sources<P> {
    /// Adds `path`, which names this place, as a new source.
    pub(super) fn enter(self: &Arc<Self>, path: P, place: PlaceId) -> SourceShare<P> {
        let path = Arc::new(path);
        let source = Some(Source {
            path: path.clone(),
            place,
            shares: 1,
        });
        let mut slots = self.0.lock();
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
        self.0.lock().source(id).shares += 1;
    }

    /// The path of a source, for a caller that has a share.
    pub(super) fn path(&self, id: SourceId) -> Arc<P> {
        self.0.lock().source(id).path.clone()
    }

    /// The place of a source, for a caller that has a share.
    pub(super) fn place(&self, id: SourceId) -> PlaceId {
        self.0.lock().source(id).place
    }

    /// Removes a share. Returns the path after the last one, to be dropped without the
    /// lock.
    pub(super) fn leave(&self, id: SourceId) -> Option<Arc<P>> {
        let mut slots = self.0.lock();
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
        drop(self.sources.leave(self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_stays_until_its_last_share_and_its_number_is_used_again() {
        let sources = Arc::<Sources<_>>::default();
        let (place, elsewhere) = (PlaceId::next(), PlaceId::next());
        let one = sources.enter("one", place);
        let other = sources.enter("other", elsewhere);
        let first = one.id();
        assert_ne!(first, other.id());
        assert_eq!(*sources.path(first), "one");
        assert_eq!(sources.place(other.id()), elsewhere);

        sources.share(first);
        drop(one);
        assert_eq!(*sources.path(first), "one");
        assert_eq!(sources.leave(first).as_deref(), Some(&"one"));
        assert_eq!(sources.enter("third", place).id(), first);
    }
}
