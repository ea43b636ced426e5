//! Counts that each thread changes in memory of its own.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// The threads that can have stripes of their own at the same time.
const OWN: usize = 64;

/// The stripe of all other threads.
const SHARED: usize = OWN;

/// A few counts for each thread, whose sums are the counts. A thread that has a stripe of
/// its own changes it without an atomic addition, which would cost more than what is
/// counted.
///
/// A part can be negative, because one thread may add what another one subtracts. Only the
/// sums mean something.
pub(crate) struct Stripes<T>(Box<[CachePadded<T>]>);

impl<T: Default> Stripes<T> {
    pub(crate) fn new() -> Self {
        Self((0..=SHARED).map(|_| CachePadded::default()).collect())
    }
}

impl<T> Stripes<T> {
    /// Adds amounts to some counts.
    #[inline]
    pub(crate) fn add<const N: usize>(&self, amounts: impl FnOnce(&T) -> [(&AtomicU64, u64); N]) {
        let stripe = stripe();
        for (count, amount) in amounts(&self.0[stripe]) {
            if stripe == SHARED {
                count.fetch_add(amount, Ordering::Relaxed);
            } else {
                let sum = count.load(Ordering::Relaxed).wrapping_add(amount);
                count.store(sum, Ordering::Relaxed);
            }
        }
    }

    /// The sum of a count. While other threads change it, some changes may be seen without
    /// others that came first, so that the sum of a count that others also decrease is
    /// below 0 for a moment: it is 0 then.
    pub(crate) fn sum(&self, count: impl Fn(&T) -> &AtomicU64) -> u64 {
        let parts = self.0.iter();
        let parts = parts.map(|counts| count(counts).load(Ordering::Relaxed));
        let sum = parts.fold(0, u64::wrapping_add);
        if sum > i64::MAX as u64 { 0 } else { sum }
    }
}

/// A bit for each stripe that a thread has for its own.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// The stripe of a thread, from its first count to its end.
struct Stripe(Cell<Option<usize>>);

impl Drop for Stripe {
    fn drop(&mut self) {
        if let Some(own) = self.0.get().filter(|stripe| *stripe != SHARED) {
            // What this thread counted happens before what the next owner counts.
            TAKEN.fetch_and(!(1 << own), Ordering::Release);
        }
    }
}

#[inline]
fn stripe() -> usize {
    thread_local! {
        static STRIPE: Stripe = const { Stripe(Cell::new(None)) };
    }
    // A thread that is ending has no stripe of its own any more.
    let stripe = STRIPE.try_with(|stripe| stripe.0.get().unwrap_or_else(|| take(stripe)));
    stripe.unwrap_or(SHARED)
}

#[cold]
fn take(stripe: &Stripe) -> usize {
    let lowest = |taken: u64| Some(taken | taken.wrapping_add(1));
    let before = TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowest);
    let own = before.map_or(OWN, |taken| taken.trailing_ones() as usize);
    stripe.0.set(Some(own));
    own
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[derive(Default)]
    struct Counts {
        ups: AtomicU64,
        level: AtomicU64,
    }

    /// More threads than stripes, so that some share one.
    #[test]
    fn no_count_is_lost_however_many_threads_count() {
        let stripes = Stripes::<Counts>::new();
        let threads = 2 * OWN;
        let all_began = Barrier::new(threads);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (stripes, all_began) = (&stripes, &all_began);
                scope.spawn(move || {
                    stripes.add(|counts| [(&counts.ups, 1)]);
                    all_began.wait();
                    for _ in 1..1000 {
                        let change = if thread % 2 == 0 {
                            1
                        } else {
                            1_u64.wrapping_neg()
                        };
                        stripes.add(|counts| [(&counts.ups, 1), (&counts.level, change)]);
                    }
                });
            }
        });
        assert_eq!(stripes.sum(|counts| &counts.ups), 1000 * threads as u64);
        assert_eq!(stripes.sum(|counts| &counts.level), 0);
    }

    /// Threads come and go, and count in what others have left.
    #[test]
    fn a_thread_counts_on_from_what_another_one_left() {
        let stripes = Stripes::<Counts>::new();
        for _ in 0..10 * OWN {
            std::thread::scope(|scope| {
                scope.spawn(|| stripes.add(|counts| [(&counts.ups, 1)]));
            });
        }
        assert_eq!(stripes.sum(|counts| &counts.ups), 10 * OWN as u64);
    }

    /// Values that a thread keeps in its own variables are dropped after the stripe.
    #[test]
    fn a_thread_that_is_ending_can_still_count() {
        struct Late(&'static Stripes<Counts>);
        impl Drop for Late {
            fn drop(&mut self) {
                self.0.add(|counts| [(&counts.ups, 1)]);
            }
        }
        thread_local! {
            static LATE: Cell<Option<Late>> = const { Cell::new(None) };
        }
        let stripes: &'static _ = Box::leak(Box::new(Stripes::<Counts>::new()));
        for counts_first in [true, false] {
            let before = stripes.sum(|counts| &counts.ups);
            let thread = std::thread::spawn(move || {
                if counts_first {
                    stripes.add(|counts| [(&counts.ups, 1)]);
                }
                LATE.set(Some(Late(stripes)));
                if !counts_first {
                    stripes.add(|counts| [(&counts.ups, 1)]);
                }
            });
            thread.join().expect("it counted");
            assert_eq!(stripes.sum(|counts| &counts.ups), before + 2);
        }
    }
}
