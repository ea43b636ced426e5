//! The slot, from which a resident value is read without waiting.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::sync::{PointOnDrop, point};

/// Holds an item's value while it is resident. Reading takes no lock, and writes
/// no memory that other items or other threads read.
///
/// The slot is written only under the item's lock.
pub(crate) struct Slot<T>(ArcSwapOption<T>);

/// A value: borrowed from a slot, or with a counted reference.
pub(crate) struct ValueRef<T> {
    _before_drop: PointOnDrop,
    value: Guard<Option<Arc<T>>>,
}

impl<T> Slot<T> {
    pub(crate) fn new(value: Option<Arc<T>>) -> Self {
        Self(ArcSwapOption::new(value))
    }

    #[inline]
    pub(crate) fn read(&self) -> Option<ValueRef<T>> {
        point();
        let value = self.0.load();
        value.is_some().then(|| ValueRef::new(value))
    }

    pub(crate) fn read_full(&self) -> Option<Arc<T>> {
        point();
        self.0.load_full()
    }

    pub(crate) fn put(&self, value: Arc<T>) {
        point();
        let before = self.0.swap(Some(value));
        debug_assert!(
            before.is_none(),
            "a slot is empty before a value is put into it"
        );
    }

    /// Empties the slot. Afterwards the value's strong count is complete: readers
    /// that had borrowed the value uncounted are now counted.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        point();
        let value = self.0.swap(None);
        point();
        value
    }
}

impl<T> ValueRef<T> {
    #[inline]
    fn new(value: Guard<Option<Arc<T>>>) -> Self {
        Self {
            _before_drop: PointOnDrop,
            value,
        }
    }

    pub(crate) fn full(value: Arc<T>) -> Self {
        Self::new(Guard::from_inner(Some(value)))
    }

    pub(crate) fn into_full(self) -> Arc<T> {
        Guard::into_inner(self.value).expect("a pinned value is in its guard")
    }
}

impl<T> std::ops::Deref for ValueRef<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value
            .as_deref()
            .expect("a pinned value is in its guard")
    }
}
