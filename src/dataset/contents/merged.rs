//! Two sorted lists as one.

use std::cmp::Ordering;

/// What a list contains after changes, in order and from both ends. Both come in
/// ascending order of the keys; a change to `None` removes.
pub(super) struct Merged<K, V, L, R> {
    list: Peeking<L, (K, V)>,
    changes: Peeking<R, (K, Option<V>)>,
}

impl<K, V, L, R> Merged<K, V, L, R> {
    pub(super) fn new(list: L, changes: R) -> Self {
        Self {
            list: Peeking::new(list),
            changes: Peeking::new(changes),
        }
    }
}

impl<K: Ord, V, L, R> Iterator for Merged<K, V, L, R>
where
    L: DoubleEndedIterator<Item = (K, V)>,
    R: DoubleEndedIterator<Item = (K, Option<V>)>,
{
    type Item = (K, V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.list.peek(), self.changes.peek()) {
                (Some((old, _)), Some((new, _))) => old.cmp(new),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if order == Ordering::Less {
                return self.list.next();
            }
            if order == Ordering::Equal {
                self.list.next();
            }
            if let (key, Some(value)) = self.changes.next()? {
                return Some((key, value));
            }
        }
    }
}

impl<K: Ord, V, L, R> DoubleEndedIterator for Merged<K, V, L, R>
where
    L: DoubleEndedIterator<Item = (K, V)>,
    R: DoubleEndedIterator<Item = (K, Option<V>)>,
{
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.list.peek_back(), self.changes.peek_back()) {
                (Some((old, _)), Some((new, _))) => old.cmp(new),
                (Some(_), None) => Ordering::Greater,
                (None, _) => Ordering::Less,
            };
            if order == Ordering::Greater {
                return self.list.next_back();
            }
            if order == Ordering::Equal {
                self.list.next_back();
            }
            if let (key, Some(value)) = self.changes.next_back()? {
                return Some((key, value));
            }
        }
    }
}

/// An iterator whose next item from each end can be looked at.
struct Peeking<I, T> {
    rest: I,
    front: Option<T>,
    back: Option<T>,
}

impl<T, I: DoubleEndedIterator<Item = T>> Peeking<I, T> {
    fn peek(&mut self) -> Option<&T> {
        if self.front.is_none() {
            self.front = self.rest.next();
        }
        self.front.as_ref().or(self.back.as_ref())
    }

    fn next(&mut self) -> Option<T> {
        let next = self.front.take().or_else(|| self.rest.next());
        next.or_else(|| self.back.take())
    }

    fn peek_back(&mut self) -> Option<&T> {
        if self.back.is_none() {
            self.back = self.rest.next_back();
        }
        self.back.as_ref().or(self.front.as_ref())
    }

    fn next_back(&mut self) -> Option<T> {
        let next = self.back.take().or_else(|| self.rest.next_back());
        next.or_else(|| self.front.take())
    }
}

impl<I, T> Peeking<I, T> {
    fn new(rest: I) -> Self {
        Self {
            rest,
            front: None,
            back: None,
        }
    }
}
