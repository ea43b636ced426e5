//! Work on all cores.

use std::thread;

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
