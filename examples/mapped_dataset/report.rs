//! What is told at the end.

use std::time::Duration;

use anyhow::Result;
use file_backed::Stats;
use indicatif::{BinaryBytes, HumanCount};

use crate::memory::Memory;
use crate::options::Options;
use crate::phase::{Figures, Phase};
use crate::walk::Skipped;

/// How many of the files that were passed over are named.
const NAMED: usize = 5;

const MEMORY_NOTE: &str = "\
Memory is what was resident, in MiB: the peak of each phase, and what its end left of the process's
own (its allocator keeps some for later) and of mapped pages. Those are the page cache's: the kernel
takes them back, without writing anything, when memory is short.";

const POOL_NOTE: &str = "\
Files of 256 KiB and more are mapped at once. Smaller ones are read, which is faster, and those of
4 KiB and more are mapped when they come again. Maps are kept beyond the budget, some 31,000 in a
process, so that a later load is a hit. BinCodec reads and decodes each file, each time. While
memory is plenty, all of them find the files in the page cache, so it is loading that is measured,
and not the disk.";

const MIB: f64 = 1024.0 * 1024.0;

/// Collects the figures of the run.
pub(crate) struct Report {
    title: String,
    needle: String,
    phases: Vec<Figures>,
    pools: Vec<PoolUse>,
    compared: Option<(usize, usize)>,
}

/// What a pool did in one search.
struct PoolUse {
    name: &'static str,
    hits: u64,
    misses: u64,
    evictions: u64,
    resident: usize,
    kept: usize,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            title: format!(
                "{}\nwith {} items in memory and {} to search",
                options.dir.display(),
                options.items,
                match options.threads {
                    1 => "1 thread".to_owned(),
                    more => format!("{more} threads"),
                }
            ),
            needle: options.needle.clone(),
            phases: Vec::new(),
            pools: Vec::new(),
            compared: None,
        }
    }

    /// Ends the phase, and notes its figures.
    pub(crate) fn end(&mut self, phase: Phase) -> Result<()> {
        self.phases.push(phase.end()?);
        Ok(())
    }

    /// Notes what a pool did between two looks at its counters.
    pub(crate) fn pool(&mut self, name: &'static str, before: &Stats, after: &Stats) {
        self.pools.push(PoolUse {
            name,
            hits: after.hits - before.hits,
            misses: after.misses - before.misses,
            evictions: after.evictions - before.evictions,
            resident: after.resident,
            kept: after.mapped,
        });
    }

    /// The comparison covers the first `some` of `all` files.
    pub(crate) fn compared(&mut self, some: usize, all: usize) {
        self.compared = Some((some, all));
    }

    /// Prints all of it; `counts` are the matches in each file.
    pub(crate) fn print(&self, skipped: &Skipped, counts: &[u64]) {
        println!("{}\n", self.title);
        self.print_phases();
        self.print_pools();
        self.print_matches(counts);
        print_skipped(skipped);
    }

    fn print_phases(&self) {
        println!(
            "{:<15} {:>8} {:>9} {:>9} {:>13} {:>6} {:>6} {:>6}",
            "phase", "items", "MiB", "time", "rate", "peak", "own", "mapped"
        );
        for phase in &self.phases {
            println!(
                "{:<15} {:>8} {:>9} {:>9} {:>13} {}",
                phase.name,
                HumanCount(phase.items).to_string(),
                mib(phase.bytes),
                time(phase.time),
                rate(phase),
                phase.memory.map(memory_columns).unwrap_or_default(),
            );
        }
        let peaks = self.phases.iter().filter_map(|phase| phase.memory);
        if let Some(peak) = peaks.map(|memory| memory.peak).max() {
            println!("\nPeak resident memory: {}.", BinaryBytes(peak));
            println!("{MEMORY_NOTE}");
        }
    }

    fn print_pools(&self) {
        println!(
            "\n{:<16} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "pool", "hits", "misses", "evictions", "in memory", "maps kept"
        );
        for pool in &self.pools {
            println!(
                "{:<16} {:>9} {:>9} {:>9} {:>9} {:>9}",
                pool.name,
                HumanCount(pool.hits).to_string(),
                HumanCount(pool.misses).to_string(),
                HumanCount(pool.evictions).to_string(),
                pool.resident,
                pool.kept,
            );
        }
        println!("{POOL_NOTE}");
    }

    fn print_matches(&self, counts: &[u64]) {
        println!(
            "\nMatches of {:?}: {}, in {} of {} files.",
            self.needle,
            HumanCount(counts.iter().sum()),
            HumanCount(counts.iter().filter(|count| **count > 0).count() as u64),
            HumanCount(counts.len() as u64),
        );
        match self.compared {
            Some((some, all)) if some < all => println!(
                "BinCodec was given only the first {} files, to save time, and found the same in each.",
                HumanCount(some as u64),
            ),
            _ => println!("BinCodec found the same in each of them."),
        }
    }
}

fn print_skipped(skipped: &Skipped) {
    if skipped.not_regular > 0 {
        println!(
            "Not followed: {} links, pipes and the like.",
            HumanCount(skipped.not_regular)
        );
    }
    print_named("could not be read", &skipped.unreadable);
    print_named("too large for an archive", &skipped.too_large);
}

fn print_named(why: &str, files: &[String]) {
    if files.is_empty() {
        return;
    }
    println!("Skipped, {why}: {}", HumanCount(files.len() as u64));
    for file in files.iter().take(NAMED) {
        println!("  {file}");
    }
    if files.len() > NAMED {
        println!("  ...");
    }
}

fn memory_columns(memory: Memory) -> String {
    let [peak, own, mapped] =
        [memory.peak, memory.own, memory.mapped].map(|bytes| bytes as f64 / MIB);
    format!("{peak:>6.0} {own:>6.0} {mapped:>6.0}")
}

/// Empty for a phase that has no bytes of files.
fn mib(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!("{:.1}", bytes as f64 / MIB),
    }
}

fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

fn rate(phase: &Figures) -> String {
    let seconds = phase.time.as_secs_f64();
    if phase.by_bytes {
        format!("{:.1} MiB/s", phase.bytes as f64 / MIB / seconds)
    } else {
        format!("{}/s", HumanCount((phase.items as f64 / seconds) as u64))
    }
}
