//! Items of which the pool keeps some.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use uuid::Uuid;

use super::{OnDisk, Room};
use crate::systems::form::Form as _;
use crate::systems::{Blobs, Touch};

pub struct Files<P: OnDisk> {
    // Before the pool: the handles end the items.
    items: Vec<OnceLock<P::Handle>>,
    tracked: OnceLock<P::Tracked>,
    pool: P::Pool,
    /// For first loads: a pool that has none of the items, and where it finds their files.
    other: OnceLock<(P::Tracked, P::Pool)>,
    dir: PathBuf,
    place: P::Place,
    room: Room,
    /// Files that are to be registered.
    written: Mutex<Vec<(usize, Uuid)>>,
    /// Counted here for a pool that counts nothing.
    hits: AtomicU64,
    misses: AtomicU64,
}

pub fn files<P: OnDisk>(dir: &Path, items: usize, room: Room) -> Result<Files<P>> {
    Ok(Files {
        items: (0..items).map(|_| OnceLock::new()).collect(),
        tracked: OnceLock::new(),
        pool: P::pool(dir, room)?,
        other: OnceLock::new(),
        dir: dir.to_owned(),
        place: P::place(&dir.join("saved"))?,
        room,
        written: Mutex::default(),
        hits: AtomicU64::new(0),
        misses: AtomicU64::new(0),
    })
}

impl<P: OnDisk> Files<P> {
    fn item(&self, id: usize) -> Result<&P::Handle> {
        self.items[id].get().context("the item was not put")
    }

    fn set(&self, id: usize, item: P::Handle) -> Result<()> {
        ensure!(self.items[id].set(item).is_ok(), "put twice");
        Ok(())
    }

    fn tracked(&self) -> Result<&P::Tracked> {
        if self.tracked.get().is_none() {
            let tracked = P::track(&self.pool, self.place.clone())?;
            // Lost only to another thread's, which is as good.
            let _ = self.tracked.set(tracked);
        }
        self.tracked.get().context("it was set above")
    }

    fn other(&self) -> Result<&(P::Tracked, P::Pool)> {
        if self.other.get().is_none() {
            let dir = self.dir.join("other");
            std::fs::create_dir_all(&dir)?;
            let pool = P::pool(&dir, self.room)?;
            let tracked = P::track(&pool, self.place.clone())?;
            let _ = self.other.set((tracked, pool));
        }
        self.other.get().context("it was set above")
    }

    fn count(&self, item: &P::Handle) {
        let counter = if P::is_in_memory(item) {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl<P: OnDisk> Blobs for Files<P> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let value = P::value(blob)?;
        let item = match self.room.backlog {
            Some(_) => P::insert_in_turn(&self.pool, value)?,
            None => P::insert(&self.pool, value)?,
        };
        self.set(id, item)
    }

    fn put_for_loads(&self, id: usize, blob: &[f32]) -> Result<()> {
        match P::write_for_loads(&self.place, id, blob)? {
            Some(key) => {
                let mut written = self.written.lock().expect("no thread panics with it");
                written.push((id, key));
                Ok(())
            }
            None => self.put(id, blob),
        }
    }

    fn finish(&self) -> Result<()> {
        let written = std::mem::take(&mut *self.written.lock().expect("no thread panics with it"));
        for (id, key) in written {
            self.set(id, P::register(&self.pool, self.tracked()?, key)?)?;
        }
        P::finish(&self.pool)
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        let item = self.item(id)?;
        if !P::COUNTS {
            self.count(item);
        }
        Ok(P::look(item, |value| {
            let sum = P::Form::touch(value, how);
            touched();
            sum
        }))
    }

    fn load_many(&self, ids: &[u32], how: Touch) -> Result<u32> {
        if !P::COUNTS {
            for id in ids {
                self.load(*id as usize, how)?;
            }
            return Ok(0);
        }
        let items = ids
            .iter()
            .filter_map(|id| self.items.get(*id as usize)?.get());
        Ok(P::look_at(items, |value| P::Form::touch(value, how)))
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        let item = self.item(id)?;
        P::persist(item, self.tracked()?)?;
        // Another item with the same file, not loaded yet: a pool that has an item of a file
        // would return that one.
        let (tracked, pool) = self.other()?;
        let fresh = P::register(pool, tracked, P::key(item))?;
        ensure!(!P::is_in_memory(&fresh), "it is in memory");
        let timed = P::look_timed(&fresh, |value| P::Form::touch(value, how));
        drop(fresh);
        P::finish(pool)?;
        Ok(timed)
    }

    fn hits_and_misses(&self) -> Option<(u64, u64)> {
        if P::COUNTS {
            let counts = P::counts(&self.pool);
            Some((counts.hits, counts.misses))
        } else {
            Some((self.hits.load(Relaxed), self.misses.load(Relaxed)))
        }
    }
}
