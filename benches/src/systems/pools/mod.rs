//! What this crate and the published one have in common, so that both do each
//! workload by the same code.

pub mod files;
pub mod footprint;
pub mod hits;
pub mod lifecycle;
pub mod save;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use uuid::Uuid;

use super::form::Form;

/// Pools of one crate, with values of one type, through blocking or through async
/// calls.
pub trait Pools: Send + Sync + Sized + 'static {
    type Value: Send + Sync + 'static;
    type Pool: Clone + Send + Sync;
    type Handle: Send + Sync;
    /// Where items are persisted.
    type Place: Clone + Send + Sync;
    type Tracked: Send + Sync;

    fn insert(pool: &Self::Pool, value: Self::Value) -> Result<Self::Handle>;

    /// The same, once write-back keeps up, where there is such a thing.
    fn insert_in_turn(pool: &Self::Pool, value: Self::Value) -> Result<Self::Handle> {
        Self::insert(pool, value)
    }

    /// Looks at a value through a guard.
    fn look<R>(handle: &Self::Handle, look: impl FnOnce(&Self::Value) -> R) -> R;

    /// Looks at a value, and returns how long it took to load it and to look. With async calls
    /// the runtime is entered before.
    fn look_timed<R>(handle: &Self::Handle, look: impl FnOnce(&Self::Value) -> R) -> (Duration, R) {
        let begin = Instant::now();
        Self::look(handle, |value| {
            let looked = look(value);
            (begin.elapsed(), looked)
        })
    }

    /// Looks at the values of many handles, one after the other, and folds what
    /// comes of it. With async calls the runtime is entered once.
    fn look_at<'a>(
        handles: impl Iterator<Item = &'a Self::Handle>,
        look: impl Fn(&Self::Value) -> u32,
    ) -> u32 {
        handles.fold(0, |sum, handle| sum.wrapping_add(Self::look(handle, &look)))
    }

    fn is_in_memory(handle: &Self::Handle) -> bool;
    fn key(handle: &Self::Handle) -> Uuid;
    fn change(handle: &mut Self::Handle, value: Self::Value) -> Result<()>;
    fn write_now(handle: &Self::Handle) -> Result<()>;
    fn track(pool: &Self::Pool, place: Self::Place) -> Result<Self::Tracked>;
    fn all_keys(tracked: &Self::Tracked) -> Vec<Uuid>;
    fn persist(handle: &Self::Handle, tracked: &Self::Tracked) -> Result<()>;
    fn register(pool: &Self::Pool, tracked: &Self::Tracked, key: Uuid) -> Result<Self::Handle>;

    /// Persists many, with one call where there is one.
    fn persist_many(
        _pool: &Self::Pool,
        handles: &[Self::Handle],
        tracked: &Self::Tracked,
    ) -> Result<()> {
        (handles.iter()).try_for_each(|handle| Self::persist(handle, tracked))
    }

    /// Registers many, with one call where there is one.
    fn register_many(
        pool: &Self::Pool,
        tracked: &Self::Tracked,
        keys: &[Uuid],
    ) -> Result<Vec<Self::Handle>> {
        let register = |key: &Uuid| Self::register(pool, tracked, *key);
        keys.iter().map(register).collect()
    }

    /// Saves a set durably, and deletes what is not of it.
    fn save(pool: &Self::Pool, items: &[Arc<Self::Handle>], to: &Self::Tracked) -> Result<()>;
    /// Returns when the background work is done.
    fn finish(pool: &Self::Pool) -> Result<()>;

    /// Whether the crate counts.
    const COUNTS: bool;

    /// What it has counted; nothing if it does not.
    fn counts(pool: &Self::Pool) -> Counts;
}

/// What a pool has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub hits: u64,
    pub misses: u64,
}

/// How much a pool may have in memory.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Items.
    pub items: usize,
    /// Bytes of those that wait to be written, where that can be bounded.
    pub backlog: Option<usize>,
}

impl Room {
    pub fn items(items: usize) -> Self {
        Self {
            items,
            backlog: None,
        }
    }
}

/// Pools whose items are in files.
pub trait OnDisk: Pools {
    type Form: Form<Value = Self::Value>;
    /// The system's name.
    const NAME: &'static str;
    /// Behind the name: `/async`, or nothing.
    const CALLS: &'static str = "";

    /// A pool on a store of its own, below `dir`.
    fn pool(dir: &Path, room: Room) -> Result<Self::Pool>;
    fn place(dir: &Path) -> Result<Self::Place>;

    /// Writes a file as the codec would, only faster, and gives its key; `None`
    /// if there is no faster way.
    fn write_for_loads(_: &Self::Place, _: usize, _: &[f32]) -> Result<Option<Uuid>> {
        Ok(None)
    }

    fn system() -> String {
        format!("{}{}", Self::NAME, Self::CALLS)
    }

    fn value(blob: &[f32]) -> Result<Self::Value> {
        Self::Form::value(blob)
    }
}
