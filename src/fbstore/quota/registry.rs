//! The quotas of this process. A file whose persisted name is deleted may be in the cache of
//! another store, and counts there from then on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use uuid::Uuid;

use super::{NameChange, Quota};

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

/// Calls `remove`, which removes a name of the file of `key`, and then lets the caches
/// count the file that have it. If the name is that of the cache with the quota `own`, the
/// file does not count there any more.
pub(in crate::fbstore) fn remove_name<E>(
    key: Uuid,
    own: Option<&Quota>,
    remove: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    if LISTED.load(Ordering::Acquire) == 0 {
        return remove();
    }
    let quotas: Vec<_> = QUOTAS.lock().iter().filter_map(Weak::upgrade).collect();
    // All threads begin their changes in the order of the list, so that no two wait for
    // each other.
    let changes: Vec<_> = quotas
        .iter()
        .map(|quota| {
            let is_own = own.is_some_and(|own| std::ptr::eq(own, &**quota));
            (quota.change_names(key), is_own)
        })
        .collect();
    let counted = |(change, is_own): &(NameChange<'_>, bool)| !is_own && change.count_for_now();
    let counted: Vec<_> = changes.iter().map(counted).collect();
    let removed = remove();
    for ((change, is_own), counted) in changes.iter().zip(counted) {
        if counted {
            change.look_again();
        }
        if *is_own && removed.is_ok() {
            change.deleted();
        }
    }
    removed
}
