//! Items by keys of the program's own.

mod entries;
#[cfg(all(test, not(shuttle)))]
mod tests;

use std::any::Any;
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::Fb;
use crate::backing_store::BackingStoreT;
use crate::computations::Computations;
use crate::sync::Mutex;
use entries::Entries;

/// Finds items by keys of your own, and computes each once for all that want it at the same
/// time. It keeps no item alive: an item is found while a handle of it exists and its value
/// is unchanged.
///
/// | to | call |
/// |---|---|
/// | get an item, or compute its value | [`get_or_insert_with`](Self::get_or_insert_with) |
/// | get an item | [`get`](Self::get) |
/// | put an item under a key | [`insert`](Self::insert) |
/// | have a key computed again | [`remove`](Self::remove) |
///
/// The items are ordinary ones, of one pool or several: dropping the last handle of an item
/// deletes its file, as always, and then its key is computed again. An item
/// of a dataset may be found a little longer, while its value stays in memory
/// ([`Stats::retained`](crate::Stats::retained)).
///
/// A change gives a value another [`Fb::key`], and the item is no longer found under the key
/// of the map; [`insert`](Self::insert) puts the changed value there. If another handle shares
/// the item, the change makes an item of its own, and the unchanged one is still found.
///
/// To keep values beyond their handles and beyond the process, put them into a dataset:
/// `Dataset::get_or_put_with` does the same for names.
///
/// # Costs
///
/// Finding an item takes the lock of the map and that of the item for a moment, and allocates
/// nothing. An entry uses the size of `K` and 32 bytes, and keeps 72 bytes of an item that has
/// ended until it is swept. That happens when entries are added: there are never more than 16
/// and twice as many as were found at the last sweep.
///
/// The map is locked while keys are hashed, compared, cloned and dropped. Those must not use
/// the map.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use file_backed::convenience::WeakMap;
/// use file_backed::fbstore::BinCodec;
/// use file_backed::{Error, FBPool};
///
/// async fn render(zoom: u8, x: u32, y: u32) -> Result<Vec<u8>, Error> {
///     Ok(format!("{zoom}/{x}/{y}").into_bytes()) // takes long
/// }
///
/// let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 100).await?;
/// let tiles = WeakMap::new();
///
/// let get = async |(zoom, x, y)| {
///     let make = async || Ok::<_, Error>(pool.insert(render(zoom, x, y).await?));
///     tiles.get_or_insert_with((zoom, x, y), make).await
/// };
/// let (one, other) = tokio::join!(get((5, 16, 10)), get((5, 16, 10)));
/// let (one, other) = (one?, other?);
/// assert_eq!(*one.read().await?, b"5/16/10");
/// assert_eq!(one.key(), other.key(), "it was rendered once");
///
/// drop((one, other));
/// assert!(tiles.get(&(5, 16, 10)).is_none());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
///
/// # Forks
///
/// In a child that was forked without an `exec`, a map of the parent's finds nothing, keeps
/// nothing, and each call computes for itself.
pub struct WeakMap<K, T, B: BackingStoreT> {
    computations: Computations<K, Outcome<T, B>>,
    /// **Lock order: the computations, the entries, an item.**
    entries: Mutex<Entries<K, T, B>>,
}

/// The error is an `Arc<E>`, of the `E` of the call that has computed.
type Outcome<T, B> = Result<Fb<T, B>, AnyError>;

type AnyError = Arc<dyn Any + Send + Sync>;

impl<K: Clone + Eq + Hash, T, B: BackingStoreT> WeakMap<K, T, B> {
    /// Makes an empty map.
    pub fn new() -> Self {
        Self {
            computations: Computations::new(),
            entries: Mutex::new(Entries::new()),
        }
    }

    /// Gets the item of this key or, if there is none, makes it with `make`, which inserts a
    /// value into a pool.
    ///
    /// How the item is made is up to `make`: by [`insert`](crate::FBPool::insert) or, if
    /// values may come faster than the disk writes, after
    /// [`reserve`](crate::FBPool::reserve); by `insert_archived` or `adopt`; or by
    /// [`register`](crate::FBPool::register).
    ///
    /// Concurrent calls for one key make the item once, and get handles of it. If the
    /// call that makes it is dropped, or panics, one of those that wait makes it with its own
    /// `make`. A handle that is returned stays good when the map is dropped.
    ///
    /// A `make` that asks for the same key waits for itself, and so do two that ask
    /// for each other's keys.
    ///
    /// # Errors
    ///
    /// The error of `make`. All calls that waited for it get the same `Arc`, except for those
    /// with another type of errors, one of which then makes the item. Nothing is kept, and
    /// the next call makes the item again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops that of `make`. Calls that wait are not affected.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::convenience::WeakMap;
    /// use file_backed::fbstore::BinCodec;
    /// use file_backed::{Error, FBPool};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let pages = WeakMap::new();
    ///
    /// let make = async || {
    ///     let permit = pool.reserve().await?; // waits while the disk is behind
    ///     Ok::<_, Error>(permit.insert("a page".to_owned()))
    /// };
    /// let page = pages.get_or_insert_with("index", make).await?;
    /// assert_eq!(page.key(), pages.get("index").expect("it is in use").key());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn get_or_insert_with<E, F>(
        &self,
        key: K,
        make: impl FnOnce() -> F,
    ) -> Result<Fb<T, B>, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Fb<T, B>, E>>,
    {
        if self.computations.is_forked() {
            return make().await.map_err(Arc::new);
        }
        let mut make = Some(make);
        loop {
            if let Some(found) = self.get(&key) {
                return Ok(found);
            }
            let (own, mut probed) = (&mut make, None);
            let outcome = self.computations.once(
                key.clone(),
                async || {
                    // It may have been made since.
                    if let Some(found) = self.get(&key) {
                        return Ok(found);
                    }
                    let make = own
                        .take()
                        .expect("only the error of another call is passed over");
                    make().await.map_err(any_error)
                },
                |made| probed = self.publish(&key, made),
            );
            if let Some(outcome) = of_type(outcome.await) {
                return outcome;
            }
        }
    }

    /// The blocking form of [`get_or_insert_with`](Self::get_or_insert_with).
    ///
    /// # Errors
    ///
    /// Same as [`get_or_insert_with`](Self::get_or_insert_with).
    ///
    /// # Blocking
    ///
    /// Runs `make` on this thread, or waits for that of another call.
    pub fn blocking_get_or_insert_with<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<Fb<T, B>, E>,
    ) -> Result<Fb<T, B>, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        if self.computations.is_forked() {
            return make().map_err(Arc::new);
        }
        let mut make = Some(make);
        loop {
            if let Some(found) = self.get(&key) {
                return Ok(found);
            }
            let mut probed = None;
            let outcome = self.computations.blocking_once(
                key.clone(),
                || {
                    // It may have been made since.
                    if let Some(found) = self.get(&key) {
                        return Ok(found);
                    }
                    let make = make
                        .take()
                        .expect("only the error of another call is passed over");
                    make().map_err(any_error)
                },
                |made| probed = self.publish(&key, made),
            );
            if let Some(outcome) = of_type(outcome) {
                return outcome;
            }
        }
    }

    /// A handle to the item of this key, if it is in use and unchanged. Never waits for a
    /// computation.
    pub fn get<Q>(&self, key: &Q) -> Option<Fb<T, B>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.computations.is_forked() {
            return None;
        }
        let entry = self.entries.lock().get(key);
        entry?.upgrade()
    }

    /// Puts an item under this key, with its current value, in place of any other. It
    /// is found there while a handle of it exists and until it is changed.
    ///
    /// Calls that are making an item for the key return theirs, which is not found
    /// afterwards.
    pub fn insert(&self, key: K, item: &Fb<T, B>) {
        if self.computations.is_forked() {
            return;
        }
        let own = key.clone();
        let put = || self.entries.lock().put(key, item);
        drop(self.computations.forget(&own, put));
    }

    /// Removes a key, and returns a handle to its item if it was found. The item itself is
    /// not affected.
    ///
    /// Calls that come later make the item again: they neither join one that is making it
    /// now, nor get what that one makes.
    pub fn remove<Q>(&self, key: &Q) -> Option<Fb<T, B>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.computations.is_forked() {
            return None;
        }
        let remove = || self.entries.lock().remove(key);
        self.computations.forget(key, remove)?.upgrade()
    }

    /// The number of keys whose items are found. Looks at all entries, and sweeps those of
    /// items that are not.
    pub fn len(&self) -> usize {
        if self.computations.is_forked() {
            return 0;
        }
        let mut entries = self.entries.lock();
        let probed = entries.sweep();
        let len = entries.len();
        drop(entries);
        drop(probed);
        len
    }

    /// Whether no key has an item that is found. Costs the same as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(crate) fn computations_are_idle(&self) -> bool {
        self.computations.is_idle()
    }

    /// Enters what a computation has made.
    fn publish(&self, key: &K, made: &Outcome<T, B>) -> Option<entries::Probed<T, B>> {
        let item = made.as_ref().ok()?;
        Some(self.entries.lock().put(key.clone(), item))
    }
}

fn any_error<E: Send + Sync + 'static>(error: E) -> AnyError {
    Arc::new(error)
}

/// `None` if the error is that of a call with another type of errors.
fn of_type<T, B, E>(outcome: Outcome<T, B>) -> Option<Result<Fb<T, B>, Arc<E>>>
where
    B: BackingStoreT,
    E: Send + Sync + 'static,
{
    match outcome {
        Ok(item) => Some(Ok(item)),
        Err(error) => error.downcast().ok().map(Err),
    }
}

impl<K: Clone + Eq + Hash, T, B: BackingStoreT> Default for WeakMap<K, T, B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, T, B: BackingStoreT> fmt::Debug for WeakMap<K, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakMap").finish_non_exhaustive()
    }
}
