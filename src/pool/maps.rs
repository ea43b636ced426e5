//! Values that are maps of their files. Their pages are the kernel's to take
//! back, so they do not count against the budgets for memory, and stay loadable
//! as a hit.
//!
//! They count against the map budget, which is one for the process: when it
//! runs short, every pool lets go of its least recent ones.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::FBPool;
use crate::backing_store::{Lane, Strategy};

/// Whether any codec that maps is compiled in.
pub(super) const ENABLED: bool = cfg!(any(
    feature = "mappedcodec",
    feature = "bytescodec",
    shuttle
));

/// How many maps a pool lets go of before it asks whether that is enough.
const BATCH: usize = 64;

/// A pool that has maps.
pub(super) trait KeepsMaps: Send + Sync {
    /// Lets go of the least recent ones. True if there may be more.
    fn release_maps(&self, most: usize) -> bool;
}

static KEEPERS: Mutex<Vec<Weak<dyn KeepsMaps>>> = Mutex::new(Vec::new());

struct Keeper<T, B: Strategy<T>>(Weak<FBPool<T, B>>);

impl<T: Send + Sync + 'static, B: Strategy<T>> KeepsMaps for Keeper<T, B> {
    fn release_maps(&self, most: usize) -> bool {
        self.0.upgrade().is_some_and(|pool| pool.release_maps(most))
    }
}

/// Enters a pool that has maps; the result keeps it entered.
pub(super) fn enter<T: Send + Sync + 'static, B: Strategy<T>>(
    pool: &Arc<FBPool<T, B>>,
) -> Arc<dyn KeepsMaps> {
    let keeper: Arc<dyn KeepsMaps> = Arc::new(Keeper(Arc::downgrade(pool)));
    let mut keepers = KEEPERS.lock();
    keepers.retain(|keeper| keeper.strong_count() > 0);
    keepers.push(Arc::downgrade(&keeper));
    keeper
}

/// A pool has loaded a value, perhaps as a map: lets go of maps, of any pool, if
/// the process's budget runs short. A value that was read for lack of a map asks
/// for it too.
pub(super) fn keep_within_budget<T: Send + Sync + 'static, B: Strategy<T>>(
    pool: &Arc<FBPool<T, B>>,
    is_map: bool,
) {
    if is_map {
        pool.keeper.get_or_init(|| enter(pool));
    }
    if under_pressure() && !RELIEVING.swap(true, Ordering::AcqRel) {
        pool.core().queue.run(Lane::Urgent, relieve);
    }
}

/// Whether somebody is about to let go of maps already.
static RELIEVING: AtomicBool = AtomicBool::new(false);

fn relieve() {
    loop {
        let exhausted = {
            // Given back by a panic in the drop of a value, too.
            let _relieving = Relieving;
            release_until_relieved()
        };
        // Pressure may have come back while nobody else could ask for relief.
        if exhausted || !under_pressure() || RELIEVING.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}

/// True if no pool has a map to let go of.
fn release_until_relieved() -> bool {
    let mut keepers: Vec<_> = KEEPERS.lock().iter().filter_map(Weak::upgrade).collect();
    while under_pressure() && !keepers.is_empty() {
        keepers.retain(|keeper| keeper.release_maps(BATCH));
    }
    keepers.is_empty()
}

/// Relief is under way as long as it lives.
struct Relieving;

impl Drop for Relieving {
    fn drop(&mut self) {
        RELIEVING.store(false, Ordering::Release);
    }
}

#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
fn under_pressure() -> bool {
    file_backed_codecs::map_budget::is_under_pressure()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
fn under_pressure() -> bool {
    false
}

/// Most maps that the process may have.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(super) fn most() -> usize {
    file_backed_codecs::map_budget::limit()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
pub(super) fn most() -> usize {
    1
}

/// How often the process read a file for lack of a map.
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub(super) fn fallbacks() -> u64 {
    file_backed_codecs::map_budget::fallbacks()
}

#[cfg(not(any(feature = "mappedcodec", feature = "bytescodec")))]
pub(super) fn fallbacks() -> u64 {
    0
}
