//! The limit on the number of maps in the process.
//!
//! The kernel allows each process a limited number of maps (`vm.max_map_count`, about
//! 65 000 by default). Memory allocators and thread stacks use the same limit: a process
//! that has reached it aborts on its next small allocation or new thread. So the maps of
//! all codecs and stores in the process share one budget. When the budget is used up, a
//! file is read into memory instead, and counted in [`fallbacks`].

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The kernel's limit if the kernel does not report one.
const KERNEL_DEFAULT: usize = 65_530;

/// Most threads that the process is expected to have: the default bound of tokio's
/// blocking pool, those of stores, and as many again for everything else.
const POSSIBLE_THREADS: usize = 1024 + crate::STORE_THREADS;

/// Maps reserved for each of these threads: its stack, its guard pages, its allocator's
/// arena.
const MAPS_A_THREAD: usize = 8;

static LIMIT: LazyLock<AtomicUsize> = LazyLock::new(|| AtomicUsize::new(default_limit()));
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static FALLBACKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Has no destructor, so that maps can be dropped in the destructors of other
    /// thread-locals.
    static RELEASED: Cell<usize> = const { Cell::new(0) };
}

/// The most maps that the process may have at once.
///
/// The default is a little less than half of the kernel's limit, so that the process's
/// other maps fit into the same half. It also leaves at least eight maps for each of 1536
/// threads. The kernel's limit is read once, on first use.
pub fn limit() -> usize {
    LIMIT.load(Relaxed)
}

/// Sets the limit for the whole process, from now on.
///
/// Existing maps stay. With a limit of 0, every file is read.
pub fn set_limit(maps: usize) {
    LIMIT.store(maps, Relaxed);
}

/// The number of maps that exist now.
pub fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

/// How often a file was read because no map was left for it.
pub fn fallbacks() -> u64 {
    FALLBACKS.load(Relaxed)
}

/// How many maps this thread has given back so far. Code that evicts values learns from it
/// whether that has freed a map.
#[doc(hidden)]
pub fn released_by_this_thread() -> usize {
    RELEASED.get()
}

/// Whether more than seven eighths of the limit are in use.
///
/// Code that keeps maps only as a cache should then evict some.
pub fn is_under_pressure() -> bool {
    let limit = limit();
    in_use() > limit.saturating_sub((limit / 8).max(1))
}

/// One map's share of the budget. It is acquired before the map is made and released on
/// drop, which must happen after the map is unmapped.
#[derive(Debug)]
pub(super) struct Permit(());

impl Permit {
    /// Returns `None` if the budget is used up.
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
        RELEASED.set(RELEASED.get().wrapping_add(1));
    }
}

/// Counts one file that is read because no map was left.
pub(super) fn count_fallback() {
    FALLBACKS.fetch_add(1, Relaxed);
}

fn default_limit() -> usize {
    budget_of(kernel_limit().unwrap_or(KERNEL_DEFAULT))
}

/// The kernel's limit for this process, if the kernel reports one (Linux does).
fn kernel_limit() -> Option<usize> {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The library's share of `kernel` maps.
fn budget_of(kernel: usize) -> usize {
    // The process has some hundred other maps too.
    let below_half = (kernel / 2).saturating_sub(kernel / 64);
    let beside_threads = kernel.saturating_sub(POSSIBLE_THREADS * MAPS_A_THREAD);
    below_half.min(beside_threads)
}

#[cfg(test)]
mod tests {
    use super::{KERNEL_DEFAULT, budget_of};

    #[test]
    fn the_map_budget_is_less_than_half_of_the_kernel_limit() {
        assert_eq!(budget_of(KERNEL_DEFAULT), 32_765 - 1_023);
        assert_eq!(budget_of(1 << 20), (1 << 19) - (1 << 14));
    }

    #[test]
    fn the_map_budget_leaves_eight_maps_for_each_possible_thread() {
        assert_eq!(budget_of(14_000), 14_000 - 8 * 1536);
        assert_eq!(budget_of(12_000), 0);
        assert_eq!(budget_of(0), 0);
    }
}
