//! Persisting and registering many items with few background jobs.

use std::sync::Arc;

use uuid::Uuid;

use super::FBPool;
use crate::backing_store::{Strategy, TrackedPath, guarded_for};
use crate::error::Operation;
use crate::{Fb, Result};

/// Items that one job persists. Jobs run side by side, and may write values first.
const PERSISTED_BY_ONE: usize = 32;

/// Keys that one job registers. Jobs run one after the other, so that other work gets its
/// turn in between.
const REGISTERED_BY_ONE: usize = 256;

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Persists many items at `path`, each as [`Fb::persist`] does. The results are in the
    /// order of the items.
    ///
    /// A background job persists 32 items, in the order of their shards, so an item costs
    /// little more than a [`blocking_persist`](Fb::blocking_persist). A task for each item
    /// costs two switches of threads more. The jobs run side by side, on as many threads as
    /// the store has for its background.
    ///
    /// # Errors
    ///
    /// Each item has a result of its own, with the errors of [`Fb::persist`]. The failure of
    /// one does not keep the others from being persisted.
    ///
    /// # Cancel safety
    ///
    /// The save begins in this call, before the future is polled, and continues if the future
    /// is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{FBPool, Result};
    ///
    /// let pool: Arc<FBPool<u32, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = Arc::new(pool.store().track_path(PreparedPath::temp().await?).await?);
    ///
    /// let items: Vec<_> = (0..1000).map(|n| pool.insert(n)).collect();
    /// let results = pool.persist_many(&saved, &items).await;
    /// results.into_iter().collect::<Result<()>>()?; // the first failure, if there is one
    /// pool.store().sync(&saved).await?; // makes all of them durable
    /// # assert_eq!(saved.all_keys().len(), 1000);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn persist_many(
        self: &Arc<Self>,
        path: &Arc<TrackedPath<B::PersistPath>>,
        items: &[Fb<T, B>],
    ) -> impl Future<Output = Vec<Result<()>>> + Send + use<T, B> {
        let operation = Operation::Persist;
        let order = by_shard(items.len(), |at| items[at].key());
        let start = |places: &[usize]| {
            let begin = |place: &usize| {
                let item = &items[*place];
                let persist = item.pool().begin_persist(item.item(), path.clone());
                (item.key(), persist)
            };
            let begun: Vec<_> = places.iter().map(begin).collect();
            let one = move |(key, persist)| guarded_for(operation, key, persist);
            let persist_all = move || Ok(begun.into_iter().map(one).collect());
            self.store.prepare_room_task(operation, persist_all).start()
        };
        let jobs: Vec<_> = (order.chunks(PERSISTED_BY_ONE))
            .map(|places| (places.to_vec(), start(places)))
            .collect();
        let mut results = Results::of(items.len());
        async move {
            for (places, job) in jobs {
                results.add(&places, job.await);
            }
            results.into_vec()
        }
    }

    /// The blocking form of [`persist_many`](Self::persist_many).
    ///
    /// # Errors
    ///
    /// Same as [`persist_many`](Self::persist_many).
    ///
    /// # Blocking
    ///
    /// Writes and links on this thread, one item after the other.
    pub fn blocking_persist_many(
        self: &Arc<Self>,
        path: &TrackedPath<B::PersistPath>,
        items: &[Fb<T, B>],
    ) -> Vec<Result<()>> {
        let mut results = Results::of(items.len());
        for place in by_shard(items.len(), |at| items[at].key()) {
            results.0[place] = Some(items[place].blocking_persist(path));
        }
        results.into_vec()
    }

    /// Makes handles for many items that were persisted at `path`, each as
    /// [`register`](Self::register) does. The results are in the order of the keys.
    ///
    /// A background job registers 256 items, in the order of their shards, so an item costs
    /// little more than a [`blocking_register`](Self::blocking_register). Items that the pool
    /// has already cost no job.
    ///
    /// # Errors
    ///
    /// Each key has a result of its own, with the errors of [`register`](Self::register). The
    /// failure of one does not keep the others from being registered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the registrations; links that were already made are deleted
    /// in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{FBPool, Result};
    ///
    /// let pool: Arc<FBPool<u32, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = Arc::new(pool.store().track_path(PreparedPath::temp().await?).await?);
    /// # let items: Vec<_> = (0..1000).map(|n| pool.insert(n)).collect();
    /// # pool.persist_many(&saved, &items).await;
    /// # drop(items);
    /// // An earlier process has persisted items at the path.
    /// let registered = pool.register_many(&saved, &saved.all_keys()).await;
    /// let items = registered.into_iter().collect::<Result<Vec<_>>>()?;
    /// # assert_eq!(items.len(), 1000);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn register_many(
        self: &Arc<Self>,
        path: &Arc<TrackedPath<B::PersistPath>>,
        keys: &[Uuid],
    ) -> Vec<Result<Fb<T, B>>> {
        let operation = Operation::Register;
        let mut results = Results::of(keys.len());
        let mut missing = by_shard(keys.len(), |at| keys[at]);
        missing.retain(|place| {
            results.0[*place] = self.try_register(path, keys[*place]).transpose();
            results.0[*place].is_none()
        });
        for places in missing.chunks(REGISTERED_BY_ONE) {
            let keys: Vec<_> = places.iter().map(|place| keys[*place]).collect();
            let (pool, path) = (self.clone(), path.clone());
            let register =
                move |key| guarded_for(operation, key, || pool.blocking_register(&path, key));
            let register_all = move || Ok(keys.into_iter().map(register).collect());
            let registered = self.store.task(operation, register_all).await;
            results.add(places, registered);
        }
        results.into_vec()
    }

    /// The blocking form of [`register_many`](Self::register_many).
    ///
    /// # Errors
    ///
    /// Same as [`register_many`](Self::register_many).
    ///
    /// # Blocking
    ///
    /// Links the files on this thread, one after the other.
    pub fn blocking_register_many(
        self: &Arc<Self>,
        path: &TrackedPath<B::PersistPath>,
        keys: &[Uuid],
    ) -> Vec<Result<Fb<T, B>>> {
        let mut results = Results::of(keys.len());
        for place in by_shard(keys.len(), |at| keys[at]) {
            results.0[place] = Some(self.blocking_register(path, keys[place]));
        }
        results.into_vec()
    }
}

/// The places of elements in the order of their keys, and so of their shards.
fn by_shard(len: usize, key: impl Fn(usize) -> Uuid) -> Vec<usize> {
    let mut places: Vec<_> = (0..len).collect();
    places.sort_by_cached_key(|place| key(*place));
    places
}

/// The results of many operations, each at the place of what it is about.
struct Results<R>(Vec<Option<Result<R>>>);

impl<R> Results<R> {
    fn of(len: usize) -> Self {
        Self(std::iter::repeat_with(|| None).take(len).collect())
    }

    /// Adds what a job has returned. If the job was not run, that is the result of each.
    fn add(&mut self, places: &[usize], job: Result<Vec<Result<R>>>) {
        let (results, failed) = match job {
            Ok(results) => (results, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let failed = std::iter::repeat_with(|| failed.clone()).map_while(|error| error.map(Err));
        for (place, result) in places.iter().zip(results.into_iter().chain(failed)) {
            self.0[*place] = Some(result);
        }
    }

    fn into_vec(self) -> Vec<Result<R>> {
        let results = self.0.into_iter();
        let results = results.map(|result| result.expect("each has one"));
        results.collect()
    }
}
