//! The published crate 0.6.

mod codecs;
mod nowhere;

use std::marker::PhantomData;
use std::sync::Arc;

use ancestor::backing_store::{BackingStoreT, Strategy, TrackedPath};
use ancestor::convenience::blocking_save;
use ancestor::{BackingStore, FBPool, Fb};
use anyhow::{Context as _, Result};
use uuid::Uuid;

use super::pools::save::TASKS;
use super::pools::{Counts, Pools};
use super::{User, runtime};

pub use codecs::{Bin, Prost};
pub use nowhere::Nowhere;

/// A type of values, and where they are stored.
pub trait Setting: Send + Sync + 'static {
    type Value: Send + Sync + 'static;
    type Store: Strategy<Self::Value>;
}

/// Pools of a setting, through blocking calls.
pub struct Ancestor<S>(PhantomData<S>);

type Pool<S> = FBPool<<S as Setting>::Value, <S as Setting>::Store>;
type Handle<S> = Fb<<S as Setting>::Value, <S as Setting>::Store>;
type Place<S> = <<S as Setting>::Store as BackingStoreT>::PersistPath;

fn store<B: BackingStoreT>(backing: B) -> Arc<BackingStore<B>> {
    let runtime = runtime(User::Ancestor).handle().clone();
    Arc::new(BackingStore::new(backing, runtime))
}

impl<S: Setting> Pools for Ancestor<S>
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

    #[inline]
    fn look<R>(handle: &Handle<S>, look: impl FnOnce(&S::Value) -> R) -> R {
        look(&handle.blocking_load())
    }

    fn is_in_memory(handle: &Handle<S>) -> bool {
        handle.try_load().is_some()
    }

    fn key(handle: &Handle<S>) -> Uuid {
        handle.key()
    }

    fn change(handle: &mut Handle<S>, value: S::Value) -> Result<()> {
        *handle.blocking_load_mut() = value;
        Ok(())
    }

    fn write_now(handle: &Handle<S>) -> Result<()> {
        handle.blocking_write_now();
        Ok(())
    }

    fn track(pool: &Self::Pool, place: Place<S>) -> Result<Self::Tracked> {
        Ok(Arc::new(pool.store().blocking_track_path(place)))
    }

    fn all_keys(tracked: &Self::Tracked) -> Vec<Uuid> {
        tracked.all_keys()
    }

    fn persist(handle: &Handle<S>, tracked: &Self::Tracked) -> Result<()> {
        handle.blocking_persist(tracked);
        Ok(())
    }

    fn register(pool: &Self::Pool, tracked: &Self::Tracked, key: Uuid) -> Result<Handle<S>> {
        let handle = pool.blocking_register(tracked, key);
        handle.context("the key is not known")
    }

    fn save(pool: &Self::Pool, items: &[Arc<Handle<S>>], to: &Self::Tracked) -> Result<()> {
        blocking_save(pool.store(), items.iter().cloned(), to, TASKS, || Ok(()))
    }

    fn finish(pool: &Self::Pool) -> Result<()> {
        runtime(User::Ancestor).block_on(pool.store().finished());
        Ok(())
    }

    const COUNTS: bool = false;

    fn counts(_: &Self::Pool) -> Counts {
        Counts::default()
    }
}
