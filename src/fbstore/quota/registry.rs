//! The quotas of this process. A file whose persisted name is deleted may be in the cache of
//! another store, and counts there from then on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use uuid::Uuid;

use super::Quota;
use crate::fbstore::files::Identity;

static QUOTAS: Mutex<Vec<Weak<Quota>>> = Mutex::new(Vec::new());
/// The length of the list. Saves stores without a quota the lock.
static LISTED: AtomicUsize = AtomicUsize::new(0);

/// Lists a quota, until it is dropped.
pub(super) fn list(quota: &Arc<Quota>) {
    let mut quotas = QUOTAS.lock();
    quotas.retain(|quota| quota.strong_count() > 0);
    quotas.push(Arc::downgrade(quota));
    LISTED.store(quotas.len(), Ordering::Release);
}

/// Removes quotas from the list that have been dropped.
pub(super) fn unlist() {
    let mut quotas = QUOTAS.lock();
    quotas.retain(|quota| quota.strong_count() > 0);
    LISTED.store(quotas.len(), Ordering::Release);
}

/// Calls `remove`, which removes the name of the file of `key` in the persisted directory
/// `home`. In the caches that have the file, it counts from then on, unless another
/// persisted directory has it. If `remove` fails, `is_there` says whether the name is left.
pub(in crate::fbstore) fn remove_persisted<E>(
    key: Uuid,
    home: &Identity,
    remove: impl FnOnce() -> Result<(), E>,
    is_there: impl FnOnce() -> bool,
) -> Result<(), E> {
    if LISTED.load(Ordering::Acquire) == 0 {
        return remove();
    }
    let quotas: Vec<_> = QUOTAS.lock().iter().filter_map(Weak::upgrade).collect();
    // All threads begin their changes in the order of the list, so that no two wait for
    // each other.
    let changes: Vec<_> = quotas.iter().map(|quota| quota.change_names(key)).collect();
    // Before the removal, so that the count never falls below what is there.
    let unlinked: Vec<_> = (changes.iter())
        .filter(|change| change.unlinked_elsewhere(home))
        .collect();
    let removed = remove();
    if removed.is_err() && !unlinked.is_empty() && is_there() {
        for change in unlinked {
            change.linked_elsewhere(home);
        }
    }
    removed
}
