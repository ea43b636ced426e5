//! User values are dropped outside the locks of the pool, so their `Drop` may use the
//! pool.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use file_backed::FBPool;
use file_backed::backing_store::StoreError;

use crate::support::{Fault, MemStore, On, Op, Pool, World, test};

static POOL: OnceLock<Weak<FBPool<String, Arc<MemStore>>>> = OnceLock::new();

#[derive(Debug)]
struct UsesThePool;

impl fmt::Display for UsesThePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for UsesThePool {}

impl Drop for UsesThePool {
    fn drop(&mut self) {
        if let Some(pool) = POOL.get().and_then(Weak::upgrade) {
            drop(pool.try_reserve());
        }
    }
}

#[test]
fn an_error_is_dropped_outside_the_locks_of_the_pool() {
    test(|| {
        let world = World::new();
        let pool: Pool = world.pool(10);
        POOL.set(Arc::downgrade(&pool)).expect("set once");
        let refuse = Fault::With(|| StoreError::value(UsesThePool));
        world.mem.fail(On::every(Op::Store), refuse);
        let item = pool.insert("a".to_owned());
        drop(item.blocking_write_now());
        drop(item.blocking_write_now());
    });
}
