//! Computing the value of a name once for all who want it.

use std::any::{Any, TypeId};
use std::future::Future;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Dataset;
use super::shared_commit::Taken;
use crate::backing_store::{ManifestStore, Strategy};
use crate::error::Operation;
use crate::hash::HashMap;
use crate::process::Process;
use crate::sync::block_on;
use crate::{Error, FBPool, Fb};

/// The computations that are under way, by name and type.
pub(super) struct Computations {
    under_way: Mutex<UnderWay>,
    process: Process,
}

type UnderWay = HashMap<Id, Weak<dyn Any + Send + Sync>>;

type Id = (Box<str>, TypeId);

/// A computation. The caller that has its lock computes; the others wait for the lock.
type Computation<T, B, E> = tokio::sync::Mutex<Option<Outcome<T, B, E>>>;

type Outcome<T, B, E> = Result<Fb<T, B>, Arc<E>>;

impl<Root, B> Dataset<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Gets the item that has this name or, if there is none, computes its value, inserts it
    /// into the pool, and [puts it](Self::put_named) under the name. Returns once it is
    /// durable.
    ///
    /// Concurrent calls for one name, with the same types, compute it once and get the same
    /// item. Calls for several names share commits. If the call that computes is dropped, one
    /// of those that wait computes with its own closure. If another item is put under the name
    /// during the computation, the result is that one.
    ///
    /// A closure that asks for the same name waits for itself, and so do two closures that ask
    /// for each other's names.
    ///
    /// # Errors
    ///
    /// The error of the closure, of getting the item or of the commit. All calls that waited
    /// for this computation get the same `Arc`. Nothing is stored then, and the next call
    /// computes again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the closure's future. Once the commit has begun, it continues
    /// in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::Dataset;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{Error, FBPool};
    ///
    /// async fn render(tile: &str) -> Result<Vec<u8>, Error> {
    ///     Ok(tile.as_bytes().to_vec()) // takes long
    /// }
    ///
    /// let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let tiles: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    ///
    /// for _ in 0..3 {
    ///     let tile = tiles.get_or_put_with(&pool, "5/16/10", || render("5/16/10")).await?;
    ///     assert_eq!(*tile.read().await?, b"5/16/10");
    /// }
    /// assert_eq!(tiles.generation(), 1, "it was rendered and committed once");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn get_or_put_with<T, E, F>(
        &self,
        pool: &Arc<FBPool<T, B>>,
        name: &str,
        compute: impl FnOnce() -> F,
    ) -> Result<Fb<T, B>, Arc<E>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
        E: From<Error> + Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        self.check_computing(pool)?;
        if let Some(found) = found(self.get_named(pool, name).await)? {
            return Ok(found);
        }
        let joined = self.shared.computations.join::<Computation<T, B, E>>(name);
        let mut outcome = joined.computation.lock().await;
        match &*outcome {
            // It was computed for another pool of the store.
            Some(Ok(item)) if !Arc::ptr_eq(item.pool(), pool) => {
                return self.get_named(pool, name).await.map_err(shared);
            }
            Some(outcome) => return outcome.clone(),
            None => {}
        }
        let computed = async {
            // It may have been put since.
            if let Some(found) = found(self.get_named(pool, name).await)? {
                return Ok(found);
            }
            self.shared.check_writable().map_err(shared)?;
            let item = pool.insert(compute().await.map_err(Arc::new)?);
            let put = self.put_in_turn(name, &item, Taken::Stays).await;
            put.map_err(shared)?;
            // It is this item, unless another one had the name by then.
            self.get_named(pool, name).await.map_err(shared)
        };
        let computed = computed.await;
        joined.leave_map();
        outcome.insert(computed).clone()
    }

    /// The blocking form of [`get_or_put_with`](Self::get_or_put_with).
    ///
    /// # Errors
    ///
    /// Same as [`get_or_put_with`](Self::get_or_put_with).
    ///
    /// # Blocking
    ///
    /// Waits for the computation of another call, and for the disk. Called inside the closure
    /// of a commit or an edit of this dataset, it deadlocks.
    pub fn blocking_get_or_put_with<T, E>(
        &self,
        pool: &Arc<FBPool<T, B>>,
        name: &str,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<Fb<T, B>, Arc<E>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
        E: From<Error> + Send + Sync + 'static,
    {
        self.check_computing(pool)?;
        if let Some(found) = found(self.blocking_get_named(pool, name))? {
            return Ok(found);
        }
        let joined = self.shared.computations.join::<Computation<T, B, E>>(name);
        let mut outcome = block_on(joined.computation.lock());
        match &*outcome {
            // It was computed for another pool of the store.
            Some(Ok(item)) if !Arc::ptr_eq(item.pool(), pool) => {
                return self.blocking_get_named(pool, name).map_err(shared);
            }
            Some(outcome) => return outcome.clone(),
            None => {}
        }
        let computed = || {
            // It may have been put since.
            if let Some(found) = found(self.blocking_get_named(pool, name))? {
                return Ok(found);
            }
            self.shared.check_writable().map_err(shared)?;
            let item = pool.insert(compute().map_err(Arc::new)?);
            let put = self.blocking_put_in_turn(name, &item, Taken::Stays);
            put.map_err(shared)?;
            // It is this item, unless another one had the name by then.
            self.blocking_get_named(pool, name).map_err(shared)
        };
        let computed = computed();
        joined.leave_map();
        outcome.insert(computed).clone()
    }

    fn check_computing<T, E: From<Error>>(&self, pool: &FBPool<T, B>) -> Result<(), Arc<E>> {
        let (path, operation) = (&self.shared.path, Operation::Commit);
        let here = path.store.core().check_process(operation);
        let checked = here.and_then(|()| path.check_store(pool.store(), operation, None));
        checked.map_err(shared)
    }
}

/// The handle, if there is an item of the name.
fn found<T, B, E>(got: crate::Result<Fb<T, B>>) -> Result<Option<Fb<T, B>>, Arc<E>>
where
    B: ManifestStore,
    E: From<Error>,
{
    match got {
        Ok(handle) => Ok(Some(handle)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(shared(error)),
    }
}

fn shared<E: From<Error>>(error: Error) -> Arc<E> {
    Arc::new(error.into())
}

impl Computations {
    pub(super) fn new() -> Self {
        Self {
            under_way: Mutex::default(),
            process: Process::current(),
        }
    }

    /// Joins the computation of this name, or begins one.
    fn join<C: Default + Send + Sync + 'static>(&self, name: &str) -> Joined<'_, C> {
        let id = (Box::from(name), TypeId::of::<C>());
        let mut all = self.under_way.lock();
        let under_way = all.get(&id).and_then(Weak::upgrade);
        let under_way = under_way.and_then(|any| any.downcast::<C>().ok());
        let computation = under_way.unwrap_or_else(|| {
            let computation = Arc::<C>::default();
            let any: Arc<dyn Any + Send + Sync> = computation.clone();
            all.insert(id.clone(), Arc::downgrade(&any));
            computation
        });
        drop(all);
        Joined {
            computations: self,
            id,
            computation,
        }
    }
}

/// A caller's part in a computation, which is known as long as anyone has a part.
struct Joined<'a, C> {
    computations: &'a Computations,
    id: Id,
    computation: Arc<C>,
}

impl<C> Joined<'_, C> {
    /// Calls that come from now on begin another computation.
    fn leave_map(&self) {
        self.remove_from(&mut self.computations.under_way.lock());
    }

    fn remove_from(&self, all: &mut UnderWay) {
        let own = Arc::as_ptr(&self.computation).cast::<()>();
        if all
            .get(&self.id)
            .is_some_and(|known| known.as_ptr().cast::<()>() == own)
        {
            all.remove(&self.id);
        }
    }
}

impl<C> Drop for Joined<'_, C> {
    fn drop(&mut self) {
        // Its lock may have been held by a thread that a forked child does not have.
        if self.computations.process.is_forked() {
            return;
        }
        let mut all = self.computations.under_way.lock();
        // Only a caller that joins, under this lock, makes it more.
        if Arc::strong_count(&self.computation) == 1 {
            self.remove_from(&mut all);
        }
    }
}
