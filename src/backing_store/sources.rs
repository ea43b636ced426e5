//! Places whose items are loaded from where they are, without a link in the cache.
//!
//! An item names its source by a number, which fits into space that each item has anyway.
//! A source is kept as long as an item is loaded from it.

use std::sync::Arc;

use crate::hash::HashMap;
use crate::sync::Mutex;

/// The number of a source. It is bytes and not a number, so that it needs no alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId([u8; 4]);

/// The sources of one store.
pub(crate) struct Sources<P>(Mutex<Slots<P>>);

struct Slots<P> {
    slots: Vec<Option<Source<P>>>,
    /// Empty slots.
    free: Vec<u32>,
    /// The slot of each path, by its address.
    by_path: HashMap<usize, u32>,
}

struct Source<P> {
    path: Arc<P>,
    /// Shares that are loaded from it; never 0.
    shares: usize,
}

impl SourceId {
    fn new(slot: u32) -> Self {
        Self(slot.to_ne_bytes())
    }

    fn slot(self) -> u32 {
        u32::from_ne_bytes(self.0)
    }
}

impl<P> Default for Sources<P> {
    fn default() -> Self {
        Self(Mutex::new(Slots {
            slots: Vec::new(),
            free: Vec::new(),
            by_path: HashMap::default(),
        }))
    }
}

impl<P> Sources<P> {
    /// Adds a share of `path`, and returns the number of the source.
    pub(super) fn enter(&self, path: &Arc<P>) -> SourceId {
        let mut slots = self.0.lock();
        let address = Arc::as_ptr(path) as usize;
        if let Some(slot) = slots.by_path.get(&address).copied() {
            let id = SourceId::new(slot);
            slots.source(id).shares += 1;
            return id;
        }
        let source = Some(Source {
            path: path.clone(),
            shares: 1,
        });
        let slot = match slots.free.pop() {
            Some(slot) => {
                slots.slots[slot as usize] = source;
                slot
            }
            None => {
                slots.slots.push(source);
                u32::try_from(slots.slots.len() - 1).expect("each has a path in memory")
            }
        };
        slots.by_path.insert(address, slot);
        SourceId::new(slot)
    }

    /// Adds a share for a caller that has one.
    pub(super) fn share(&self, id: SourceId) {
        self.0.lock().source(id).shares += 1;
    }

    /// The path of a source, for a caller that has a share.
    pub(super) fn path(&self, id: SourceId) -> Arc<P> {
        self.0.lock().source(id).path.clone()
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
        let source = slots.slots[id.slot() as usize].take();
        let path = source.expect("it was just there").path;
        slots.by_path.remove(&(Arc::as_ptr(&path) as usize));
        slots.free.push(id.slot());
        Some(path)
    }
}

impl<P> Slots<P> {
    fn source(&mut self, id: SourceId) -> &mut Source<P> {
        let source = self.slots[id.slot() as usize].as_mut();
        source.expect("a source stays until its last share is released")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_stays_until_its_last_share_and_its_number_is_used_again() {
        let sources = Sources::default();
        let (one, other) = (Arc::new("one"), Arc::new("other"));
        let first = sources.enter(&one);
        assert_eq!(sources.enter(&one), first);
        sources.share(first);
        let second = sources.enter(&other);
        assert_ne!(first, second);
        assert_eq!(
            (*sources.path(first), *sources.path(second)),
            ("one", "other")
        );
        assert!(sources.leave(first).is_none() && sources.leave(first).is_none());
        assert_eq!(sources.leave(first).as_deref(), Some(&"one"));
        assert_eq!(sources.enter(&Arc::new("third")), first);
        assert_eq!(*sources.path(first), "third");
    }
}
