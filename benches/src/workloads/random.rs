//! `random`: loads of items of which a tenth is in memory.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::row::Kind;
use crate::harness::seed::{Skew, choices};
use crate::harness::size::KIB;
use crate::harness::threads::together;
use crate::systems::blob::{Template, touch};
use crate::systems::catalog::{self, Entry, Sizes};
use crate::systems::{Blobs, Touch, limit, ours};

pub const WORKLOAD: Workload = Workload {
    name: "random",
    about: "loads of 64 KiB items, ten times as many as stay in memory, with the hit ratio; and \
            the same by the number of items",
    cases,
    absent,
};

fn absent(_: &str, system: &str) -> &'static str {
    match system {
        "mmap-sync" => "each blob is a map that is opened for one load: see `cold`",
        _ => "only some systems are measured by the number of items",
    }
}

const BYTES: usize = 64 * KIB;
const BINCODE: &str = "limit/lru-read-bincode";
const PROST: &str = "limit/lru-read-prost";
const READ: &str = "limit/lru-read";
const REUSED: &str = "limit/lru-read-reused";

#[derive(Clone, Copy)]
struct Setting {
    skew: Skew,
    threads: usize,
    items: usize,
    /// Of one sample, for each way to touch.
    time: Duration,
}

fn cases(scale: &Scale) -> Vec<Case> {
    let time = scale.pick(Duration::from_millis(25), Duration::from_millis(500));
    let mut cases = Vec::new();
    for (skew, name) in [(Skew::Zipf, "zipf"), (Skew::Uniform, "uniform")] {
        for threads in [1, 2] {
            let setting = Setting {
                skew,
                threads,
                items: scale.pick(500, 8_000),
                time,
            };
            cases.push(case(
                format!("{name}-{threads}t"),
                entries(),
                setting,
                scale,
            ));
        }
    }
    let counts: &[usize] = scale.pick(&[125, 250, 1_000], &[2_000, 5_000, 20_000]);
    for items in counts {
        let setting = Setting {
            skew: Skew::Zipf,
            threads: 1,
            items: *items,
            time,
        };
        cases.push(case(format!("zipf-1t/{items}"), few(), setting, scale));
    }
    cases
}

fn case(name: String, entries: Vec<Entry>, setting: Setting, scale: &Scale) -> Case {
    let mut case = Case::new(name, scale.pick(2, 5));
    for entry in entries {
        let (kind, system) = (entry.kind, entry.system.clone());
        let limits: &[&str] = match kind {
            Kind::Bytes => &[READ, REUSED],
            Kind::Decoded if system.contains("prost") => &[PROST],
            Kind::Decoded => &[BINCODE],
        };
        let contender = Contender::new(system, move |dir| measure(&entry, dir, setting));
        let contender = contender.against_all(limits).gives(kind);
        // All of them together would not fit the page cache.
        case.add(if scale.quick {
            contender
        } else {
            contender.isolated()
        });
    }
    case
}

fn entries() -> Vec<Entry> {
    let mut all = few();
    all.extend([
        catalog::mapped::<ours::Mixed>(false),
        catalog::mapped::<ours::Mixed>(true),
        catalog::decoded::<ours::Bin>(true),
        catalog::decoded::<ours::Prost>(true),
        catalog::ancestor_bin(),
        catalog::redb(),
        catalog::cacache(),
        catalog::epserde(),
        catalog::quick_cache(),
        catalog::heed_bincode(),
        catalog::quick_cache_bincode(),
        catalog::moka_bincode(),
    ]);
    all
}

/// Enough to see how cost grows.
fn few() -> Vec<Entry> {
    vec![
        catalog::mapped::<ours::Archive>(false),
        catalog::mapped::<ours::Archive>(true),
        catalog::mapped::<ours::ArchiveAlwaysMapped>(false),
        catalog::decoded::<ours::Bin>(false),
        catalog::decoded::<ours::Prost>(false),
        catalog::ancestor_prost(),
        catalog::heed(),
        catalog::fjall(),
        catalog::foyer(),
        catalog::moka(),
        catalog::lru::<limit::files::Read>(READ, Kind::Bytes),
        catalog::lru::<limit::files::ReadReused>(REUSED, Kind::Bytes),
        catalog::lru::<limit::files::Bincode>(BINCODE, Kind::Decoded),
        catalog::lru::<limit::files::Prost>(PROST, Kind::Decoded),
    ]
}

fn measure(entry: &Entry, dir: &Path, setting: Setting) -> Result<Measure> {
    let sizes = Sizes {
        items: setting.items,
        cache: setting.items / 10,
        bytes: BYTES,
        backlog: None,
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
    // Until the cache holds what it will hold; one that is slow need not.
    let orders = orders_of(setting, 0);
    run(&*store, &orders, setting.time, Touch::One)?;
    Ok(Box::new(move |round| {
        // Other items in each round, and in neither what was loaded just before.
        let orders = [1, 2].map(|part| orders_of(setting, 2 * round as u64 + part));
        let before = store.hits_and_misses();
        let one = run(&*store, &orders[0], setting.time, Touch::One)?;
        let after = store.hits_and_misses();
        let all = run(&*store, &orders[1], setting.time, Touch::All)?;
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

/// What each thread loads in one run: other items with each number, and the same
/// for all systems.
fn orders_of(setting: Setting, number: u64) -> Vec<Vec<u32>> {
    (0..setting.threads as u64)
        .map(|thread| {
            let purpose = 1000 + number * 16 + thread;
            choices(setting.skew, setting.items, 1 << 17, purpose)
        })
        .collect()
}

/// Loads in a second, of all threads together.
fn run(store: &dyn Blobs, orders: &[Vec<u32>], time: Duration, how: Touch) -> Result<f64> {
    let done = AtomicU64::new(0);
    let failed = std::sync::Mutex::new(None);
    let taken = together(orders.len(), &|thread| {
        let (order, begin) = (&orders[thread], Instant::now());
        let (mut count, mut next) = (0, 0);
        // The clock is looked at after each batch, which grows while loads turn
        // out to be fast.
        let mut batch = 1;
        while begin.elapsed() < time {
            let batch_begin = Instant::now();
            let end = (next + batch).min(order.len());
            match store.load_many(&order[next..end], how) {
                Ok(sum) => black_box(sum),
                Err(error) => {
                    *failed.lock().expect("no thread panics with it") = Some(error);
                    return;
                }
            };
            count += (end - next) as u64;
            next = end % order.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_loads_other_items_and_each_thread_its_own() {
        let setting = Setting {
            skew: Skew::Zipf,
            threads: 2,
            items: 1_000,
            time: Duration::ZERO,
        };
        let runs: Vec<_> = (0..20).map(|number| orders_of(setting, number)).collect();
        assert_eq!(runs[3], orders_of(setting, 3), "the same for every system");
        let mut all: Vec<_> = runs.iter().flatten().collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40);
    }
}
