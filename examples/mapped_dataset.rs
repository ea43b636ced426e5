//! cargo run --release --example mapped_dataset --features=mappedcodec,bincodec [DIRECTORY]
//!
//! Stores each file of a directory as an rkyv archive, persists them, opens them again
//! as after a restart, and searches them twice through borrowed archives, which are not
//! deserialized. Then the same search runs on the same records stored with `BinCodec`,
//! which decodes each record that it loads. A table shows what each phase took.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{BinCodec, Codec, FBStore, Mapped, MappedCodec, PreparedPath, rkyv};
use file_backed::{FBPool, Fb};
use indicatif::{ProgressIterator as _, ProgressStyle};
use lexopt::prelude::*;
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;

const HELP: &str = "\
Usage: mapped_dataset [--needle TEXT] [--items N] [--mib N] [DIRECTORY]

  DIRECTORY      Where the files are [default: the Rust toolchain's directory]
  --needle TEXT  What to search for [default: unsafe]
  --items N      How many records each pool keeps in memory [default: 64]
  --mib N        How many MiB of files to store at most [default: 4096]

The working files are temporary and take twice as much; TMPDIR says where.";

const MIB: f64 = (1 << 20) as f64;
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// One file. `MappedCodec` stores it as an rkyv archive, `BinCodec` through serde.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[rkyv(crate = rkyv)]
#[derive(serde::Serialize, serde::Deserialize)]
struct Record {
    path: String,
    #[serde(with = "serde_bytes")] // in one piece instead of byte by byte
    bytes: Vec<u8>,
}

type Pool<T, C> = Arc<FBPool<T, FBStore<C>>>;
type Items<T, C> = Vec<Fb<T, FBStore<C>>>;
type MappedPool = Pool<Mapped<Record>, MappedCodec>;
type MappedItems = Items<Mapped<Record>, MappedCodec>;
type Saved = TrackedPath<PreparedPath>;

fn main() {
    let Err(error) = run() else { return };
    eprintln!("mapped_dataset: {error:#}");
    exit(1);
}

fn run() -> Result<()> {
    let (directory, needle, budget, max_mib) =
        parse_options().map_err(|e| anyhow!("{e} (see --help)"))?;
    let runtime = Runtime::new()?; // runs the background work of the library
    // Ctrl-C ends the phase with an error, so that `dir` is deleted.
    runtime.spawn(async { ctrl_c().await.map(|()| INTERRUPTED.store(true, Relaxed)) });
    let files = list(&directory, max_mib)?;
    let dir = tempfile::tempdir()?;
    println!("phase                items   seconds   items/s     MiB/s  peak MiB");

    // The first process stores the files, and ends.
    let (pool, saved) = open(dir.path(), budget, &runtime)?;
    let items = ingest(&files, &pool)?;
    persist(&items, &saved)?;
    sync(&pool, &saved)?;
    // The cache file of an item is deleted with its last handle, in the background.
    drop((items, saved));
    pool.store().blocking_finished();
    drop(pool);

    // The next process finds them again, and searches them.
    let (pool, saved) = open(dir.path(), budget, &runtime)?;
    let items = register(&pool, &saved)?;
    let counts = search("search", &items, &needle, |record| &record.bytes)?;
    let again = search("search again", &items, &needle, |record| &record.bytes)?;
    ensure!(counts == again, "the second search found something else");
    let (mapped, mapped_mib) = (pool.stats().mapped, pool.stats().mapped_bytes as f64 / MIB);

    // The same records through a codec that decodes what it loads.
    let decoded = runtime.block_on(FBPool::open(BinCodec, dir.path().join("bincode"), budget))?;
    let decoded = copy(&items, &decoded)?;
    let same = search("bincode: search", &decoded, &needle, |record| &record.bytes)?;
    let again = search("bincode: again", &decoded, &needle, |record| &record.bytes)?;
    ensure!(counts == same && same == again, "BinCodec differs");

    let (matches, unreadable) = (counts.iter().sum::<u64>(), files.len() - counts.len());
    println!("\nEach search found {needle:?} {matches} times; {unreadable} files were unreadable.");
    println!("{mapped} files ({mapped_mib:.0} MiB) stayed mapped. Their pages count in the peak,");
    println!("but the kernel takes them back when memory is short.");
    if cfg!(debug_assertions) {
        println!("This is a debug build: build with --release to compare the times.");
    }
    Ok(())
}

/// Lists the regular files below `directory`, up to `max_mib` in all. Files near 2 GiB,
/// the limit of an rkyv archive, are left out.
fn list(directory: &Path, max_mib: u64) -> Result<Vec<PathBuf>> {
    fs::read_dir(directory).with_context(|| format!("cannot list {directory:?}"))?;
    let max = max_mib.saturating_mul(1 << 20);
    let (mut files, mut total, mut too_large) = (Vec::new(), 0, 0);
    for entry in walkdir::WalkDir::new(directory) {
        match entry.and_then(|entry| Ok((entry.metadata()?, entry.into_path()))) {
            Ok((found, _)) if !found.is_file() => {}
            Ok((found, path)) if found.len() <= (max - total).min(2_000_000_000) => {
                total += found.len();
                files.push(path);
            }
            Ok(_) => too_large += 1,
            Err(error) => eprintln!("skipped: {error}"),
        }
    }
    let (count, mib) = (files.len(), total as f64 / MIB);
    println!("{count} files ({mib:.1} MiB) in {directory:?}, {too_large} more exceed the limits\n");
    ensure!(count > 0, "there is nothing to store");
    Ok(files)
}

/// Opens a pool with its cache in `dir`, and the directory of what was persisted before.
fn open(dir: &Path, budget: usize, runtime: &Runtime) -> Result<(MappedPool, Saved)> {
    // SAFETY: all files are in a temporary directory of this run. Only the library
    // writes there, and it never modifies or truncates a file that it has written.
    let codec = unsafe { MappedCodec::new() };
    let pool = runtime.block_on(FBPool::open(codec, dir.join("cache"), budget))?;
    let saved = PreparedPath::blocking_open(dir.join("saved"))?;
    let saved = pool.store().blocking_track_path(saved)?;
    Ok((pool, saved))
}

/// Makes an item of each file that can be read.
fn ingest(files: &[PathBuf], pool: &MappedPool) -> Result<MappedItems> {
    let items = measure("ingest", files, |path| {
        let Ok(bytes) = fs::read(path) else {
            return Ok((None, 0));
        };
        let (path, size) = (path.to_string_lossy().into_owned(), bytes.len());
        // Archives the record straight into its file, so that it can be evicted at once.
        let item = pool.blocking_insert_archived(&Record { path, bytes })?;
        Ok((Some(item), size))
    })?;
    Ok(items.into_iter().flatten().collect())
}

/// Links the file of each item into the directory of what is persisted.
fn persist(items: &MappedItems, saved: &Saved) -> Result<Vec<()>> {
    measure("persist", items, |item| {
        Ok((item.blocking_persist(saved)?, 0))
    })
}

/// Waits until all that was persisted would survive a power cut.
fn sync(pool: &MappedPool, saved: &Saved) -> Result<Vec<()>> {
    measure("sync", [saved], |saved| {
        Ok((pool.store().blocking_sync(saved)?, 0))
    })
}

/// Makes an item of each persisted file, by a link in the cache. Nothing is loaded.
fn register(pool: &MappedPool, saved: &Saved) -> Result<MappedItems> {
    measure("register", saved.all_keys(), |key| {
        Ok((pool.blocking_register(saved, key)?, 0))
    })
}

/// Counts the needle in each item.
fn search<T: Send + Sync + 'static, C: Codec<T>>(
    phase: &str,
    items: &Items<T, C>,
    needle: &str,
    bytes_of: impl Fn(&T) -> &[u8],
) -> Result<Vec<u64>> {
    let finder = memchr::memmem::Finder::new(needle);
    measure(phase, items, |item| {
        // Loads the value if it is not in memory. The guard keeps it there.
        let value = item.blocking_read()?;
        let bytes = bytes_of(&value);
        Ok((finder.find_iter(bytes).count() as u64, bytes.len()))
    })
}

/// Copies the records into a pool with `BinCodec`.
fn copy(items: &MappedItems, to: &Pool<Record, BinCodec>) -> Result<Items<Record, BinCodec>> {
    measure("bincode: copy", items, |item| {
        let record: Record = item.blocking_read()?.deserialize()?;
        let size = record.bytes.len();
        let copy = to.insert(record);
        copy.blocking_write_now()?; // Otherwise it is written when it is evicted.
        Ok((copy, size))
    })
}

/// Runs a phase and prints its row. `step` returns a result, and how many bytes it read.
fn measure<I: IntoIterator<IntoIter: ExactSizeIterator>, R>(
    phase: &str,
    items: I,
    mut step: impl FnMut(I::Item) -> Result<(R, usize)>,
) -> Result<Vec<R>> {
    let style = ProgressStyle::with_template("{msg:16}{wide_bar} {pos} of {len}, {elapsed}")?;
    let items = items.into_iter().progress_with_style(style);
    let items = items.with_message(phase.to_owned());
    let tick = Duration::from_millis(100);
    items.progress.enable_steady_tick(tick);
    let _ = fs::write("/proc/self/clear_refs", "5"); // Linux measures the peak anew.
    let (start, mut results, mut bytes) = (Instant::now(), Vec::new(), 0);
    for item in items {
        ensure!(!INTERRUPTED.load(Relaxed), "interrupted");
        let (result, size) = step(item)?;
        results.push(result);
        bytes += size;
    }
    let (count, seconds) = (results.len(), start.elapsed().as_secs_f64());
    let items_rate = count as f64 / seconds;
    let mib_rate = (bytes > 0).then(|| format!("{:.1}", bytes as f64 / MIB / seconds));
    let mib_rate = mib_rate.unwrap_or("-".to_owned());
    let peak = peak_memory().map_or("-".to_owned(), |kib| (kib / 1024).to_string());
    println!("{phase:16}{count:>10}{seconds:>10.3}{items_rate:>10.0}{mib_rate:>10}{peak:>10}");
    Ok(results)
}

/// The most that was resident since `clear_refs`, in KiB. Only Linux tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let (_, peak) = status.split_once("VmHWM:")?;
    peak.split_whitespace().next()?.parse().ok()
}

fn parse_options() -> Result<(PathBuf, String, usize, u64)> {
    let (mut directory, mut needle, mut budget, mut mib) = (None, "unsafe".into(), 64, 4096);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("needle") => needle = args.value()?.string()?,
            Long("items") => budget = args.value()?.parse()?,
            Long("mib") => mib = args.value()?.parse()?,
            Long("help") | Short('h') => {
                println!("{HELP}");
                exit(0);
            }
            Value(path) if directory.is_none() => directory = Some(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok((directory.map_or_else(toolchain, Ok)?, needle, budget, mib))
}

fn toolchain() -> Result<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let output = output.context("cannot run rustc to find the default directory: give one")?;
    Ok(String::from_utf8(output.stdout)?.trim_end().into())
}
