//! This crate.

mod by_key;
mod codecs;
mod nowhere;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use file_backed::backing_store::{BackingStoreT, Strategy, TrackedPath};
use file_backed::convenience::blocking_save;
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, Error, FBPool, Fb};

use super::pools::save::TASKS;
use super::pools::{Counts, Pools};
use super::{User, runtime};

pub use by_key::by_key;
pub use codecs::{
    Archive, ArchiveAlwaysMapped, ArchiveAlwaysRead, ArchiveUnbounded, Bin, Coded, Mixed,
    MixedSerde, Prost,
};
pub use nowhere::{Keys, Nowhere};

/// A type of values, and where they are stored.
pub trait Setting: Send + Sync + 'static {
    type Value: Send + Sync + 'static;
    type Store: Strategy<Self::Value>;
}

/// Pools of a setting, through blocking or through async calls.
pub struct Ours<S, const ASYNC: bool>(PhantomData<S>);

pub type Blocking<S> = Ours<S, false>;
pub type Async<S> = Ours<S, true>;

type Pool<S> = FBPool<<S as Setting>::Value, <S as Setting>::Store>;
type Handle<S> = Fb<<S as Setting>::Value, <S as Setting>::Store>;
type Place<S> = <<S as Setting>::Store as BackingStoreT>::PersistPath;

fn block_on<R>(future: impl Future<Output = R>) -> R {
    runtime(User::Ours).block_on(future)
}

pub fn store<B: BackingStoreT>(backing: B) -> Arc<BackingStore<B>> {
    let runtime = runtime(User::Ours).handle().clone();
    Arc::new(BackingStore::new(backing, runtime))
}

impl<S: Setting, const ASYNC: bool> Pools for Ours<S, ASYNC>
where
    Place<S>: Clone,
{
    type Value = S::Value;
    type Pool = Arc<Pool<S>>;
    type Handle = Handle<S>;
    type Place = Place<S>;
    type Tracked = Arc<TrackedPath<Place<S>>>;

    fn insert(pool: &Self::Pool, value: S::Value) -> Result<Handle<S>> {
        Ok(pool.insert(value))
    }

    fn insert_in_turn(pool: &Self::Pool, value: S::Value) -> Result<Handle<S>> {
        let permit = if ASYNC {
            block_on(pool.reserve())?
        } else {
            pool.blocking_reserve()?
        };
        Ok(permit.insert(value))
    }

    #[inline]
    fn look<R>(handle: &Handle<S>, look: impl FnOnce(&S::Value) -> R) -> R {
        if ASYNC {
            block_on(async { look(&*handle.load().await) })
        } else {
            look(&handle.blocking_load())
        }
    }

    fn look_timed<R>(handle: &Handle<S>, look: impl FnOnce(&S::Value) -> R) -> (Duration, R) {
        let timed = |begin: Instant, looked| (begin.elapsed(), looked);
        if ASYNC {
            block_on(async {
                let begin = Instant::now();
                timed(begin, look(&*handle.load().await))
            })
        } else {
            let begin = Instant::now();
            timed(begin, look(&handle.blocking_load()))
        }
    }

    #[inline]
    fn look_at<'a>(
        handles: impl Iterator<Item = &'a Handle<S>>,
        look: impl Fn(&S::Value) -> u32,
    ) -> u32 {
        let mut sum = 0_u32;
        if ASYNC {
            block_on(async {
                for handle in handles {
                    sum = sum.wrapping_add(look(&*handle.load().await));
                }
            });
        } else {
            for handle in handles {
                sum = sum.wrapping_add(look(&handle.blocking_load()));
            }
        }
        sum
    }

    fn is_in_memory(handle: &Handle<S>) -> bool {
        handle.try_load().is_some()
    }

    fn key(handle: &Handle<S>) -> Uuid {
        handle.key()
    }

    fn change(handle: &mut Handle<S>, value: S::Value) -> Result<()> {
        if ASYNC {
            *block_on(handle.write())? = value;
        } else {
            *handle.blocking_write()? = value;
        }
        Ok(())
    }

    fn write_now(handle: &Handle<S>) -> Result<()> {
        if ASYNC {
            block_on(async { Ok(handle.spawn_write_now().await.await?) })
        } else {
            Ok(handle.blocking_write_now()?)
        }
    }

    fn track(pool: &Self::Pool, place: Place<S>) -> Result<Self::Tracked> {
        Ok(Arc::new(if ASYNC {
            block_on(pool.store().track_path(place))?
        } else {
            pool.store().blocking_track_path(place)?
        }))
    }

    fn all_keys(tracked: &Self::Tracked) -> Vec<Uuid> {
        tracked.all_keys()
    }

    fn persist(handle: &Handle<S>, tracked: &Self::Tracked) -> Result<()> {
        if ASYNC {
            block_on(async { Ok(handle.spawn_persist(tracked).await.await?) })
        } else {
            Ok(handle.blocking_persist(tracked)?)
        }
    }

    fn register(pool: &Self::Pool, tracked: &Self::Tracked, key: Uuid) -> Result<Handle<S>> {
        Ok(if ASYNC {
            block_on(pool.register(tracked, key))?
        } else {
            pool.blocking_register(tracked, key)?
        })
    }

    fn persist_many(
        pool: &Self::Pool,
        handles: &[Handle<S>],
        tracked: &Self::Tracked,
    ) -> Result<()> {
        let persisted = if ASYNC {
            block_on(pool.persist_many(tracked, handles))
        } else {
            pool.blocking_persist_many(tracked, handles)
        };
        Ok(persisted.into_iter().collect::<file_backed::Result<()>>()?)
    }

    fn register_many(
        pool: &Self::Pool,
        tracked: &Self::Tracked,
        keys: &[Uuid],
    ) -> Result<Vec<Handle<S>>> {
        let registered = if ASYNC {
            block_on(pool.register_many(tracked, keys))
        } else {
            pool.blocking_register_many(tracked, keys)
        };
        let registered = registered.into_iter();
        Ok(registered.collect::<file_backed::Result<_>>()?)
    }

    fn save(pool: &Self::Pool, items: &[Arc<Handle<S>>], to: &Self::Tracked) -> Result<()> {
        let items = items.iter().cloned();
        blocking_save(pool.store(), items, to, TASKS, || Ok::<_, Error>(()))?;
        Ok(())
    }

    fn finish(pool: &Self::Pool) -> Result<()> {
        if ASYNC {
            block_on(pool.store().finished());
        } else {
            pool.store().blocking_finished();
        }
        ensure!(pool.stats().write_failures == 0, "a write failed");
        Ok(())
    }

    const COUNTS: bool = true;

    fn counts(pool: &Self::Pool) -> Counts {
        let stats = pool.stats();
        Counts {
            hits: stats.hits,
            misses: stats.misses,
        }
    }
}
