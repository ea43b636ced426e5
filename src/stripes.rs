//! A value for each of a few groups of threads.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

const STRIPES: usize = 64;

/// A value for each thread, which threads share only if there are more than 64 of them.
/// Writing to it costs less than writing to what all threads share.
pub(crate) struct Stripes<T>(Box<[CachePadded<T>]>);

impl<T: Default> Stripes<T> {
    pub(crate) fn new() -> Self {
        Self((0..STRIPES).map(|_| CachePadded::default()).collect())
    }
}

impl<T> Stripes<T> {
    /// The value of this thread.
    #[inline]
    pub(crate) fn mine(&self) -> &T {
        &self.0[stripe()]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|value| &**value)
    }
}

/// The stripe of this thread.
#[inline]
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    // The thread-local is gone in a thread that is ending; it uses stripe 0.
    STRIPE
        .try_with(|stripe| {
            if stripe.get() == usize::MAX {
                stripe.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
            }
            stripe.get()
        })
        .unwrap_or(0)
}
