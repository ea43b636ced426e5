//! Writing values to their files.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::FBPool;
use crate::Result;
use crate::backing_store::{Lane, Retry, Strategy};
use crate::error::Operation;
use crate::residency::{Item, WriteBack, WriteEnd, Written};

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Queues the write of an item that the budget has let go of, or lets it
    /// wait while the store refuses writes.
    pub(super) fn queue_write(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        let job = self.write_job(item);
        if let Some(job) = self.core().outage.defer(job) {
            self.core().queue.run(Lane::Behind, job);
        }
    }

    fn write_job(self: &Arc<Self>, item: &Arc<Item<T, B>>) -> Retry {
        self.counters.writes_waiting.fetch_add(1, Ordering::Relaxed);
        let (pool, item) = (self.clone(), item.clone());
        Box::new(move || {
            if let Some(write) = item.begin_queued_write() {
                pool.run_write(&item, &write);
            }
            pool.counters.writes_waiting.fetch_sub(1, Ordering::Relaxed);
        })
    }

    /// Runs a write, unless somebody else does or it was cancelled.
    pub(super) fn run_write(self: &Arc<Self>, item: &Arc<Item<T, B>>, write: &WriteBack<B>) {
        if !write.claim.claim() {
            return;
        }
        let core = self.core();
        let (key, value) = item.begin_write();
        let written = core.call(Operation::Write, key, |backing| backing.store(key, &value));
        // Before the end is told, so that the item can let go of the value.
        drop(value);
        let (end, outcome) = item.finish_write(write, written, core, &self.order);
        self.note_outcome(&outcome);
        match end {
            WriteEnd::Stays => {}
            WriteEnd::Released(value) => {
                self.counters.evictions.fetch_add(1, Ordering::Relaxed);
                core.queue.reap(value);
            }
            WriteEnd::Died {
                value,
                old: (key, file),
            } => {
                if let Some(value) = value {
                    core.queue.reap(value);
                }
                core.release(key, file);
            }
            WriteEnd::Failed => self.write_again_later(item),
        }
        write.outcome.set(outcome);
    }

    fn note_outcome(&self, outcome: &Result<Written<B>>) {
        let core = self.core();
        match outcome {
            Ok(_) => {
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
                core.outage.write_succeeded(&core.queue);
            }
            Err(error) => {
                self.counters.write_failures.fetch_add(1, Ordering::Relaxed);
                core.failures.write(error);
            }
        }
    }

    fn write_again_later(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        let core = self.core();
        core.outage.write_failed(&core.queue, self.write_job(item));
    }
}
