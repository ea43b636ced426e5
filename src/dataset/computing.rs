//! Computing the value of a name once for all who want it.

use std::any::{Any, TypeId};
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Dataset;
use super::shared_commit::Taken;
use crate::backing_store::{ManifestStore, Strategy};
use crate::computations::Computations;
use crate::error::Operation;
use crate::{Error, FBPool, Fb};

/// The computations that are under way, by name and type of their [`Outcome`].
pub(super) type NamedComputations = Computations<(Box<str>, TypeId), AnyOutcome>;

type AnyOutcome = Arc<dyn Any + Send + Sync>;

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
        let computed = self.shared.computations.once(
            id::<T, B, E>(name),
            || async {
                let computed: Outcome<T, B, E> = async {
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
                }
                .await;
                Arc::new(computed) as AnyOutcome
            },
            |_| (),
        );
        match outcome(&computed.await) {
            // It was computed for another pool of the store.
            Ok(item) if !Arc::ptr_eq(item.pool(), pool) => {
                self.get_named(pool, name).await.map_err(shared)
            }
            outcome => outcome,
        }
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
        let computed = self.shared.computations.blocking_once(
            id::<T, B, E>(name),
            || {
                let computed = || -> Outcome<T, B, E> {
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
                Arc::new(computed()) as AnyOutcome
            },
            |_| (),
        );
        match outcome(&computed) {
            // It was computed for another pool of the store.
            Ok(item) if !Arc::ptr_eq(item.pool(), pool) => {
                self.blocking_get_named(pool, name).map_err(shared)
            }
            outcome => outcome,
        }
    }

    fn check_computing<T, E: From<Error>>(&self, pool: &FBPool<T, B>) -> Result<(), Arc<E>> {
        let (path, operation) = (&self.shared.path, Operation::Commit);
        let here = path.store.core().check_process(operation);
        let checked = here.and_then(|()| path.check_store(pool.store(), operation, None));
        checked.map_err(shared)
    }
}

fn id<T: 'static, B: ManifestStore, E: 'static>(name: &str) -> (Box<str>, TypeId) {
    (name.into(), TypeId::of::<Outcome<T, B, E>>())
}

fn outcome<T, B, E>(computed: &AnyOutcome) -> Outcome<T, B, E>
where
    T: Send + Sync + 'static,
    B: ManifestStore,
    E: Send + Sync + 'static,
{
    let outcome = computed.downcast_ref::<Outcome<T, B, E>>();
    outcome.expect("its type is part of the id").clone()
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
