//! `save`: a durable save of a set of items, of which none, one in a hundred or
//! all have changed since the last one.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::harness::plan::{Case, Contender, Sample, Scale, Workload};
use crate::harness::size::KIB;
use crate::systems::ancestor::{self, Ancestor};
use crate::systems::limit::save::Sync;
use crate::systems::ours::{self, Blocking};
use crate::systems::pools::save::TASKS;
use crate::systems::pools::{self, OnDisk};
use crate::systems::{fjall, heed, limit, redb};

pub const WORKLOAD: Workload = Workload {
    name: "save",
    about: "a durable save of 16 KiB items, of which 0, 1 and 100 % have changed",
    cases,
    absent: |_, system| match system {
        "foyer" => "it is a cache: nothing in it is durable",
        "moka" | "quick_cache" => "it keeps nothing on disk",
        _ if system.ends_with("/async") => "saving a set is a blocking call",
        _ => "it syncs nothing",
    },
};

pub const BYTES: usize = 16 * KIB;

/// A set of items that is saved again and again.
pub trait Saved {
    /// Changes some items, outside of the time.
    fn change(&mut self, items: &[usize], generation: usize) -> Result<()>;

    /// Saves the set durably.
    fn save(&mut self) -> Result<()>;
}

type Make = fn(&Path, usize) -> Result<Box<dyn Saved>>;

fn cases(scale: &Scale) -> Vec<Case> {
    let counts: &[usize] = scale.pick(&[50, 200, 800], &[100, 1_000, 10_000]);
    let mut cases = Vec::new();
    for percent in [0, 1, 100] {
        for items in counts {
            cases.push(case(percent, *items, scale));
        }
    }
    cases
}

fn case(percent: usize, items: usize, scale: &Scale) -> Case {
    let mut case = Case::new(format!("{percent}%/{items}"), scale.pick(3, 7));
    let changed: Vec<usize> = match percent {
        0 => Vec::new(),
        percent => (0..items).step_by(100 / percent).collect(),
    };
    let systems: [(&str, Make); 13] = [
        ("file_backed/bincodec", pool::<Blocking<ours::Bin>>),
        ("file_backed/prostcodec", pool::<Blocking<ours::Prost>>),
        ("file_backed/mappedcodec", pool::<Blocking<ours::Archive>>),
        ("file_backed/mixedcodec", pool::<Blocking<ours::Mixed>>),
        ("ancestor/bincodec", pool::<Ancestor<ancestor::Bin>>),
        ("ancestor/prostcodec", pool::<Ancestor<ancestor::Prost>>),
        ("heed", |dir, items| {
            let files = heed::files(dir, items, BYTES, true)?;
            Ok(Box::new(Batches::new(items, move |batch| {
                files.put_all(batch)
            })))
        }),
        ("redb", |dir, items| {
            let files = redb::files(dir, 64 << 20, BYTES)?;
            Ok(Box::new(Batches::new(items, move |batch| {
                files.put_all(batch, ::redb::Durability::Immediate)
            })))
        }),
        ("fjall", |dir, items| {
            let files = fjall::files(dir, 64 << 20)?;
            Ok(Box::new(Batches::new(items, move |batch| {
                files.put_all_synced(batch)
            })))
        }),
        ("limit/directory-handles", |dir, items| {
            Ok(Box::new(limit::save::new(dir, items, 1, Sync::Each)?))
        }),
        ("limit/directory-handles-2t", |dir, items| {
            Ok(Box::new(limit::save::new(dir, items, 2, Sync::Each)?))
        }),
        ("limit/directory-handles-8t", |dir, items| {
            Ok(Box::new(limit::save::new(dir, items, TASKS, Sync::Each)?))
        }),
        ("limit/syncfs-2t", |dir, items| {
            Ok(Box::new(limit::save::new(dir, items, 2, Sync::Whole)?))
        }),
    ];
    let budget = scale.pick(Duration::from_secs(1), Duration::from_secs(60));
    for (system, make) in systems {
        let changed = changed.clone();
        let contender = Contender::new(system, move |dir| {
            let mut set = make(dir, items)?;
            set.change(&(0..items).collect::<Vec<_>>(), 0)?;
            set.save()?;
            let (changed, mut generation) = (changed.clone(), 0);
            Ok(Box::new(move |_| {
                generation += 1;
                set.change(&changed, generation)?;
                let begin = Instant::now();
                set.save()?;
                Ok(vec![Sample::time("save", "ms", begin.elapsed(), 1)])
            }))
        });
        case.add(contender.budget(budget));
    }
    case
}

fn pool<P: OnDisk>(dir: &Path, items: usize) -> Result<Box<dyn Saved>> {
    Ok(Box::new(pools::save::new::<P>(dir, items)?))
}

/// A database: what has changed is put in one transaction.
struct Batches<F> {
    pending: Vec<(u32, Vec<u8>)>,
    put: F,
}

impl<F: FnMut(&[(u32, Vec<u8>)]) -> Result<()>> Batches<F> {
    fn new(items: usize, put: F) -> Self {
        Self {
            pending: Vec::with_capacity(items),
            put,
        }
    }
}

impl<F: FnMut(&[(u32, Vec<u8>)]) -> Result<()>> Saved for Batches<F> {
    fn change(&mut self, items: &[usize], generation: usize) -> Result<()> {
        let mut template = crate::systems::blob::Template::new(BYTES);
        self.pending.extend(items.iter().map(|id| {
            let blob = template.blob(id + generation);
            (*id as u32, bytemuck::cast_slice(blob).to_vec())
        }));
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        (self.put)(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}
