//! Writing values to their files.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::FBPool;
use super::eviction::Drops;
use crate::Error;
use crate::backing_store::{Lane, Strategy, delay_after};
use crate::error::Operation;
use crate::residency::{Item, WriteBack, WriteEnd};

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Queues the write of an item that the budget has let go of, or lets it
    /// wait while the disk refuses writes. An item has at most one such job.
    pub(super) fn queue_write(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        if let Some(job) = self.core().outage.defer(self.write_job(item, 0)) {
            self.core().queue.run(Lane::Behind, job);
        }
    }

    /// The job of an eviction's write. It keeps neither the pool nor the store
    /// alive: without them there is nothing to write.
    fn write_job(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        failures: u32,
    ) -> Box<dyn FnOnce() + Send> {
        self.counters.writes_waiting.fetch_add(1, Ordering::Relaxed);
        let (pool, item) = (Arc::downgrade(self), item.clone());
        Box::new(move || {
            let Some(pool) = pool.upgrade() else { return };
            if let Some(write) = item.begin_queued_write() {
                pool.run_write_again(&item, &write, failures);
            }
            pool.counters.writes_waiting.fetch_sub(1, Ordering::Relaxed);
        })
    }

    /// Runs a write, unless somebody else does or it was cancelled.
    pub(super) fn run_write(self: &Arc<Self>, item: &Arc<Item<T, B>>, write: &WriteBack<B>) {
        self.run_write_again(item, write, 0);
    }

    fn run_write_again(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        write: &WriteBack<B>,
        failures: u32,
    ) {
        if !write.claim.claim() {
            return;
        }
        let core = self.core();
        let (key, value) = item.begin_write();
        let written = core.call(Operation::Write, key, |backing| backing.store(key, &value));
        // Before the end is told, so that the item can let go of the value.
        drop(value);
        let (end, outcome) = item.finish_write(write, written, core, &self.order);
        match &outcome {
            Ok(_) => {
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
                core.outage.write_succeeded(&core.queue);
            }
            Err(error) => {
                self.counters.write_failures.fetch_add(1, Ordering::Relaxed);
                core.failures.write(error);
            }
        }
        match (end, &outcome) {
            (WriteEnd::Released(value), _) => self.drop_evicted(value, Drops::Here),
            (
                WriteEnd::Died {
                    value,
                    old: (key, file),
                },
                _,
            ) => {
                if let Some(value) = value {
                    core.queue.reap(value);
                }
                core.release(key, file);
            }
            (WriteEnd::Failed, Err(error)) => self.write_again_later(item, failures + 1, error),
            _ => {}
        }
        write.outcome.set(outcome);
    }

    fn write_again_later(self: &Arc<Self>, item: &Arc<Item<T, B>>, failures: u32, error: &Error) {
        let core = self.core();
        let job = self.write_job(item, failures);
        if error.is_refused_by_system() {
            core.outage.write_failed(&core.queue, job, failures);
        } else {
            // The fault is the value's or the codec's: others are not to wait.
            core.queue.run_after(delay_after(failures), job);
        }
    }
}
