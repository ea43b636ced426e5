//! Where a resident value can be read without waiting.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

/// Holds an item's value while it is resident. Reading takes no lock and writes
/// no memory that another item, or another thread, reads.
///
/// Only whoever holds the item's lock writes it.
pub(crate) struct Slot<T>(ArcSwapOption<T>);

/// A value read from a slot, or held in full.
pub(crate) struct Held<T>(Guard<Option<Arc<T>>>);

impl<T> Slot<T> {
    pub(crate) fn new(value: Option<Arc<T>>) -> Self {
        Self(ArcSwapOption::new(value))
    }

    #[inline]
    pub(crate) fn read(&self) -> Option<Held<T>> {
        let guard = self.0.load();
        guard.is_some().then_some(Held(guard))
    }

    pub(crate) fn read_full(&self) -> Option<Arc<T>> {
        self.0.load_full()
    }

    pub(crate) fn put(&self, value: Arc<T>) {
        let before = self.0.swap(Some(value));
        debug_assert!(before.is_none(), "a slot holds one value at a time");
    }

    /// Empties the slot. Afterwards the value's strong count is complete: a
    /// reader that had borrowed it counts from now on.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        self.0.swap(None)
    }
}

impl<T> Held<T> {
    pub(crate) fn full(value: Arc<T>) -> Self {
        Self(Guard::from_inner(Some(value)))
    }

    pub(crate) fn into_full(self) -> Arc<T> {
        Guard::into_inner(self.0).expect("a held value is there")
    }
}

impl<T> std::ops::Deref for Held<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().expect("a held value is there")
    }
}
