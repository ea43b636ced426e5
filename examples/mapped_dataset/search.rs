//! Looks for bytes in every item of a pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, anyhow, ensure};
use file_backed::backing_store::Strategy;
use file_backed::fbstore::Mapped;
use file_backed::{FBPool, Fb};
use memchr::memmem::Finder;

use crate::library::{Contents, Library};
use crate::options::Options;
use crate::phase::{Phase, Total};
use crate::record::Record;
use crate::report::Report;

/// A value with the bytes of a file.
pub(crate) trait HasBytes: Send + Sync + 'static {
    fn file_bytes(&self) -> &[u8];
}

/// Borrowed from the archive where it lies.
impl HasBytes for Mapped<Record> {
    fn file_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Decoded, that is copied, when it was loaded.
impl HasBytes for Record {
    fn file_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Searches the records three times: the first time the pool maps the large files and
/// reads the others, the second time it maps those too, because they come again, and
/// the third time it has most of the maps.
pub(crate) fn three_times(
    library: &Library,
    contents: &Contents,
    options: &Options,
    report: &mut Report,
) -> Result<Vec<u64>> {
    let mut pass = |name, doing| {
        let phase = Phase::begin(name, doing, Total::Bytes(contents.bytes));
        self::pass(&library.records, &contents.records, phase, options, report)
    };
    let first = pass("search", "searching, with nothing in memory")?;
    let again = pass("search again", "searching, and mapping what comes again")?;
    let third = pass("search: third", "searching, with the maps that were kept")?;
    ensure!(
        first == again && first == third,
        "a later search found something else than the first"
    );
    Ok(first)
}

/// Searches all `items` of `pool`, and counts the matches in each.
pub(crate) fn pass<T: HasBytes, B: Strategy<T>>(
    pool: &FBPool<T, B>,
    items: &[Arc<Fb<T, B>>],
    phase: Phase,
    options: &Options,
    report: &mut Report,
) -> Result<Vec<u64>> {
    let before = pool.stats();
    let counts = count_all(items, &phase, options)?;
    report.pool(phase.name(), &before, &pool.stats());
    report.end(phase)?;
    Ok(counts)
}

fn count_all<T: HasBytes, B: Strategy<T>>(
    items: &[Arc<Fb<T, B>>],
    phase: &Phase,
    options: &Options,
) -> Result<Vec<u64>> {
    let finder = Finder::new(&options.needle);
    let next = AtomicUsize::new(0);
    let worker = || count_some(items, &next, &finder, phase);
    let mut counts = vec![0; items.len()];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let counted = worker.join().map_err(|_| anyhow!("a search panicked"))?;
            for (index, count) in counted? {
                counts[index] = count;
            }
        }
        Ok(counts)
    })
}

/// What one thread does: takes the next item until there is none.
fn count_some<T: HasBytes, B: Strategy<T>>(
    items: &[Arc<Fb<T, B>>],
    next: &AtomicUsize,
    finder: &Finder<'_>,
    phase: &Phase,
) -> Result<Vec<(usize, u64)>> {
    let mut counted = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(item) = items.get(index) else {
            return Ok(counted);
        };
        // The guard keeps the value in memory, whatever the pool evicts.
        let value = item.blocking_read()?;
        let bytes = value.file_bytes();
        counted.push((index, finder.find_iter(bytes).count() as u64));
        phase.advance(bytes.len() as u64)?;
    }
}
