//! `cold-disk`: loads and writes that wait for a disk, by how many callers there are. Files
//! out of the page cache, and stores whose calls take a set time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use file_backed::backing_store::{BackingStoreT, StoreError, Strategy, Transfer};
use file_backed::fbstore::{BinCodec, FBStore, PreparedPath};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool, Fb};
use rustix::fs::{Advice, fadvise};

use crate::harness::machine;
use crate::harness::plan::{Case, Contender, Measure, NotHere, Sample, Scale, Workload};
use crate::harness::row::Kind;
use crate::harness::size::KIB;
use crate::systems::bytes::Bytes as _;
use crate::systems::{User, foyer, runtime};

pub const WORKLOAD: Workload = Workload {
    name: "cold-disk",
    about: "loads of 16 KiB files that are not in the page cache, and loads and writes of a store \
            whose calls take 0.1, 1 or 10 ms, by 1 to 256 callers at once",
    cases,
    absent: |case, system| match system {
        "foyer" if !case.starts_with("files/") => "its calls cannot be made to take a set time",
        "foyer" => "it needs a disk, whose pages it can be told to drop",
        _ => "it is not measured with many callers",
    },
};

const BYTES: usize = 16 * KIB;

/// The option that lets a store run as many loads as there are callers.
const WIDE: usize = 256;

fn cases(scale: &Scale) -> Vec<Case> {
    let callers: &[usize] = scale.pick(&[16, 64], &[1, 4, 16, 64, 256]);
    let delays: &[u64] = scale.pick(&[1000], &[100, 1000, 10_000]);
    let rounds = scale.pick(1, 3);
    let mut cases = Vec::new();
    for callers in callers.iter().copied() {
        cases.push(files(callers, rounds, scale.pick(1000, 4000)));
        for delay in delays.iter().map(|micros| Duration::from_micros(*micros)) {
            let most = scale.pick(Duration::from_millis(200), Duration::from_secs(1));
            let work = Work::for_about(most, delay, callers);
            cases.push(delayed("load", work, rounds, load_contenders));
            cases.push(delayed("sink", work, rounds, sink_contenders));
        }
    }
    cases
}

/// How much is done, by how many, in a store of which each call takes so long.
#[derive(Clone, Copy)]
struct Work {
    delay: Duration,
    callers: usize,
    calls: usize,
}

impl Work {
    /// The most calls in a second that two cores are expected to make.
    const MOST: f64 = 40_000.0;

    fn for_about(time: Duration, delay: Duration, callers: usize) -> Self {
        let rate = (callers as f64 / delay.as_secs_f64()).min(Self::MOST);
        let calls = (rate * time.as_secs_f64()) as usize;
        Self {
            delay,
            callers,
            calls: calls.next_multiple_of(callers).max(2 * callers),
        }
    }

    fn rate(self, metric: &'static str, time: Duration) -> Vec<Sample> {
        let rate = self.calls as f64 / time.as_secs_f64();
        vec![Sample::new(metric, "k/s", rate / 1e3)]
    }
}

fn delayed(what: &str, work: Work, rounds: usize, add: fn(&mut Case, Work)) -> Case {
    let millis = work.delay.as_secs_f64() * 1e3;
    let mut case = Case::new(format!("{what}-{millis}ms/{}", work.callers), rounds);
    add(&mut case, work);
    case
}

/// A store whose calls sleep.
struct Sleeping(Duration);

impl BackingStoreT for Sleeping {
    type PersistPath = ();

    fn delete(&self, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    fn delete_persisted(&self, _: &(), _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }

    fn register(&self, _: &(), _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }

    fn persist(&self, _: &(), _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, _: &()) -> Result<Vec<Uuid>, StoreError> {
        Ok(Vec::new())
    }

    fn sync_persisted(&self, _: &()) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Strategy<u64> for Sleeping {
    fn store(&self, _: Uuid, _: &u64) -> Result<(), StoreError> {
        thread::sleep(self.0);
        Ok(())
    }

    fn load(&self, _: Uuid) -> Result<u64, StoreError> {
        thread::sleep(self.0);
        Ok(7)
    }
}

type SleepingPool = Arc<FBPool<u64, Sleeping>>;

fn sleeping_pool(delay: Duration, most_in_flight: Option<usize>) -> SleepingPool {
    let store = BackingStore::new(Sleeping(delay), runtime(User::Ours).handle().clone());
    let store = match most_in_flight {
        Some(most) => store.most_in_flight(most),
        None => store,
    };
    Arc::new(FBPool::new(Arc::new(store), 0))
}

/// Runs `call` from so many tasks, each with its share of the calls.
fn by_tasks<F>(work: Work, call: impl Fn(usize) -> F) -> Result<Duration>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let begin = Instant::now();
    runtime(User::Ours).block_on(async {
        let tasks: Vec<_> = (0..work.callers).map(|n| tokio::spawn(call(n))).collect();
        for task in tasks {
            task.await??;
        }
        Ok(begin.elapsed())
    })
}

/// The same by as many threads.
fn by_threads(work: Work, call: impl Fn(usize) -> Result<()> + Sync) -> Result<Duration> {
    let begin = Instant::now();
    thread::scope(|scope| {
        let call = &call;
        let threads: Vec<_> = (0..work.callers)
            .map(|n| scope.spawn(move || call(n)))
            .collect();
        for thread in threads {
            thread.join().expect("a caller does not panic")?;
        }
        Ok(begin.elapsed())
    })
}

const OURS: &str = "file_backed/bincodec";
const OURS_ASYNC: &str = "file_backed/bincodec/async";
const OURS_WIDE: &str = "file_backed/bincodec/async-256";
const THREADS: &str = "limit/threads";
const TOKIO: &str = "limit/tokio";

fn load_contenders(case: &mut Case, work: Work) {
    let absent = move |most| -> Result<(SleepingPool, Vec<Fb<u64, Sleeping>>)> {
        let pool = sleeping_pool(work.delay, most);
        let each = (work.calls / work.callers).min(8) * work.callers;
        let items = (0..each).map(|n| pool.insert(n as u64)).collect();
        pool.store().blocking_finished();
        Ok((pool, items))
    };
    for (system, most) in [(OURS_ASYNC, None), (OURS_WIDE, Some(WIDE))] {
        let contender = Contender::new(system, move |_| {
            let (_pool, items) = absent(most)?;
            let items = Arc::new(items);
            Ok(Box::new(move |_| {
                let time = by_tasks(work, |caller| {
                    let items = items.clone();
                    async move {
                        for call in 0..work.calls / work.callers {
                            let item = (call * work.callers + caller) % items.len();
                            ensure!(*items[item].read().await? == 7, "another value");
                        }
                        Ok(())
                    }
                })?;
                Ok(work.rate("loaded", time))
            }))
        });
        case.add(
            contender
                .gives(Kind::Decoded)
                .against_all(&[THREADS, TOKIO]),
        );
    }
    let blocking = Contender::new(OURS, move |_| {
        let (_pool, items) = absent(None)?;
        Ok(Box::new(move |_| {
            let time = by_threads(work, |caller| {
                for call in 0..work.calls / work.callers {
                    let item = (call * work.callers + caller) % items.len();
                    ensure!(*items[item].blocking_read()? == 7, "another value");
                }
                Ok(())
            })?;
            Ok(work.rate("loaded", time))
        }))
    });
    case.add(blocking.gives(Kind::Decoded).against(THREADS));
    add_limits(case, work, "loaded");
}

fn sink_contenders(case: &mut Case, work: Work) {
    for (system, most) in [(OURS_ASYNC, None), (OURS_WIDE, Some(WIDE))] {
        let contender = Contender::new(system, move |_| {
            Ok(Box::new(move |_| {
                let pool = sleeping_pool(work.delay, most);
                let inserted = by_tasks(work, |_| {
                    let pool = pool.clone();
                    async move {
                        let mut items = Vec::new();
                        for n in 0..work.calls / work.callers {
                            items.push(pool.reserve().await?.insert(n as u64));
                        }
                        // They are all written before they are dropped.
                        pool.store().finished().await;
                        drop(items);
                        Ok(())
                    }
                })?;
                ensure!(pool.stats().writes == work.calls as u64, "all are written");
                Ok(work.rate("written", inserted))
            }))
        });
        case.add(
            contender
                .gives(Kind::Decoded)
                .against_all(&[THREADS, TOKIO]),
        );
    }
    add_limits(case, work, "written");
}

/// The same calls by bare threads, and by `spawn_blocking`, which `tokio::fs` uses for each.
fn add_limits(case: &mut Case, work: Work, metric: &'static str) {
    case.add(Contender::new(THREADS, move |_| {
        Ok(Box::new(move |_| {
            let time = by_threads(work, |_| {
                (0..work.calls / work.callers).for_each(|_| thread::sleep(work.delay));
                Ok(())
            })?;
            Ok(work.rate(metric, time))
        }))
    }));
    case.add(Contender::new(TOKIO, move |_| {
        Ok(Box::new(move |_| {
            let time = by_tasks(work, |_| async move {
                for _ in 0..work.calls / work.callers {
                    tokio::task::spawn_blocking(move || thread::sleep(work.delay)).await?;
                }
                Ok(())
            })?;
            Ok(work.rate(metric, time))
        }))
    }));
}

/// Why files below `dir` cannot be dropped from the page cache.
fn check_disk(dir: &Path) -> Result<()> {
    let kind = machine::file_system(dir)?;
    let is_memory = ["tmpfs", "ramfs"]
        .iter()
        .any(|memory| kind.starts_with(memory));
    if is_memory {
        let reason = format!(
            "it needs a disk, and DIR is on {kind}: mount an ext4 from a loop device, as root"
        );
        return Err(NotHere(reason).into());
    }
    Ok(())
}

/// Drops files from the page cache.
fn drop_pages(files: &[PathBuf]) -> Result<()> {
    rustix::fs::sync();
    for path in files {
        let file = File::open(path)?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// The regular files below a directory.
fn files_below(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files_below(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn value(n: usize) -> Vec<u8> {
    let mut value = vec![n as u8; BYTES];
    value[..8].copy_from_slice(&(n as u64).to_le_bytes());
    value
}

fn is_value(value: &[u8], n: usize) -> Result<()> {
    ensure!(value[..8] == (n as u64).to_le_bytes(), "another value");
    Ok(())
}

struct Cached {
    items: Arc<Vec<Fb<Vec<u8>, FBStore<BinCodec>>>>,
    files: Vec<PathBuf>,
}

fn cached(dir: &Path, items: usize, most: Option<usize>) -> Result<Cached> {
    check_disk(dir)?;
    let cache = dir.join("cache");
    let files = FBStore::open(BinCodec, PreparedPath::blocking_open(cache.clone())?)?;
    let store = BackingStore::new(files, runtime(User::Ours).handle().clone());
    let store = match most {
        Some(most) => store.most_in_flight(most),
        None => store,
    };
    let pool = Arc::new(FBPool::new(Arc::new(store), 0));
    let mut handles = Vec::new();
    for n in 0..items {
        handles.push(pool.blocking_reserve()?.insert(value(n)));
    }
    pool.store().blocking_finished();
    let mut files = Vec::new();
    files_below(&cache, &mut files)?;
    Ok(Cached {
        items: Arc::new(handles),
        files,
    })
}

/// Plain files of the same values.
fn plain(dir: &Path, items: usize) -> Result<Arc<Vec<PathBuf>>> {
    check_disk(dir)?;
    let files: Vec<_> = (0..items).map(|n| dir.join(n.to_string())).collect();
    for (n, file) in files.iter().enumerate() {
        std::fs::write(file, value(n))?;
    }
    Ok(Arc::new(files))
}

fn files(callers: usize, rounds: usize, items: usize) -> Case {
    let mut case = Case::new(format!("files/{callers}"), rounds);
    let work = Work {
        delay: Duration::ZERO,
        callers,
        calls: items,
    };
    // Each caller takes the next file.
    let next = move |taken: &AtomicUsize| {
        let n = taken.fetch_add(1, Relaxed);
        (n < items).then_some(n)
    };
    for (system, most) in [(OURS_ASYNC, None), (OURS_WIDE, Some(WIDE))] {
        let contender = Contender::new(system, move |dir| {
            let cached = cached(dir, items, most)?;
            Ok(Box::new(move |_| {
                drop_pages(&cached.files)?;
                let taken = Arc::new(AtomicUsize::new(0));
                let time = by_tasks(work, |_| {
                    let (items, taken) = (cached.items.clone(), taken.clone());
                    async move {
                        while let Some(n) = next(&taken) {
                            is_value(&items[n].read().await?, n)?;
                        }
                        Ok(())
                    }
                })?;
                Ok(work.rate("loaded", time))
            }) as Measure)
        });
        case.add(
            contender
                .gives(Kind::Decoded)
                .against_all(&[THREADS, TOKIO]),
        );
    }
    let blocking = Contender::new(OURS, move |dir| {
        let cached = cached(dir, items, None)?;
        Ok(Box::new(move |_| {
            drop_pages(&cached.files)?;
            let taken = AtomicUsize::new(0);
            let time = by_threads(work, |_| {
                while let Some(n) = next(&taken) {
                    is_value(&cached.items[n].blocking_read()?, n)?;
                }
                Ok(())
            })?;
            Ok(work.rate("loaded", time))
        }) as Measure)
    });
    case.add(blocking.gives(Kind::Decoded).against(THREADS));
    case.add(Contender::new(THREADS, move |dir| {
        let files = plain(dir, items)?;
        Ok(Box::new(move |_| {
            drop_pages(&files)?;
            let taken = AtomicUsize::new(0);
            let time = by_threads(work, |_| {
                while let Some(n) = next(&taken) {
                    is_value(&std::fs::read(&files[n])?, n)?;
                }
                Ok(())
            })?;
            Ok(work.rate("loaded", time))
        }) as Measure)
    }));
    case.add(Contender::new(TOKIO, move |dir| {
        let files = plain(dir, items)?;
        Ok(Box::new(move |_| {
            drop_pages(&files)?;
            let taken = Arc::new(AtomicUsize::new(0));
            let time = by_tasks(work, |_| {
                let (files, taken) = (files.clone(), taken.clone());
                async move {
                    while let Some(n) = next(&taken) {
                        is_value(&tokio::fs::read(&files[n]).await?, n)?;
                    }
                    Ok(())
                }
            })?;
            Ok(work.rate("loaded", time))
        }) as Measure)
    }));
    let foyer = Contender::new("foyer", move |dir| {
        check_disk(dir)?;
        let cache = Arc::new(foyer::files(dir, items, 0, BYTES)?);
        for n in 0..items {
            cache.put(n, &value(n))?;
        }
        cache.finish()?;
        let mut files = Vec::new();
        files_below(dir, &mut files)?;
        Ok(Box::new(move |_| {
            cache.forget();
            drop_pages(&files)?;
            let taken = Arc::new(AtomicUsize::new(0));
            let time = by_tasks(work, |_| {
                let (cache, taken) = (cache.clone(), taken.clone());
                async move {
                    while let Some(n) = next(&taken) {
                        is_value(&cache.load(n).await?, n)?;
                    }
                    Ok(())
                }
            })?;
            Ok(work.rate("loaded", time))
        }) as Measure)
    });
    case.add(foyer.gives(Kind::Bytes));
    case
}
