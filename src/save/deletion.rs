//! Deleting many persisted files.

use std::sync::Arc;

use uuid::Uuid;

use super::Window;
use crate::backing_store::{BackingStore, BackingStoreT, PreparedTask, TrackedPath};
use crate::error::Operation;
use crate::{Error, Result};

/// Files that one job deletes. The keys are sorted, so a batch keeps threads out of each
/// other's shards. A larger one would leave a few hundred deletions to one thread.
const BATCH: usize = 64;

/// The keys at a tracked path that are not named.
pub(crate) fn unnamed<P>(tracked: &TrackedPath<P>, is_named: impl Fn(Uuid) -> bool) -> Vec<Uuid> {
    let mut keys = tracked.all_keys();
    keys.retain(|key| !is_named(*key));
    keys
}

/// Deletes files from a tracked path, at most `most` batches at a time; 0 counts as 1. Tries
/// all of them, and passes each failure to `failed`. Returns how many were deleted.
pub(crate) fn delete_many<B: BackingStoreT>(
    store: &Arc<BackingStore<B>>,
    tracked: &Arc<TrackedPath<B::PersistPath>>,
    mut keys: Vec<Uuid>,
    most: usize,
    mut failed: impl FnMut(Error),
) -> u64 {
    keys.sort_unstable();
    let (mut jobs, mut deleted) = (Window::new(most).holding_newest(), 0);
    let mut count = |batch: Result<Batch>| {
        for result in batch.unwrap_or_else(|error| vec![Err(error)]) {
            match result {
                Ok(()) => deleted += 1,
                Err(error) => failed(error),
            }
        }
    };
    for batch in keys.chunks(BATCH) {
        let oldest = jobs.add(|| delete_batch(store, tracked.clone(), batch.to_vec()));
        oldest.into_iter().for_each(&mut count);
    }
    jobs.wait_for_all(count);
    deleted
}

/// The result of each deletion of a batch.
type Batch = Vec<Result<()>>;

fn delete_batch<B: BackingStoreT>(
    store: &Arc<BackingStore<B>>,
    tracked: Arc<TrackedPath<B::PersistPath>>,
    keys: Vec<Uuid>,
) -> PreparedTask<Batch, B> {
    let own = store.clone();
    let delete = move |key| own.blocking_delete_persisted(&tracked, key);
    let delete_all = move || Ok(keys.into_iter().map(delete).collect());
    store.prepare_task(Operation::DeletePersisted, delete_all)
}
