//! How many maps the process may have.
//!
//! The kernel gives each process a limited number of maps (`vm.max_map_count`,
//! about 65 000 by default), and memory allocators and thread stacks live from
//! the same number: a process that has none left aborts on its next small
//! allocation or thread. So the maps of all codecs and stores in the process
//! together keep to one budget. A file that finds it used up is read into
//! memory instead, and counted in [`fallbacks`].

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What the kernel allows where it does not say otherwise.
const KERNEL_DEFAULT: usize = 65_530;

/// Threads that the process is expected to have at most: the default bound of
/// tokio's blocking pool, and as many again for everything else.
const POSSIBLE_THREADS: usize = 1024;

/// Maps left for each of them: its stack, its guard pages, its allocator's
/// arena.
const MAPS_A_THREAD: usize = 8;

static LIMIT: LazyLock<AtomicUsize> = LazyLock::new(|| AtomicUsize::new(default_limit()));
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static FALLBACKS: AtomicU64 = AtomicU64::new(0);

/// Most maps that the process may have at once.
///
/// By default a little less than half of what the kernel allows, so that it is
/// less than half together with the process's other maps, and never so many that
/// less than eight remain for each of 1024 threads. The kernel is asked once, at
/// the first use.
pub fn limit() -> usize {
    LIMIT.load(Relaxed)
}

/// Sets the limit for the whole process, from now on.
///
/// Maps that are there already stay; with a limit of 0, every file is read.
pub fn set_limit(maps: usize) {
    LIMIT.store(maps, Relaxed);
}

/// Maps that are there now.
pub fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

/// How often a file was read because there was no map left for it.
pub fn fallbacks() -> u64 {
    FALLBACKS.load(Relaxed)
}

/// Whether more than seven eighths of the limit are in use.
///
/// Whoever keeps maps without need had better let go of some then.
pub fn is_under_pressure() -> bool {
    let limit = limit();
    in_use() > limit.saturating_sub((limit / 8).max(1))
}

/// One map's share of the budget. Taken before the map is made, and given back
/// on drop, which must come after the map is gone.
#[derive(Debug)]
pub(super) struct Permit(());

impl Permit {
    /// `None` if the budget is used up.
    pub(super) fn take() -> Option<Self> {
        let limit = limit();
        IN_USE
            .fetch_update(Relaxed, Relaxed, |used| (used < limit).then_some(used + 1))
            .ok()
            .map(|_| Self(()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        IN_USE.fetch_sub(1, Relaxed);
    }
}

/// Counts one file that is read for lack of a map.
pub(super) fn count_fallback() {
    FALLBACKS.fetch_add(1, Relaxed);
}

fn default_limit() -> usize {
    budget_of(kernel_limit().unwrap_or(KERNEL_DEFAULT))
}

/// What the kernel allows this process, if it says so (Linux does).
fn kernel_limit() -> Option<usize> {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Our share of `kernel` maps.
fn budget_of(kernel: usize) -> usize {
    // The process has some hundred maps of other things too.
    let below_half = (kernel / 2).saturating_sub(kernel / 64);
    let beside_threads = kernel.saturating_sub(POSSIBLE_THREADS * MAPS_A_THREAD);
    below_half.min(beside_threads)
}

#[cfg(test)]
mod tests {
    use super::{KERNEL_DEFAULT, budget_of};

    #[test]
    fn stays_below_half_of_what_the_kernel_allows() {
        assert_eq!(budget_of(KERNEL_DEFAULT), 32_765 - 1_023);
        assert_eq!(budget_of(1 << 20), (1 << 19) - (1 << 14));
    }

    #[test]
    fn leaves_eight_maps_for_each_possible_thread() {
        assert_eq!(budget_of(10_000), 10_000 - 8 * 1024);
        assert_eq!(budget_of(8_000), 0);
        assert_eq!(budget_of(0), 0);
    }
}
