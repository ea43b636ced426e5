//! Bringing values into memory ahead of their use.

use std::collections::VecDeque;

use super::FBPool;
use super::loading::{FlightWait, LoadStart};
use crate::backing_store::{Strategy, load_room};
use crate::{Error, Fb, Result};

/// What a prefetch has brought in; from [`FBPool::prefetch`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Prefetched {
    /// Items whose values were loaded.
    pub loaded: usize,
    /// Items whose values were in memory already.
    pub resident: usize,
    /// Items that were left out, because half of the budget is full of values that were
    /// prefetched and not used yet.
    pub left_out: usize,
    /// Items that could not be loaded.
    pub failed: usize,
    /// The error of the first of these.
    pub first_error: Option<Error>,
}

impl Prefetched {
    pub(crate) fn note_failure(&mut self, error: Error) {
        self.failed += 1;
        self.first_error.get_or_insert(error);
    }

    /// Both together.
    #[cfg(feature = "dataset")]
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            loaded: self.loaded + later.loaded,
            resident: self.resident + later.resident,
            left_out: self.left_out + later.left_out,
            failed: self.failed + later.failed,
            first_error: self.first_error.or(later.first_error),
        }
    }

    fn note<R>(&mut self, loaded: Result<R>) {
        match loaded {
            Ok(_) => self.loaded += 1,
            Err(error) => self.note_failure(error),
        }
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Brings the values of items into memory ahead of their use, as many at once as the
    /// store [runs](crate::BackingStore::most_in_flight), and waits for them. It returns no
    /// guards: read the items afterwards, each of which is then a hit, unless the pool has
    /// evicted it for others meanwhile.
    ///
    /// It loads the items in their order, until half of the budget is full of values that
    /// were prefetched and not used since; [`Prefetched::left_out`] counts the others. So it
    /// never displaces the recent half of the cache; several calls at a time may. A value that
    /// is in memory already stays where it is. Loads take room like all others
    /// ([`PoolBuilder::bytes`](crate::PoolBuilder::bytes)), and count as misses. Of a file
    /// that is mapped, the system is asked to read all pages at once, instead of one after
    /// the other as they are accessed.
    ///
    /// # Errors
    ///
    /// An item that cannot be loaded changes nothing for the others:
    /// [`Prefetched::failed`] counts it. Reading it tries again, and returns the error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: loads that have been queued continue, and their
    /// values enter the pool. No others follow.
    ///
    /// # Examples
    ///
    /// A scan in which the disk works on the next part while the program works on this one:
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::BinCodec;
    /// use file_backed::{Error, FBPool};
    ///
    /// let pool: Arc<FBPool<Vec<u64>, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let items: Vec<_> = (0..1000).map(|n| pool.insert(vec![n; 10])).collect();
    /// pool.store().finished().await;
    ///
    /// let parts: Vec<_> = items.chunks(25).collect();
    /// let mut sum = 0;
    /// for (n, part) in parts.iter().enumerate() {
    ///     let work = async {
    ///         let mut sum = 0;
    ///         for item in *part {
    ///             sum += item.read().await?.iter().sum::<u64>();
    ///         }
    ///         Ok::<_, Error>(sum)
    ///     };
    ///     let next = parts.get(n + 1).copied().unwrap_or_default();
    ///     let (part_sum, prefetched) = tokio::join!(work, pool.prefetch(next));
    ///     sum += part_sum?;
    ///     assert_eq!(prefetched.failed, 0, "{:?}", prefetched.first_error);
    /// }
    /// assert_eq!(sum, 4_995_000);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn prefetch<'a>(&self, items: impl IntoIterator<Item = &'a Fb<T, B>>) -> Prefetched {
        let mut prefetch = Prefetch::new(self);
        let mut items = items.into_iter();
        while let Some(load) = prefetch.next(&mut items) {
            let loaded = load.value().await;
            prefetch.done.note(loaded);
        }
        prefetch.done
    }

    /// The blocking form of [`prefetch`](Self::prefetch).
    ///
    /// # Blocking
    ///
    /// Runs some of the loads on this thread, and waits for the others.
    pub fn blocking_prefetch<'a>(
        &self,
        items: impl IntoIterator<Item = &'a Fb<T, B>>,
    ) -> Prefetched {
        let mut prefetch = Prefetch::new(self);
        let mut items = items.into_iter();
        while let Some(load) = prefetch.next(&mut items) {
            let ahead = load_room::ahead();
            let loaded = load.blocking_value();
            drop(ahead);
            prefetch.done.note(loaded);
        }
        prefetch.done
    }
}

/// A prefetch that is under way.
struct Prefetch<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    /// The most loads that it has in flight.
    most: usize,
    /// The loads in flight, the oldest first. They are queued, so they end although no
    /// caller waits for them.
    loads: VecDeque<FlightWait<'a, T, B>>,
    /// The next item, for which there is no room beside the loads in flight.
    next: Option<&'a Fb<T, B>>,
    done: Prefetched,
}

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> Prefetch<'a, T, B> {
    fn new(pool: &FBPool<T, B>) -> Self {
        Self {
            most: pool.core().queue.most_in_flight(),
            loads: VecDeque::new(),
            next: None,
            done: Prefetched::default(),
        }
    }

    /// Starts loads as far as there may be more, and returns the one to wait for.
    fn next(
        &mut self,
        items: &mut impl Iterator<Item = &'a Fb<T, B>>,
    ) -> Option<FlightWait<'a, T, B>> {
        while self.loads.len() < self.most
            && let Some(item) = self.next.take().or_else(|| items.next())
        {
            if !self.start(item) {
                self.next = Some(item);
                break;
            }
        }
        self.loads.pop_front()
    }

    /// Starts to load the item, if that is needed. Returns false if there is no room for it
    /// before a load in flight has ended.
    fn start(&mut self, handle: &'a Fb<T, B>) -> bool {
        let (pool, item) = (handle.pool(), handle.item());
        if item.has_value() {
            self.done.resident += 1;
        } else if !pool.lists.has_room_ahead(self.loads.len()) {
            if !self.loads.is_empty() {
                return false;
            }
            self.done.left_out += 1;
        } else {
            match pool.begin_load(item) {
                Ok(LoadStart::Hit(_)) => self.done.resident += 1,
                Ok(LoadStart::Waits(mut load)) => {
                    load.queue_ahead();
                    self.loads.push_back(load);
                }
                Err(error) => self.done.note_failure(error),
            }
        }
        true
    }
}
