//! User values are dropped outside the locks of the pool, so their `Drop` may use the
//! pool.

use std::sync::{Arc, OnceLock};

use file_backed::backing_store::StoreError;
use file_backed::backing_store::{BackingStoreT, Strategy, Transfer};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, FBPool};

use crate::support::test;

struct Refuses(Arc<OnceLock<std::sync::Weak<FBPool<String, Refuses>>>>);

#[derive(Debug)]
struct Looks(std::sync::Weak<FBPool<String, Refuses>>);

impl std::fmt::Display for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Looks {}

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            drop(pool.try_reserve());
        }
    }
}

impl BackingStoreT for Refuses {
    type PersistPath = ();
    fn delete(&self, _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }
    fn delete_persisted(&self, (): &(), _: Uuid) -> Result<(), StoreError> {
        Ok(())
    }
    fn register(&self, (): &(), _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }
    fn persist(&self, (): &(), _: Uuid) -> Result<Transfer, StoreError> {
        Ok(Transfer::Linked)
    }
    fn sanitize_path(&self, (): &()) -> Result<Vec<Uuid>, StoreError> {
        Ok(vec![])
    }
    fn sync_persisted(&self, (): &()) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Strategy<String> for Refuses {
    fn store(&self, _: Uuid, _: &String) -> Result<(), StoreError> {
        Err(StoreError::value(Looks(self.0.get().expect("set").clone())))
    }
    fn load(&self, _: Uuid) -> Result<String, StoreError> {
        Err("nothing".into())
    }
}

#[test]
fn an_error_is_dropped_outside_the_locks_of_the_pool() {
    test(|| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let cell = Arc::new(OnceLock::new());
        let store = BackingStore::new(Refuses(cell.clone()), runtime.handle().clone());
        let pool: Arc<FBPool<String, Refuses>> = Arc::new(FBPool::new(Arc::new(store), 10));
        cell.set(Arc::downgrade(&pool)).expect("set once");
        let item = pool.insert("a".to_owned());
        drop(item.blocking_write_now());
        drop(item.blocking_write_now());
    });
}
