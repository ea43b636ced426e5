//! One item, its expected state, and its loads and writes in flight.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::super::super::{
    CheckoutStep, Cost, Evicted, Flight, Held, IfPinned, InFlight, Item, ItemCounts, ListId,
    LoadStep, PoolParts, Remaining, Save, Usage, ValueRef, Wanted, Weight, WriteBack, WriteEnd,
    Written,
};
use super::table::{Event, Pair, Phase};
use super::{Ending, Step};
use crate::Error;
use crate::backing_store::{BackingStore, ItemFile, Location, StoreCore};
use crate::error::{Operation, StoreError};
use crate::testing::{MemPath, MemStore};

const KEY: Uuid = Uuid::from_u128(1);

struct Pool {
    in_flight: InFlight<u32, MemStore>,
    core: Arc<StoreCore<MemStore>>,
    index: Cell<Option<Uuid>>,
    counts: ItemCounts,
}

impl PoolParts<u32, MemStore> for Pool {
    fn core(&self) -> &Arc<StoreCore<MemStore>> {
        &self.core
    }

    fn used(&self, item: &Arc<Item<u32, MemStore>>, list: ListId, _: Usage) {
        item.set_list(list);
    }

    fn move_to(&self, item: &Arc<Item<u32, MemStore>>, list: ListId) {
        item.set_list(list);
    }

    fn reweigh(&self, item: &Item<u32, MemStore>, weight: Weight) {
        item.set_weight(weight);
    }

    fn in_flight(&self) -> &InFlight<u32, MemStore> {
        &self.in_flight
    }

    fn enter_index(&self, item: &Arc<Item<u32, MemStore>>) -> Result<(), Arc<Item<u32, MemStore>>> {
        let before = self.index.replace(Some(item.indexed_key()));
        assert_eq!(before, None, "an item enters once");
        Ok(())
    }

    fn leave_index(&self, item: &Item<u32, MemStore>) {
        assert_eq!(self.index.take(), Some(item.indexed_key()));
    }

    fn move_in_index(&self, _: &Item<u32, MemStore>, _: Location) -> bool {
        unreachable!("no item here is of a dataset")
    }

    fn counts(&self) -> &ItemCounts {
        &self.counts
    }

    fn retains(&self) -> bool {
        true
    }
}

/// The item's state according to the table.
struct Expected {
    phase: Phase,
    evicting: bool,
    list: ListId,
    is_map: bool,
    /// A job for its eviction is queued.
    queued: bool,
    /// A save needs the write in flight.
    saves: bool,
    key: Uuid,
    value: u32,
}

pub(super) struct Drive {
    store: Arc<BackingStore<MemStore>>,
    pool: Pool,
    /// Leaked, since the guards borrow from it.
    item: &'static Arc<Item<u32, MemStore>>,
    expected: Expected,
    handles: usize,
    guards: Vec<(ValueRef<'static, u32>, u32)>,
    flight: Option<Arc<Flight<u32>>>,
    load_runs: bool,
    /// The item died while its load ran, which was given back since. It still has to run,
    /// because it gives up the file.
    owes_load: bool,
    write: Option<Arc<WriteBack<MemStore>>>,
    /// The value that a running write holds.
    writes: Option<Arc<u32>>,
    checked_out: Option<Arc<u32>>,
    seen: BTreeSet<Pair>,
}

impl Drive {
    pub(super) fn new(store: Arc<BackingStore<MemStore>>, start: Phase) -> Self {
        let pool = Pool {
            in_flight: InFlight::new(),
            core: store.core().clone(),
            index: Cell::new(None),
            counts: ItemCounts::new(),
        };
        let item = match start {
            Phase::Absent => {
                let tracked = store
                    .blocking_track_path(MemPath::with(KEY, ()))
                    .expect("it is tracked");
                let token = store.register(&tracked, KEY);
                let item = Item::absent(token.expect("it is registered"));
                assert!(item.enter_index(&pool).is_ok());
                item
            }
            _ => {
                let item = Item::dirty(0, Weight::AtLeast(1));
                item.enter(&pool);
                item
            }
        };
        let item: &Arc<_> = Box::leak(Box::new(item));
        let is_absent = start == Phase::Absent;
        pool.counts.enter();
        let expected = Expected {
            phase: start,
            evicting: false,
            list: if is_absent {
                ListId::Unlisted
            } else {
                ListId::Resident
            },
            is_map: false,
            queued: false,
            saves: false,
            key: item.key(),
            value: 0,
        };
        Self {
            store,
            pool,
            item,
            expected,
            handles: 1,
            guards: Vec::new(),
            flight: None,
            load_runs: false,
            owes_load: false,
            write: None,
            writes: None,
            checked_out: None,
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        let alive = self.handles > 0;
        match step {
            Step::BeginLoad if alive => self.begin_load(),
            Step::ClaimLoad => self.claim_load(),
            Step::GiveLoadBack if self.load_runs => self.give_load_back(),
            Step::FinishLoad { fails, is_map } if self.load_runs => self.finish_load(fails, is_map),
            Step::Pin if alive => self.pin(),
            Step::Promote if alive => self.promote(),
            Step::Unpin => self.unpin(),
            Step::Evict { if_pinned } => self.evict(if_pinned),
            Step::BeginCheckout { waits } if alive => self.begin_checkout(waits),
            Step::CheckIn => self.check_in(),
            Step::WriteNow if alive => self.begin_save(Wanted::WriteNow),
            Step::Persist if alive => self.begin_save(Wanted::Persist),
            Step::BeginEvictionWrite => self.begin_eviction_write(),
            Step::ClaimWrite => self.claim_write(),
            Step::FinishWrite(ending) if self.writes.is_some() => self.finish_write(ending),
            Step::Clone if alive && self.expected.phase != Phase::CheckedOut => {
                self.item.add_handle();
                self.handles += 1;
            }
            Step::DropHandle if alive => self.drop_handle(),
            _ => {}
        }
    }

    /// Records the event, with the item's current state.
    fn see(&mut self, event: Event) -> Phase {
        let pinned = !self.guards.is_empty();
        let phase = match self.expected.phase {
            Phase::Clean if pinned => Phase::CleanPinned,
            Phase::Dirty if pinned => Phase::DirtyPinned,
            Phase::WriteQueued if self.expected.saves => Phase::Saving,
            Phase::WriteQueued if pinned => Phase::WriteQueuedPinned,
            phase => phase,
        };
        self.seen.insert((event, phase));
        self.expected.phase
    }

    fn is_resident(&self) -> bool {
        matches!(
            self.expected.phase,
            Phase::Clean | Phase::Dirty | Phase::WriteQueued | Phase::WriteRunning
        )
    }

    /// The item moves to the front of the list that its value belongs to.
    fn expect_in_front(&mut self) {
        self.expected.evicting = false;
        self.expected.list = match self.expected.is_map {
            true => ListId::Mapped,
            false => ListId::Resident,
        };
    }

    fn expect_absent(&mut self) {
        self.expected.phase = Phase::Absent;
        self.expected.evicting = false;
        self.expected.list = ListId::Unlisted;
    }

    /// The budget evicts a clean value. Returns true if the value leaves memory.
    fn expect_release(&mut self) -> bool {
        let goes = self.guards.is_empty();
        if goes {
            self.expect_absent();
        } else {
            self.expected.evicting = true;
            self.expected.list = ListId::Pinned;
        }
        goes
    }

    fn begin_load(&mut self) {
        let phase = self.see(Event::BeginLoad);
        match self.item.begin_load(&self.pool) {
            LoadStep::Hit(value) => {
                assert!(self.is_resident());
                assert_eq!(*value, self.expected.value);
            }
            LoadStep::Wait { flight, new } => {
                assert_eq!(new, phase == Phase::Absent);
                if new {
                    self.flight = Some(flight);
                    self.expected.phase = Phase::LoadQueued;
                } else {
                    assert!(matches!(phase, Phase::LoadQueued | Phase::LoadRunning));
                    assert!(Arc::ptr_eq(
                        &flight,
                        self.flight.as_ref().expect("it flies")
                    ));
                }
            }
            LoadStep::Leaked => assert_eq!(phase, Phase::CheckedOut),
        }
    }

    fn claim_load(&mut self) {
        let Some(flight) = self.flight.as_ref().filter(|_| !self.load_runs) else {
            return;
        };
        self.load_runs = flight.run_once.claim();
        let owes_load = std::mem::take(&mut self.owes_load);
        let is_queued = self.expected.phase == Phase::LoadQueued;
        assert_eq!(self.load_runs, is_queued || owes_load);
        if is_queued {
            self.expected.phase = Phase::LoadRunning;
        } else if !owes_load {
            self.flight = None;
        }
    }

    fn give_load_back(&mut self) {
        let flight = self.flight.as_ref().expect("it runs");
        flight.run_once.give_back();
        self.load_runs = false;
        if self.expected.phase == Phase::LoadRunning {
            self.expected.phase = Phase::LoadQueued;
        } else {
            self.owes_load = true;
        }
    }

    fn finish_load(&mut self, fails: bool, is_map: bool) {
        let phase = self.see(match fails {
            true => Event::FailLoad,
            false => Event::FinishLoad,
        });
        let value = Arc::new(self.expected.value);
        let cost = Cost { weight: 2, is_map };
        let loaded = (!fails).then_some((&value, cost));
        let file = self.item.finish_load(loaded, &self.pool);
        self.flight = None;
        self.load_runs = false;
        assert_eq!(file.is_some(), phase == Phase::Dead);
        self.release(file);
        if phase == Phase::Dead {
            return;
        }
        if fails {
            self.expected.phase = Phase::Absent;
        } else {
            self.expected.phase = Phase::Clean;
            self.expected.is_map = is_map;
            self.expect_in_front();
            // The waiters have it.
            self.guards
                .push((ValueRef::counted(value), self.expected.value));
        }
    }

    fn pin(&mut self) {
        let read = self.item.read_locked();
        assert_eq!(read.is_some(), self.is_resident());
        self.guards
            .extend(read.map(|held| (held, self.expected.value)));
    }

    fn promote(&mut self) {
        self.see(Event::Promote);
        self.item.promote(&self.pool);
        if self.is_resident() {
            self.expect_in_front();
        }
    }

    fn unpin(&mut self) {
        if self.guards.is_empty() {
            return;
        }
        let phase = self.see(Event::EvictUnpinned);
        drop(self.guards.pop());
        let goes = self.expected.evicting && phase == Phase::Clean && self.expect_release();
        let released = self.item.evict_unpinned(&self.pool);
        assert_eq!(released.is_some(), goes);
    }

    fn evict(&mut self, if_pinned: IfPinned) {
        if !matches!(self.item.list(), ListId::Resident | ListId::Mapped) {
            assert!(self.handles == 0 || self.stale_evict());
            return;
        }
        let phase = self.see(match if_pinned {
            IfPinned::Evict => Event::Evict,
            IfPinned::Keep => Event::EvictOrKeep,
        });
        self.item.set_list(ListId::Unlisted);
        let is_pinned = !self.guards.is_empty();
        let evicted = self.item.evict(if_pinned, &self.pool);
        match phase {
            Phase::Clean if is_pinned && if_pinned == IfPinned::Keep => {
                assert!(matches!(evicted, Evicted::No));
                assert!(!self.item.is_evicting(), "it is as before");
            }
            Phase::Clean => {
                let goes = self.expect_release();
                assert_eq!(matches!(evicted, Evicted::Released(_)), goes);
            }
            _ => {
                let asks = matches!(evicted, Evicted::Write);
                assert_eq!(asks, !self.expected.queued, "an item has one job at a time");
                self.expected.queued = true;
                self.expected.evicting = true;
                self.expected.list = ListId::Unwritten;
            }
        }
    }

    /// A victim that another thread has put back into a list, or that is no longer
    /// resident, is left alone.
    fn stale_evict(&self) -> bool {
        let elsewhere = self.item.list() != ListId::Unlisted || !self.is_resident();
        elsewhere && matches!(self.item.evict(IfPinned::Evict, &self.pool), Evicted::No)
    }

    fn begin_checkout(&mut self, waits: bool) {
        let phase = self.see(Event::BeginCheckout);
        let is_written = phase == Phase::WriteRunning || self.expected.saves;
        let may_check_out = self.guards.is_empty() && !is_written;
        let step = self
            .item
            .begin_checkout(&mut Held::Nothing, waits, &self.pool);
        if self.handles > 1 {
            assert!(matches!(step, CheckoutStep::Shared));
            return;
        }
        match step {
            CheckoutStep::Shared => unreachable!("it has one handle"),
            CheckoutStep::CheckedOut(checked_out) => {
                assert!(self.is_resident() && may_check_out);
                assert_eq!(*checked_out.value, self.expected.value);
                assert_eq!(
                    checked_out.superseded.is_some(),
                    phase == Phase::WriteQueued
                );
                let key = checked_out.file.as_ref().map(|file| file.key);
                assert_eq!(key, (phase == Phase::Clean).then_some(self.expected.key));
                self.release(checked_out.file);
                self.checked_out = Some(checked_out.value);
                self.write = None;
                assert_ne!(self.item.key(), self.expected.key);
                self.expected.key = self.item.key();
                self.expect_absent();
                self.expected.phase = Phase::CheckedOut;
            }
            CheckoutStep::Pinned(value) => {
                assert!(self.is_resident() && !may_check_out && !(is_written && waits));
                assert_eq!(*value, self.expected.value);
            }
            CheckoutStep::Wait { flight, new } => {
                assert_eq!(new, phase == Phase::Absent);
                self.flight = Some(flight);
                if new {
                    self.expected.phase = Phase::LoadQueued;
                }
            }
            CheckoutStep::WaitForWrite(_) => assert!(is_written && waits),
            CheckoutStep::Leaked => assert_eq!(phase, Phase::CheckedOut),
        }
    }

    fn check_in(&mut self) {
        let Some(mut value) = self.checked_out.take().filter(|_| self.handles > 0) else {
            return;
        };
        self.see(Event::CheckIn);
        *Arc::get_mut(&mut value).expect("nobody else has it") += 1;
        self.expected.value += 1;
        self.item.check_in(value, Weight::AtLeast(3), &self.pool);
        self.expected.phase = Phase::Dirty;
        self.expected.is_map = false;
        self.expect_in_front();
    }

    fn begin_save(&mut self, wanted: Wanted) {
        let phase = self.see(Event::BeginSave);
        match self.item.begin_save(wanted, &self.pool) {
            Some(Save::Written(share)) => {
                let has_file = [
                    Phase::Absent,
                    Phase::LoadQueued,
                    Phase::LoadRunning,
                    Phase::Clean,
                ];
                assert!(has_file.contains(&phase));
                assert_eq!(share.is_some(), wanted == Wanted::Persist);
            }
            Some(Save::Write(write)) => {
                if phase == Phase::Dirty {
                    self.write = Some(write);
                    self.expected.phase = Phase::WriteQueued;
                } else {
                    assert!(matches!(phase, Phase::WriteQueued | Phase::WriteRunning));
                    assert!(Arc::ptr_eq(
                        &write,
                        self.write.as_ref().expect("it is written")
                    ));
                }
                self.expected.saves |= wanted == Wanted::Persist;
            }
            None => assert_eq!(phase, Phase::CheckedOut),
        }
    }

    fn begin_eviction_write(&mut self) {
        if !self.expected.queued {
            return;
        }
        let phase = self.see(Event::BeginEvictionWrite);
        self.expected.queued = false;
        let write = self.item.begin_eviction_write(&self.pool);
        let is_wanted = self.expected.evicting && self.is_resident() && phase != Phase::Clean;
        assert_eq!(write.is_some(), is_wanted);
        if phase == Phase::Dirty && is_wanted {
            self.expected.phase = Phase::WriteQueued;
            self.write = write;
            // The job runs the write that it was given.
            self.claim_write();
        }
    }

    fn claim_write(&mut self) {
        let Some(write) = self.write.as_ref().filter(|_| self.writes.is_none()) else {
            return;
        };
        if !write.run_once.claim() {
            assert_eq!(
                self.expected.phase,
                Phase::Dead,
                "a dead item's is cancelled"
            );
            self.write = None;
            return;
        }
        let (key, value) = self.item.begin_write();
        assert_eq!((key, *value), (self.expected.key, self.expected.value));
        self.writes = Some(value);
        if self.handles > 0 {
            self.expected.phase = Phase::WriteRunning;
        }
    }

    fn finish_write(&mut self, ending: Ending) {
        let phase = self.see(match ending {
            Ending::Written => Event::FinishWrite,
            _ => Event::FailWrite,
        });
        let key = self.expected.key;
        let written = match ending {
            Ending::Written => Ok(Some(7)),
            Ending::Refused => Err(io::Error::from(io::ErrorKind::StorageFull).into()),
            Ending::Faulty => Err("the codec refuses".into()),
        };
        let written =
            written.map_err(|error: StoreError| Error::of_key(Operation::Write, key, error));
        self.writes = None;
        let write = self.write.take().expect("it is written");
        let (end, outcome) = self.item.finish_write(&write, written, &self.pool);
        let saves = std::mem::take(&mut self.expected.saves);
        match outcome {
            Ok(Written::Done(token)) => assert_eq!(token.is_some(), saves),
            Ok(Written::Superseded) => unreachable!("it was written"),
            Err(_) => assert_ne!(ending, Ending::Written),
        }
        if phase == Phase::Dead {
            let WriteEnd::Died { value, file } = end else {
                panic!("a dead item is cleared up");
            };
            assert_eq!(value.as_deref(), Some(&self.expected.value));
            assert_eq!(file.is_some(), ending == Ending::Written);
            self.release(file);
            return;
        }
        if ending == Ending::Written {
            self.expected.phase = Phase::Clean;
            assert_eq!(self.item.weight(), Weight::Known(7));
            let goes = self.expected.evicting && self.expect_release();
            assert_eq!(matches!(end, WriteEnd::Released(_)), goes);
            return;
        }
        self.expected.phase = Phase::Dirty;
        let asks = self.expected.evicting && !self.expected.queued;
        assert_eq!(matches!(end, WriteEnd::Failed), asks);
        self.expected.queued |= asks;
        if self.expected.evicting && ending == Ending::Faulty {
            self.expected.list = ListId::Unwritable;
        }
    }

    fn drop_handle(&mut self) {
        self.handles -= 1;
        let expected = match self.handles {
            0 => Remaining::None,
            _ => Remaining::Others,
        };
        assert_eq!(self.item.drop_handle(&self.pool.counts), expected);
        if self.handles > 0 {
            return;
        }
        let phase = self.see(Event::Retire);
        let saves = self.expected.saves;
        let was_resident = self.is_resident();
        let retired = self.item.retire(&self.pool).expect("it has no handle");
        let left_to_job = match phase {
            Phase::LoadRunning | Phase::WriteRunning => true,
            Phase::WriteQueued => saves,
            _ => false,
        };
        assert_eq!(retired.value.is_some(), was_resident && !left_to_job);
        assert_eq!(
            retired.superseded.is_some(),
            phase == Phase::WriteQueued && !saves
        );
        let has_file = matches!(phase, Phase::Absent | Phase::LoadQueued | Phase::Clean);
        assert_eq!(retired.file.is_some(), has_file);
        self.release(retired.file);
        self.expected.phase = Phase::Dead;
        self.expected.evicting = false;
        self.expected.list = ListId::Unlisted;
    }

    fn release(&self, file: Option<ItemFile>) {
        file.into_iter()
            .for_each(|file| self.store.core().release(file));
    }

    pub(super) fn check(&self) {
        self.item.validate();
        let expected = &self.expected;
        assert_eq!(self.item.key(), expected.key);
        assert_eq!(self.item.is_evicting(), expected.evicting);
        assert_eq!(self.item.list(), expected.list);
        assert_eq!(
            self.item.is_checked_out(),
            expected.phase == Phase::CheckedOut
        );
        for (guard, value) in &self.guards {
            assert_eq!(**guard, *value, "a guard's value stays what it was");
        }
        let loads = matches!(expected.phase, Phase::LoadQueued | Phase::LoadRunning);
        let writes = matches!(expected.phase, Phase::WriteQueued | Phase::WriteRunning);
        let in_flight = (usize::from(loads), usize::from(writes));
        assert_eq!(self.pool.in_flight.len(), in_flight);
        let can_be_found = expected.phase != Phase::Dead && self.item.is_indexed();
        assert_eq!(self.pool.index.get().is_some(), can_be_found);
    }

    /// Ends everything, and returns the pairs that occurred.
    pub(super) fn end(mut self) -> BTreeSet<Pair> {
        self.check_in();
        while self.handles > 0 {
            self.drop_handle();
        }
        self.begin_eviction_write();
        self.claim_load();
        if self.load_runs {
            self.finish_load(false, false);
        }
        self.claim_write();
        if self.writes.is_some() {
            self.finish_write(Ending::Written);
        }
        self.check();
        self.seen
    }
}
