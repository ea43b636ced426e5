//! `hit`: load and drop a guard of a value that is in memory.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use uuid::Uuid;

use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::seed::{Skew, choices};
use crate::harness::threads::{among, together};
use crate::systems::blob::Template;
use crate::systems::memory::in_memory;
use crate::systems::pools::{self, OnDisk};
use crate::systems::{Hits, ancestor, foyer, limit, moka, ours, quick_cache};

pub const WORKLOAD: Workload = Workload {
    name: "hit",
    about: "load and drop a guard of a value in memory: one item, and 10 000 items, skewed; \
            by-key: find the value by a Uuid first, and drop the handle",
    cases,
    absent: |_, _| "it has no cache of values in memory: see `cold`",
};

/// Items of the skewed cases; the pools keep just so many.
const ITEMS: usize = 10_000;
/// Bytes of an item: one element of it is read.
const BYTES: usize = 64;
/// Loads of one pass.
pub const PASS: usize = 8192;

#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    items: usize,
    threads: usize,
    /// Other threads that are alive, and have loaded before.
    others: usize,
}

const SETTINGS: [Setting; 8] = [
    Setting {
        name: "same-1t",
        items: 1,
        threads: 1,
        others: 0,
    },
    Setting {
        name: "same-2t",
        items: 1,
        threads: 2,
        others: 0,
    },
    Setting {
        name: "same-2t-among-512",
        items: 1,
        threads: 2,
        others: 512,
    },
    Setting {
        name: "zipf-1t",
        items: ITEMS,
        threads: 1,
        others: 0,
    },
    Setting {
        name: "zipf-2t",
        items: ITEMS,
        threads: 2,
        others: 0,
    },
    of_items("zipf-1t/100", 100),
    of_items("zipf-1t/1000", 1_000),
    of_items("zipf-1t/30000", 30_000),
];

const fn of_items(name: &'static str, items: usize) -> Setting {
    Setting {
        name,
        items,
        threads: 1,
        others: 0,
    }
}

/// As many as are asked for by their keys.
const BY_KEY: [Setting; 3] = [
    of_items("by-key-1t/10000", ITEMS),
    Setting {
        threads: 2,
        ..of_items("by-key-2t/10000", ITEMS)
    },
    of_items("by-key-1t/1000000", 1_000_000),
];

fn cases(scale: &Scale) -> Vec<Case> {
    let in_memory = SETTINGS
        .iter()
        .map(|setting| case(*setting, scale, systems()));
    let by_key = BY_KEY
        .iter()
        .map(|setting| case(*setting, scale, systems_by_key()));
    in_memory.chain(by_key).collect()
}

fn case(setting: Setting, scale: &Scale, systems: Vec<(String, Make)>) -> Case {
    let few = setting.others > 0 || setting.name.contains('/');
    let rounds = scale.pick(if few { 3 } else { 5 }, 15);
    let mut case = Case::new(setting.name, rounds);
    let sample = Duration::from_millis(scale.pick(8, 60));
    for (system, make) in systems {
        case.add(Contender::new(system, move |dir| {
            let hits = make(dir, setting.items)?;
            Ok(measure(hits, setting, sample))
        }));
    }
    case
}

type Make = Arc<dyn Fn(&Path, usize) -> Result<Box<dyn Hits>>>;

/// Everything that can hold values in memory, by name.
pub fn systems() -> Vec<(String, Make)> {
    let mut all: Vec<(String, Make)> = Vec::new();
    pools_with::<ours::Blocking<ours::Archive>>(&mut all);
    pools_with::<ours::Async<ours::Archive>>(&mut all);
    pools_with::<ours::Blocking<ours::Bin>>(&mut all);
    pools_with::<ours::Async<ours::Bin>>(&mut all);
    pools_with::<ours::Blocking<ours::Prost>>(&mut all);
    pools_with::<ours::Async<ours::Prost>>(&mut all);
    pools_with::<ours::Blocking<ours::Mixed>>(&mut all);
    pools_with::<ours::Async<ours::Mixed>>(&mut all);
    pools_with::<ancestor::Ancestor<ancestor::Bin>>(&mut all);
    pools_with::<ancestor::Ancestor<ancestor::Prost>>(&mut all);
    let mut add = |name: &str, make: fn(usize, &[f32]) -> Box<dyn Hits>| {
        let make: Make = Arc::new(move |_, items| Ok(make(items, Template::new(BYTES).blob(1))));
        all.push((name.to_owned(), make));
    };
    add("foyer", |items, blob| {
        Box::new(in_memory::<foyer::InMemory>(numbers(items), blob))
    });
    add("moka", |items, blob| {
        Box::new(in_memory::<moka::InMemory<u32>>(numbers(items), blob))
    });
    add("quick_cache", |items, blob| {
        Box::new(in_memory::<quick_cache::InMemory<u32>>(
            numbers(items),
            blob,
        ))
    });
    add("limit/arc-clone", |items, blob| {
        Box::new(limit::hits::arc_clone(items, blob))
    });
    add("limit/striped-pin", |items, blob| {
        Box::new(limit::hits::striped_pin(items, blob))
    });
    all
}

/// Everything that finds values in memory by a key that names them for ever.
fn systems_by_key() -> Vec<(String, Make)> {
    type MakeOf = fn(usize, &[f32]) -> Result<Box<dyn Hits>>;
    let mut all: Vec<(String, Make)> = Vec::new();
    let mut add = |name: &str, make: MakeOf| {
        let make: Make = Arc::new(move |_, items| make(items, Template::new(BYTES).blob(1)));
        all.push((name.to_owned(), make));
    };
    add("file_backed/dataset", |items, blob| {
        Ok(Box::new(ours::by_key::<false>(items, blob)?))
    });
    add("file_backed/dataset/async", |items, blob| {
        Ok(Box::new(ours::by_key::<true>(items, blob)?))
    });
    add("moka", |items, blob| {
        Ok(Box::new(in_memory::<moka::InMemory<Uuid>>(
            uuids(items),
            blob,
        )))
    });
    add("quick_cache", |items, blob| {
        let keys = uuids(items);
        Ok(Box::new(in_memory::<quick_cache::InMemory<Uuid>>(
            keys, blob,
        )))
    });
    all
}

fn numbers(items: usize) -> Vec<u32> {
    (0..items as u32).collect()
}

fn uuids(items: usize) -> Vec<Uuid> {
    (0..items).map(|_| Uuid::new_v4()).collect()
}

fn pools_with<P: OnDisk>(all: &mut Vec<(String, Make)>) {
    let make: Make = Arc::new(|dir, items| {
        let blob = Template::new(BYTES).blob(1).to_vec();
        Ok(Box::new(pools::hits::in_memory::<P>(dir, items, &blob)?))
    });
    all.push((P::system(), make));
}

fn measure(hits: Box<dyn Hits>, setting: Setting, sample: Duration) -> Measure {
    let orders: Vec<_> = (0..setting.threads)
        .map(|thread| order(setting.items, thread))
        .collect();
    let passes = passes_in(sample, &*hits, &orders[0]);
    Box::new(move |_| {
        let run = || {
            together(setting.threads, &|thread| {
                for _ in 0..passes {
                    black_box(hits.pass(black_box(&orders[thread])));
                }
            })
        };
        let taken = if setting.others == 0 {
            run()
        } else {
            let first = || {
                black_box(hits.pass(&orders[0][..1]));
            };
            among(setting.others, &first, run)
        };
        let loads = passes * PASS;
        Ok(vec![
            Sample::time("load", "ns", taken.wall, loads),
            Sample::time("load-cpu", "ns", taken.cpu, loads),
        ])
    })
}

/// What a thread loads in one pass.
pub fn order(items: usize, thread: usize) -> Vec<u32> {
    choices(Skew::Zipf, items, PASS, 100 + thread as u64)
}

/// How many passes take about so long on one thread.
fn passes_in(sample: Duration, hits: &dyn Hits, order: &[u32]) -> usize {
    let mut passes = 1;
    loop {
        let begin = Instant::now();
        for _ in 0..passes {
            black_box(hits.pass(order));
        }
        let time = begin.elapsed();
        if time * 4 > sample {
            let one = time.as_secs_f64() / f64::from(passes);
            return (sample.as_secs_f64() / one).ceil() as usize;
        }
        passes *= 2;
    }
}
