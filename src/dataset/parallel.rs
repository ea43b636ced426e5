//! Work on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

/// Calls `work` on this thread and on others, in all on as many as there are cores, but
/// on no more than `most`. Each call returns once no work is left. If a thread cannot be
/// started, the others do its share.
pub(super) fn on_all_cores(most: usize, work: impl Fn() + Sync) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..threads.min(most) {
            let builder = thread::Builder::new().name("file_backed files".to_owned());
            let _ = builder.spawn_scoped(scope, &work);
        }
        work();
    });
}

/// Calls `convert` for each element, on all cores. The results are in no particular order.
pub(super) fn map_on_all_cores<T: Sync, R: Send>(
    elements: &[T],
    convert: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    on_all_cores(elements.len(), || {
        while let Some(element) = elements.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = convert(element);
            results.lock().push(result);
        }
    });
    results.into_inner()
}
