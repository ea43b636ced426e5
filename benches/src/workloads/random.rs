//! `random`: loads of items of which a tenth is in memory.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::seed::{Skew, choices};
use crate::harness::size::KIB;
use crate::harness::threads::together;
use crate::systems::blob::{Template, touch};
use crate::systems::catalog::{self, Entry, Sizes};
use crate::systems::{Blobs, Touch, ancestor, limit, ours};

pub const WORKLOAD: Workload = Workload {
    name: "random",
    about: "loads of 64 KiB items, ten times as many as stay in memory, with the hit ratio",
    cases,
};

const BYTES: usize = 64 * KIB;
const BINCODE: &str = "limit/lru-read-bincode";
const PROST: &str = "limit/lru-read-prost";
const READ: &str = "limit/lru-read";

#[derive(Clone, Copy)]
struct Setting {
    skew: Skew,
    threads: usize,
    items: usize,
    /// Of one sample, for each way to touch.
    time: Duration,
}

fn cases(scale: &Scale) -> Vec<Case> {
    let mut cases = Vec::new();
    for (skew, name) in [(Skew::Zipf, "zipf"), (Skew::Uniform, "uniform")] {
        for threads in [1, 2] {
            let setting = Setting {
                skew,
                threads,
                items: scale.pick(1_000, 20_000),
                time: scale.pick(Duration::from_millis(40), Duration::from_millis(500)),
            };
            let mut case = Case::new(format!("{name}-{threads}t"), scale.pick(2, 5));
            for (entry, limit) in entries() {
                let contender = Contender::new(entry.system.clone(), move |dir| {
                    measure(&entry, dir, setting)
                })
                .against(limit);
                // All of them together would not fit the page cache.
                case.add(if scale.quick {
                    contender
                } else {
                    contender.isolated()
                });
            }
            let reason = "each blob is a map that is opened for one load: see `cold`";
            case.add(Contender::skipped("mmap-sync", reason));
            cases.push(case);
        }
    }
    cases
}

fn entries() -> Vec<(Entry, &'static str)> {
    vec![
        (catalog::ours::<ours::Archive>(false), READ),
        (catalog::ours::<ours::Archive>(true), READ),
        (catalog::ours::<ours::ArchiveAlwaysMapped>(false), READ),
        (catalog::ours::<ours::Bin>(false), BINCODE),
        (catalog::ours::<ours::Bin>(true), BINCODE),
        (catalog::ours::<ours::Prost>(false), PROST),
        (catalog::ancestor::<ancestor::Bin>(), BINCODE),
        (catalog::ancestor::<ancestor::Prost>(), PROST),
        (catalog::heed(), READ),
        (catalog::redb(), READ),
        (catalog::fjall(), READ),
        (catalog::foyer(), READ),
        (catalog::cacache(), READ),
        (catalog::epserde(), READ),
        (catalog::moka(), READ),
        (catalog::quick_cache(), READ),
        (catalog::lru::<limit::files::Read>(READ), READ),
        (catalog::lru::<limit::files::Bincode>(BINCODE), BINCODE),
        (catalog::lru::<limit::files::Prost>(PROST), PROST),
    ]
}

fn measure(entry: &Entry, dir: &Path, setting: Setting) -> Result<Measure> {
    let sizes = Sizes {
        items: setting.items,
        cache: setting.items / 10,
        bytes: BYTES,
    };
    let store = (entry.make)(dir, sizes)?;
    let mut template = Template::new(BYTES);
    for id in 0..setting.items {
        store.put_for_loads(id, template.blob(id))?;
    }
    store.finish()?;
    for id in [0, setting.items / 2, setting.items - 1] {
        let sum = store.load(id, Touch::All)?;
        let expected = touch(template.blob(id), Touch::All);
        ensure!(sum == expected, "it loads something else than was put");
    }
    let orders: Vec<_> = (0..setting.threads)
        .map(|thread| choices(setting.skew, setting.items, 1 << 16, 200 + thread as u64))
        .collect();
    // Until the cache holds what it will hold; one that is slow need not.
    run(&*store, &orders, setting.time, Touch::One)?;
    Ok(Box::new(move || {
        let before = store.hits_and_misses();
        let one = run(&*store, &orders, setting.time, Touch::One)?;
        let after = store.hits_and_misses();
        let all = run(&*store, &orders, setting.time, Touch::All)?;
        let mut samples = vec![
            Sample::new("loads", "1/s", one),
            Sample::new("loads-touching-all", "1/s", all),
        ];
        if let (Some(before), Some(after)) = (before, after) {
            let (hits, misses) = (after.0 - before.0, after.1 - before.1);
            let share = hits as f64 * 100.0 / (hits + misses).max(1) as f64;
            samples.push(Sample::new("hit-ratio", "%", share));
        }
        Ok(samples)
    }))
}

/// Loads in a second, of all threads together.
fn run(store: &dyn Blobs, orders: &[Vec<u32>], time: Duration, how: Touch) -> Result<f64> {
    let done = AtomicU64::new(0);
    let failed = std::sync::Mutex::new(None);
    let taken = together(orders.len(), &|thread| {
        let (order, begin) = (&orders[thread], Instant::now());
        let mut count = 0;
        let mut next = order.iter().cycle();
        // The clock is looked at after each batch, which grows while loads turn
        // out to be fast.
        let mut batch = 1;
        while begin.elapsed() < time {
            let batch_begin = Instant::now();
            for id in next.by_ref().take(batch) {
                match store.load(*id as usize, how) {
                    Ok(sum) => black_box(sum),
                    Err(error) => {
                        *failed.lock().expect("no thread panics with it") = Some(error);
                        return;
                    }
                };
            }
            count += batch as u64;
            if batch < 1024 && batch_begin.elapsed() * 100 < time {
                batch *= 2;
            }
        }
        done.fetch_add(count, Relaxed);
    });
    if let Some(error) = failed.into_inner().expect("no thread panics with it") {
        return Err(error);
    }
    Ok(done.load(Relaxed) as f64 / taken.wall.as_secs_f64())
}
