//! A store in memory, by cloning.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use file_backed::backing_store::{
    Background, BackingStoreT, CacheUsage, InlineLoad, OpenedFile, PlaceKeys, StoreError, Strategy,
    Transfer,
};
use file_backed::fbstore::{Footprint, Load};
use uuid::Uuid;

use super::faults::{Fault, Faults, On};
use super::gate::{Barrier, Gate};
use super::sync::{Mutex, point};

/// What a store is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Store,
    /// A call that has refused a value for lack of room is about to return.
    Refuse,
    Load,
    /// A load is tried inline. If the call fails, it is refused.
    LoadInline,
    /// A load that was refused is made.
    LoadOpened,
    Duplicate,
    Delete,
    DeletePersisted,
    Register,
    RegisterMany,
    Persist,
    Track,
    Sync,
}

pub(super) type Value = Arc<dyn Any + Send + Sync>;
/// An operation, and the key that it is about.
type Call = (Op, Option<Uuid>);
pub(super) type Files = Mutex<BTreeMap<Uuid, Value>>;

/// A persisted place: it outlives the stores that use it.
#[derive(Clone, Default)]
pub(crate) struct MemPath(pub(super) Arc<Files>, pub(super) Option<Arc<PlaceKeys>>);

impl MemPath {
    /// A place with one value.
    pub(crate) fn with<T: Send + Sync + 'static>(key: Uuid, value: T) -> Self {
        let value: Value = Arc::new(value);
        Self(Arc::new(Mutex::new([(key, value)].into())), None)
    }

    pub(crate) fn keys(&self) -> Vec<Uuid> {
        self.0.lock().keys().copied().collect()
    }

    /// What is saved under `key`.
    pub(crate) fn get<T: Clone + 'static>(&self, key: Uuid) -> Option<T> {
        let value = self.0.lock().get(&key).cloned()?;
        value.downcast_ref().cloned()
    }
}

#[derive(Default)]
pub(crate) struct MemStore {
    cache: Files,
    calls: Mutex<Calls>,
    /// Asserts that each file is registered, persisted and deleted once, which holds in
    /// a test that tracks no place twice.
    is_strict: bool,
    loads_maps: AtomicBool,
    pub(super) in_place: AtomicBool,
    measures: AtomicBool,
    loads_inline: AtomicBool,
    /// Bounds the bytes of texts and bytes in the cache.
    quota: Option<u64>,
    background: Mutex<Option<Background>>,
    /// Keys whose cache file is being loaded. Deletions assert that it has none of theirs.
    loading: Mutex<Vec<Uuid>>,
    pub(super) checks_loads: AtomicBool,
}

/// The calls so far, and what is planned for the next ones.
#[derive(Default)]
struct Calls {
    log: Vec<Call>,
    gates: Vec<(Call, Arc<Barrier>)>,
    faults: Faults<Op>,
}

impl MemStore {
    pub(crate) fn strict() -> Self {
        Self {
            is_strict: true,
            ..Self::default()
        }
    }

    pub(crate) fn with_quota(bytes: u64) -> Self {
        Self {
            quota: Some(bytes),
            ..Self::default()
        }
    }

    /// Holds every call of this kind, on this key or on any, from now on.
    pub(crate) fn gate(&self, op: Op, key: impl Into<Option<Uuid>>) -> Gate {
        let barrier = Arc::new(Barrier::default());
        let gated = ((op, key.into()), barrier.clone());
        self.calls.lock().gates.push(gated);
        Gate(barrier)
    }

    /// Makes calls fail until they have, or until `heal`.
    pub(crate) fn fail(&self, on: On<Op>, fault: Fault) {
        self.calls.lock().faults.plan(on, fault);
    }

    /// Lifts every failure.
    pub(crate) fn heal(&self) {
        self.calls.lock().faults.lift();
    }

    /// Lifts every failure of calls of this kind.
    pub(crate) fn heal_only(&self, op: Op) {
        self.calls.lock().faults.lift_from(op);
    }

    /// From now on, loaded values count as maps of their files.
    pub(crate) fn load_as_maps(&self) {
        self.loads_maps.store(true, Ordering::Relaxed);
    }

    /// From now on, the store loads inline.
    pub(crate) fn load_inline(&self) {
        self.loads_inline.store(true, Ordering::Relaxed);
    }

    /// The store reports what encoded texts and bytes take. To be called before a pool
    /// uses the store.
    pub(crate) fn measure(&self) {
        self.measures.store(true, Ordering::Relaxed);
    }

    /// The keys of the files that are in the cache.
    pub(crate) fn files(&self) -> BTreeSet<Uuid> {
        self.cache.lock().keys().copied().collect()
    }

    /// How many files have an owner, or a deletion that is queued.
    pub(crate) fn owned_files(&self) -> usize {
        let background = self.background.lock();
        background.as_ref().expect("it is attached").files()
    }

    pub(crate) fn has(&self, key: Uuid) -> bool {
        self.cache.lock().contains_key(&key)
    }

    /// The keys of all calls of this kind so far, in their order.
    pub(crate) fn calls(&self, op: Op) -> Vec<Uuid> {
        let calls = self.calls.lock();
        let of_op = calls.log.iter().filter(|(called, _)| *called == op);
        of_op.filter_map(|(_, key)| *key).collect()
    }

    /// Forgets the calls so far.
    pub(crate) fn forget_calls(&self) {
        self.calls.lock().log.clear();
    }

    /// How many calls of this kind there were.
    pub(crate) fn count(&self, op: Op) -> usize {
        let calls = self.calls.lock();
        calls.log.iter().filter(|(called, _)| *called == op).count()
    }

    /// The kinds of all calls on this key, in their order.
    pub(crate) fn calls_on(&self, key: Uuid) -> Vec<Op> {
        let calls = self.calls.lock();
        let on_key = calls.log.iter().filter(|(_, on)| *on == Some(key));
        on_key.map(|(op, _)| *op).collect()
    }

    /// A call begins: it is logged, held by the gates, and fails if it is to.
    fn call(&self, op: Op, key: Option<Uuid>) -> Result<(), StoreError> {
        let barriers: Vec<_> = {
            let calls = &mut *self.calls.lock();
            calls.log.push((op, key));
            calls.gates.retain(|(_, barrier)| !barrier.is_open());
            let gates = calls.gates.iter();
            let held =
                gates.filter(|((gated, on), _)| *gated == op && (on.is_none() || *on == key));
            held.map(|(_, barrier)| barrier.clone()).collect()
        };
        for barrier in barriers {
            barrier.pass();
        }
        let fault = self.calls.lock().faults.meet(op, key);
        fault.map_or(Ok(()), |fault| fault.strike(op))
    }

    fn load_from<T: Clone + 'static>(&self, files: &Files, key: Uuid) -> Result<T, StoreError> {
        self.call(Op::Load, Some(key))?;
        let value = file(files, key);
        point();
        let value = value?;
        let value = value.downcast_ref::<T>().ok_or("a value of another type")?;
        Ok(value.clone())
    }

    /// Copies a file to another place.
    fn copy(&self, from: &Files, to: &Files, key: Uuid) -> Result<Transfer, StoreError> {
        let value = file(from, key)?;
        let before = to.lock().insert(key, value);
        assert!(!self.is_strict || before.is_none(), "a file is linked once");
        Ok(match before {
            None => Transfer::Linked,
            Some(_) => Transfer::Present,
        })
    }
}

fn file(files: &Files, key: Uuid) -> Result<Value, StoreError> {
    let value = files.lock().get(&key).cloned();
    value.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
}

fn encoded_len(value: &dyn Any) -> Option<u64> {
    let bytes = value.downcast_ref::<Vec<u8>>().map(Vec::len);
    let bytes = bytes.or_else(|| value.downcast_ref::<String>().map(String::len));
    bytes.map(|len| len as u64)
}

fn bytes_in(files: &BTreeMap<Uuid, Value>) -> u64 {
    files
        .values()
        .filter_map(|value| encoded_len(&**value))
        .sum()
}

impl BackingStoreT for MemStore {
    type PersistPath = MemPath;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        self.call(Op::Delete, Some(key))?;
        assert!(
            !self.checks_loads.load(Ordering::Relaxed) || !self.loading.lock().contains(&key),
            "a file is deleted while it is loaded"
        );
        let file = self.cache.lock().remove(&key);
        assert!(!self.is_strict || file.is_some(), "a file is deleted once");
        point();
        Ok(())
    }

    fn delete_persisted(&self, path: &MemPath, key: Uuid) -> Result<(), StoreError> {
        self.call(Op::DeletePersisted, Some(key))?;
        path.0.lock().remove(&key);
        Ok(())
    }

    fn register(&self, path: &MemPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.call(Op::Register, Some(key))?;
        self.copy(&path.0, &self.cache, key)
    }

    fn register_many(&self, path: &MemPath, keys: &[Uuid]) -> Result<Vec<Transfer>, StoreError> {
        self.call(Op::RegisterMany, None)?;
        let transfers = keys.iter().map(|key| self.register(path, *key)).collect();
        // It takes its time, so that others get their turn.
        (0..20).for_each(|_| std::thread::yield_now());
        transfers
    }

    fn reads_in_place(&self) -> bool {
        self.in_place.load(Ordering::Relaxed)
    }

    fn persist(&self, path: &MemPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.call(Op::Persist, Some(key))?;
        self.copy(&self.cache, &path.0, key)
    }

    fn persist_in_place(
        &self,
        from: &MemPath,
        path: &MemPath,
        key: Uuid,
    ) -> Result<Transfer, StoreError> {
        self.call(Op::Persist, Some(key))?;
        self.copy(&from.0, &path.0, key)
    }

    fn keys_of(&self, path: &MemPath) -> Arc<PlaceKeys> {
        path.1.clone().unwrap_or_default()
    }

    fn sanitize_path(&self, path: &MemPath) -> Result<Vec<Uuid>, StoreError> {
        self.call(Op::Track, None)?;
        Ok(path.keys())
    }

    fn sync_persisted(&self, _: &MemPath) -> Result<(), StoreError> {
        self.call(Op::Sync, None)
    }

    fn cache_usage(&self) -> Option<CacheUsage> {
        let quota = self.quota?;
        let used = bytes_in(&self.cache.lock());
        Some(CacheUsage { used, quota })
    }

    fn attach(&self, background: Background) {
        *self.background.lock() = Some(background);
    }

    fn detach(&self) {
        *self.background.lock() = None;
    }
}

impl<T: Clone + Send + Sync + 'static> Strategy<T> for MemStore {
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError> {
        self.call(Op::Store, Some(key))?;
        point();
        let mut cache = self.cache.lock();
        let len = encoded_len(data).unwrap_or(0);
        if self
            .quota
            .is_some_and(|quota| bytes_in(&cache) + len > quota)
        {
            drop(cache);
            self.call(Op::Refuse, Some(key))?;
            return Err(io::Error::from(io::ErrorKind::QuotaExceeded).into());
        }
        let before = cache.insert(key, Arc::new(data.clone()));
        drop(cache);
        assert!(before.is_none(), "a file is written once");
        point();
        Ok(())
    }

    fn load(&self, key: Uuid) -> Result<T, StoreError> {
        self.loading.lock().push(key);
        point();
        let loaded = self.load_from(&self.cache, key);
        let mut loading = self.loading.lock();
        let at = loading.iter().position(|other| *other == key);
        loading.swap_remove(at.expect("it was added"));
        drop(loading);
        loaded
    }

    fn load_in_place(
        &self,
        place: &MemPath,
        key: Uuid,
        _: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        if !self.reads_in_place() {
            return Err("the store does not read in place".into());
        }
        let value = self.load_from(&place.0, key)?;
        let len = encoded_len(&value);
        Ok((value, len))
    }

    fn measures_values(&self) -> bool {
        self.measures.load(Ordering::Relaxed)
    }

    fn store_measured(&self, key: Uuid, data: &T) -> Result<Option<u64>, StoreError> {
        self.store(key, data)?;
        Ok(encoded_len(data))
    }

    fn load_measured(&self, key: Uuid, _: Load) -> Result<(T, Option<u64>), StoreError> {
        let value = self.load(key)?;
        let len = encoded_len(&value);
        Ok((value, len))
    }

    fn load_inline(
        &self,
        key: Uuid,
        place: Option<&MemPath>,
        load: Load,
        fits: &dyn Fn(u64) -> bool,
    ) -> InlineLoad<T> {
        if !self.loads_inline.load(Ordering::Relaxed) {
            return InlineLoad::refused();
        }
        let refused = InlineLoad::Refused {
            opened: Some(OpenedFile::new(key)),
            waste: None,
        };
        if self.call(Op::LoadInline, Some(key)).is_err() || !fits(0) {
            return refused;
        }
        let loaded = match place {
            Some(place) => self.load_in_place(place, key, load),
            None => self.load_measured(key, load),
        };
        match loaded {
            Ok((value, len)) => InlineLoad::Loaded(value, len),
            Err(_) => refused,
        }
    }

    fn load_opened(
        &self,
        opened: OpenedFile,
        key: Uuid,
        place: Option<&MemPath>,
        load: Load,
    ) -> Result<(T, Option<u64>), StoreError> {
        self.call(Op::LoadOpened, Some(key))?;
        assert_eq!(opened.downcast(), Some(key), "it is what was opened");
        match place {
            Some(place) => self.load_in_place(place, key, load),
            None => self.load_measured(key, load),
        }
    }

    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        self.call(Op::Duplicate, None)?;
        point();
        Ok(data.clone())
    }

    fn footprint(&self, data: &T) -> Footprint {
        match self.loads_maps.load(Ordering::Relaxed) {
            true => Footprint { heap: 0, mapped: 1 },
            false => Footprint::heap(size_of_val(data)),
        }
    }
}
