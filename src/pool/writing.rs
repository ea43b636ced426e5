//! Write-back: writing values to their files.

use std::sync::{Arc, Weak};

use super::FBPool;
use super::eviction::Drops;
use crate::Error;
use crate::backing_store::{
    BackingStoreT, Lane, QueuedWrite, RoomWorkToken, Strategy, delay_after, running,
};
use crate::error::Operation;
use crate::residency::{Item, WriteBack, WriteEnd};
use crate::sync::atomic::Ordering;

impl<T: Send + Sync + 'static, B: Strategy<T>> FBPool<T, B> {
    /// Queues the write-back of an evicting item, or defers it during an outage. An
    /// item has at most one such job.
    pub(super) fn queue_write(self: &Arc<Self>, item: &Arc<Item<T, B>>) {
        self.queue_job(EvictionWrite::new(self, item, 0));
    }

    fn queue_job(&self, job: Box<EvictionWrite<T, B>>) {
        let core = self.core();
        match core.outage.defer(job) {
            Some(job) => core.queue.write(job),
            None => core.try_waiting_writes(),
        }
    }

    /// Queues a run of a write-back that another caller created and may not have
    /// started.
    pub(super) fn queue_run_of(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        write: &Arc<WriteBack<B>>,
    ) {
        let (pool, item, write) = (self.clone(), item.clone(), write.clone());
        let run = move || pool.run_write(&item, &write, 0);
        self.core().queue.run(Lane::Task, run);
    }

    /// Runs a write-back, unless it is already running, done or cancelled. The write of
    /// this value has failed `failures` times in a row.
    pub(super) fn run_write(
        self: &Arc<Self>,
        item: &Arc<Item<T, B>>,
        write: &WriteBack<B>,
        failures: u32,
    ) {
        if !write.run_once.claim() {
            return;
        }
        let core = self.core();
        let _under_way = core.queue.token();
        // Until the file of an item that died meanwhile is released.
        let _room = RoomWorkToken::new(&**core);
        let (key, value) = item.begin_write();
        let note = running::note(write);
        let written = core.call(Operation::Write, Some(key), None, |backing| {
            backing.store_measured(key, &value)
        });
        drop(note);
        if let Ok(encoded_len) = &written {
            self.note_written(*encoded_len);
        }
        // Before `finish_write`, so that the item can be evicted.
        drop(value);
        let (end, outcome) = item.finish_write(write, written, &**self);
        self.report_write(outcome.as_ref().err());
        match (end, &outcome) {
            (WriteEnd::Released(released), _) => self.drop_evicted(item, released, Drops::Here),
            (WriteEnd::Died { value, file }, _) => {
                if let Some(value) = value {
                    core.queue.drop_later(value);
                }
                if let Some(file) = file {
                    core.release(file);
                }
            }
            (WriteEnd::Failed, Err(error)) => self.retry_write_later(item, failures + 1, error),
            _ => {}
        }
        write.outcome.set(outcome);
    }

    /// Tells those who count writes or wait for them that one has ended.
    fn report_write(&self, error: Option<&Error>) {
        let core = self.core();
        match error {
            None => {
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
                core.outage.write_succeeded(&core.queue);
            }
            Some(error) => {
                self.counters.write_failures.fetch_add(1, Ordering::Relaxed);
                core.failures.write(error);
            }
        }
        let guess = self.guess();
        let amounts = self.lists.amounts(guess.bytes());
        self.backlog.write_ended(error, guess, &amounts);
    }

    fn retry_write_later(self: &Arc<Self>, item: &Arc<Item<T, B>>, failures: u32, error: &Error) {
        let core = self.core();
        let job = EvictionWrite::new(self, item, failures);
        if error.is_refused_by_system() {
            let room = core.room_needed_after(error);
            (core.outage).write_failed(&core.queue, job, failures, error, room);
        } else {
            // The fault is the value's or the codec's, so other writes need not wait.
            core.queue.write_after(delay_after(failures), job);
        }
    }
}

/// The queued write-back of an eviction. It keeps neither the item nor the pool
/// alive: without them there is nothing to write.
struct EvictionWrite<T, B: BackingStoreT> {
    pool: Weak<FBPool<T, B>>,
    item: Weak<Item<T, B>>,
    /// How often the write of this value has failed in a row.
    failures: u32,
}

impl<T, B: BackingStoreT> EvictionWrite<T, B> {
    fn new(pool: &Arc<FBPool<T, B>>, item: &Arc<Item<T, B>>, failures: u32) -> Box<Self> {
        Box::new(Self {
            pool: Arc::downgrade(pool),
            item: Arc::downgrade(item),
            failures,
        })
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> QueuedWrite for EvictionWrite<T, B> {
    fn run(self: Box<Self>, is_probe: bool) {
        let (Some(pool), Some(item)) = (self.pool.upgrade(), self.item.upgrade()) else {
            return;
        };
        if pool.core().outage.is_on() && !is_probe {
            return pool.queue_job(self);
        }
        if let Some(write) = item.begin_eviction_write(&*pool) {
            pool.run_write(&item, &write, self.failures);
        }
    }

    fn is_obsolete(&self) -> bool {
        // The handle that retires an item still keeps it.
        let item = self.item.upgrade();
        item.is_none_or(|item| item.has_no_handle())
    }
}
