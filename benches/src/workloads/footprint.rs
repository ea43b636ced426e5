//! `footprint`: what an item takes that is not in memory. The files are left
//! out (the stores keep none), so that a million items do not need a million
//! files; each sample is a process.

use anyhow::Result;

use crate::harness::plan::{Case, Contender, Sample, Scale, Workload};
use crate::harness::{heap, memory};
use crate::systems::ancestor::{self, Ancestor};
use crate::systems::{limit, ours, pools};

pub const WORKLOAD: Workload = Workload {
    name: "footprint",
    about: "bytes for each item that is not in memory: evicted, registered, persisted; handles \
            and the tracked path's keys apart",
    cases,
    absent: |_, system| match system {
        "moka" | "quick_cache" => "it knows nothing of an item that is not in memory",
        _ if system.ends_with("/async") => "the items are those of the blocking calls",
        _ if system.contains("codec") => "as with bincodec: the store keeps no files here",
        _ => "it has no handle that owns an item: what it needs is in its files",
    },
};

/// How an item came to be out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inserted and evicted.
    Cache,
    /// Registered from a persisted directory.
    Registered,
    /// Inserted, evicted and persisted.
    Persisted,
}

impl Kind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Cache, "cache"),
        (Self::Registered, "registered"),
        (Self::Persisted, "persisted"),
    ];
}

/// Bytes in use at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    heap: usize,
    rss: usize,
}

impl Mark {
    pub fn now() -> Result<Self> {
        Ok(Self {
            heap: heap::live(),
            rss: memory::resident()?,
        })
    }
}

/// What a system took.
pub struct Taken {
    /// Before the items, between items and tracked path, and with both.
    pub before: Mark,
    pub after: Mark,
    /// Bytes of one handle, which are counted apart.
    pub handle: usize,
    /// Bytes of the tracked path, if that is counted apart.
    pub tracked: Option<usize>,
}

fn cases(scale: &Scale) -> Vec<Case> {
    let counts: &[usize] = scale.pick(&[10_000, 30_000, 100_000], &[10_000, 100_000, 1_000_000]);
    let mut cases = Vec::new();
    for (kind, name) in Kind::ALL {
        for items in counts {
            cases.push(case(kind, name, *items, scale));
        }
    }
    cases
}

fn case(kind: Kind, name: &str, items: usize, scale: &Scale) -> Case {
    let mut case = Case::new(format!("{name}/{items}"), scale.pick(1, 3));
    let mut add = |system: &str, run: fn(Kind, usize) -> Result<Taken>| {
        let contender = Contender::new(system, move |_| {
            Ok(Box::new(move |_| {
                heap::count();
                Ok(samples(run(kind, items)?, items))
            }))
        });
        case.add(contender.isolated());
    };
    // The same for every codec: the store keeps nothing here.
    add(
        "file_backed/bincodec",
        pools::footprint::run::<ours::Blocking<ours::Nowhere>>,
    );
    add(
        "ancestor/bincodec",
        pools::footprint::run::<Ancestor<ancestor::Nowhere>>,
    );
    add("limit/slab", limit::slab::run);
    case
}

fn samples(taken: Taken, items: usize) -> Vec<Sample> {
    let each = |bytes: usize| bytes as f64 / items as f64;
    let heap = taken.after.heap.wrapping_sub(taken.before.heap);
    let rss = taken.after.rss.saturating_sub(taken.before.rss);
    let mut samples = vec![
        Sample::new("heap", "bytes", each(heap)),
        Sample::new("rss", "bytes", each(rss)),
        Sample::new("handle", "bytes", taken.handle as f64),
    ];
    if let Some(tracked) = taken.tracked {
        samples.push(Sample::new("tracked-key", "bytes", each(tracked)));
    }
    samples
}
