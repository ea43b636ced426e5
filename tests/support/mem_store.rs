//! A store in memory, by cloning.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use file_backed::backing_store::StoreError;
use file_backed::backing_store::{BackingStoreT, Strategy, Transfer};
use parking_lot::Mutex;
use uuid::Uuid;

use super::gate::Barrier;
use super::{Fault, Gate, On};

/// What a store is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Store,
    Load,
    Duplicate,
    Delete,
    DeletePersisted,
    Register,
    RegisterMany,
    Persist,
    Track,
    Sync,
}

type Value = Arc<dyn Any + Send + Sync>;
/// An operation, and the key that it is about.
type Call = (Op, Option<Uuid>);
type Files = Mutex<HashMap<Uuid, Value>>;

/// A persisted place: it outlives the stores that use it.
#[derive(Clone, Default)]
pub(crate) struct MemPath(Arc<Files>);

impl MemPath {
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
    log: Mutex<Vec<Call>>,
    gates: Mutex<Vec<(Call, Arc<Barrier>)>>,
    faults: Mutex<Vec<(On, Fault)>>,
}

impl MemStore {
    /// Holds every call of this kind, on this key or on any, from now on.
    pub(crate) fn gate(&self, op: Op, key: impl Into<Option<Uuid>>) -> Gate {
        let barrier = Arc::new(Barrier::default());
        self.gates.lock().push(((op, key.into()), barrier.clone()));
        Gate(barrier)
    }

    /// Makes calls fail until they have, or until `heal`.
    pub(crate) fn fail(&self, on: On, fault: Fault) {
        self.faults.lock().push((on, fault));
    }

    /// Lifts every failure.
    pub(crate) fn heal(&self) {
        self.faults.lock().clear();
    }

    /// The keys of the files that are in the cache.
    pub(crate) fn files(&self) -> Vec<Uuid> {
        self.cache.lock().keys().copied().collect()
    }

    pub(crate) fn has(&self, key: Uuid) -> bool {
        self.cache.lock().contains_key(&key)
    }

    /// The keys of all calls of this kind so far, in their order.
    pub(crate) fn calls(&self, op: Op) -> Vec<Uuid> {
        let log = self.log.lock();
        log.iter()
            .filter(|(called, _)| *called == op)
            .filter_map(|(_, key)| *key)
            .collect()
    }

    /// Forgets the calls so far.
    pub(crate) fn forget_calls(&self) {
        self.log.lock().clear();
    }

    /// How many calls of this kind there were.
    pub(crate) fn count(&self, op: Op) -> usize {
        let log = self.log.lock();
        log.iter().filter(|(called, _)| *called == op).count()
    }

    /// The kinds of all calls on this key, in their order.
    pub(crate) fn calls_on(&self, key: Uuid) -> Vec<Op> {
        let log = self.log.lock();
        log.iter()
            .filter(|(_, on)| *on == Some(key))
            .map(|(op, _)| *op)
            .collect()
    }

    /// A call begins: it is logged, held by the gates, and fails if it is to.
    fn call(&self, op: Op, key: Option<Uuid>) -> Result<(), StoreError> {
        self.log.lock().push((op, key));
        let barriers: Vec<_> = {
            let mut gates = self.gates.lock();
            gates.retain(|(_, barrier)| !barrier.is_open());
            gates
                .iter()
                .filter(|((gated, on), _)| *gated == op && (on.is_none() || *on == key))
                .map(|(_, barrier)| barrier.clone())
                .collect()
        };
        for barrier in barriers {
            barrier.pass();
        }
        let fault = self
            .faults
            .lock()
            .iter_mut()
            .find_map(|(on, fault)| on.hits(op, key).then_some(*fault));
        fault.map_or(Ok(()), |fault| fault.strike(op))
    }

    fn file(files: &Files, key: Uuid) -> Result<Value, StoreError> {
        let value = files.lock().get(&key).cloned();
        value.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    fn link(&self, path: &MemPath, key: Uuid) -> Result<Transfer, StoreError> {
        let value = Self::file(&path.0, key)?;
        Ok(match self.cache.lock().insert(key, value) {
            None => Transfer::Linked,
            Some(_) => Transfer::Present,
        })
    }
}

impl BackingStoreT for MemStore {
    type PersistPath = MemPath;

    fn delete(&self, key: Uuid) -> Result<(), StoreError> {
        self.call(Op::Delete, Some(key))?;
        self.cache.lock().remove(&key);
        Ok(())
    }

    fn delete_persisted(&self, path: &MemPath, key: Uuid) -> Result<(), StoreError> {
        self.call(Op::DeletePersisted, Some(key))?;
        path.0.lock().remove(&key);
        Ok(())
    }

    fn register(&self, path: &MemPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.call(Op::Register, Some(key))?;
        self.link(path, key)
    }

    fn register_many(&self, path: &MemPath, keys: &[Uuid]) -> Result<Vec<Transfer>, StoreError> {
        self.call(Op::RegisterMany, None)?;
        keys.iter().map(|key| self.register(path, *key)).collect()
    }

    fn persist(&self, path: &MemPath, key: Uuid) -> Result<Transfer, StoreError> {
        self.call(Op::Persist, Some(key))?;
        let value = Self::file(&self.cache, key)?;
        path.0.lock().insert(key, value);
        Ok(Transfer::Linked)
    }

    fn sanitize_path(&self, path: &MemPath) -> Result<Vec<Uuid>, StoreError> {
        self.call(Op::Track, None)?;
        Ok(path.keys())
    }

    fn sync_persisted(&self, _: &MemPath) -> Result<(), StoreError> {
        self.call(Op::Sync, None)
    }
}

impl<T: Clone + Send + Sync + 'static> Strategy<T> for MemStore {
    fn store(&self, key: Uuid, data: &T) -> Result<(), StoreError> {
        self.call(Op::Store, Some(key))?;
        let before = self.cache.lock().insert(key, Arc::new(data.clone()));
        assert!(before.is_none(), "a file is written once");
        Ok(())
    }

    fn load(&self, key: Uuid) -> Result<T, StoreError> {
        self.call(Op::Load, Some(key))?;
        let value = Self::file(&self.cache, key)?;
        let value = value.downcast_ref::<T>().ok_or("a value of another type")?;
        Ok(value.clone())
    }

    fn duplicate(&self, data: &T) -> Result<T, StoreError> {
        self.call(Op::Duplicate, None)?;
        Ok(data.clone())
    }
}
