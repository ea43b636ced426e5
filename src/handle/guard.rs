//! Guards: borrowed values, which stay in memory while the guard lives.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::Fb;
use crate::backing_store::Strategy;
use crate::pool::{FBPool, Permit};
use crate::residency::{Item, ValueRef};

/// A shared borrow of a handle's value.
///
/// The value stays in memory while the guard lives, even if the pool evicts the
/// item or its file is deleted or replaced. A guard of a value in memory takes no lock and
/// counts no reference while the process has at most 128 guards, or 32 for each processor if
/// it has more than four, and never more than 1 024; each further one does both, which takes
/// some ten times as long. Of those that are held for long, make
/// [owned ones](Fb::read_owned), which do not count.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::fbstore::BinCodec;
/// use file_backed::{FBPool, ReadGuard};
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 0).await?;
/// let item = pool.insert("a value".to_owned());
/// let guard: ReadGuard<'_, String, _> = item.read().await?;
/// assert_eq!(guard.len(), 7); // a guard derefs to the value
/// assert_eq!(format!("{guard}"), "a value"); // and prints like it
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
///
/// A guard cannot outlive its handle:
///
/// ```compile_fail,E0505
/// # fn example<B: file_backed::backing_store::Strategy<String>>(item: file_backed::Fb<String, B>) {
/// let guard = item.blocking_load();
/// drop(item);
/// println!("{}", *guard);
/// # }
/// ```
#[must_use = "the value may be evicted as soon as the guard is dropped"]
pub struct ReadGuard<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    // Declared before `user`, so it is dropped first; `user` then checks the item.
    value: ValueRef<'a, T>,
    user: User<'a, T, B>,
}

/// A shared borrow of a value, in a guard that is `'static`.
///
/// Like [`ReadGuard`], it keeps the value in memory, even after the last handle
/// is dropped. While it lives, a change of the item copies the value first.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::FBPool;
/// use file_backed::fbstore::BinCodec;
///
/// let pool: Arc<FBPool<Vec<u64>, _>> = FBPool::temp(BinCodec, 10).await?;
/// let numbers = pool.insert(vec![1, 2, 3]);
///
/// let guard = numbers.read_owned().await?; // from `Fb::read_owned`
/// let sum = tokio::task::spawn_blocking(move || guard.iter().sum::<u64>());
/// assert_eq!(sum.await.expect("it does not panic"), 6);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "the value may be evicted as soon as the guard is dropped"]
pub struct OwnedReadGuard<T: Send + Sync + 'static, B: Strategy<T>> {
    /// `Some` until the guard is dropped.
    value: Option<Arc<T>>,
    pool: Arc<FBPool<T, B>>,
    item: Arc<Item<T, B>>,
}

/// A shared borrow of a part of a value; from [`ReadGuard::map`].
///
/// Every access calls the projection again.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::ops::Deref;
/// use std::sync::Arc;
/// use file_backed::fbstore::{BinCodec, FBStore};
/// use file_backed::{FBPool, Fb, ReadGuard, Result};
///
/// type Store = FBStore<BinCodec>;
/// type Person = (String, u32);
///
/// /// Hides from the caller what a person consists of.
/// async fn name(person: &Fb<Person, Store>) -> Result<impl Deref<Target = str>> {
///     Ok(ReadGuard::map(person.read().await?, |person| &*person.0))
/// }
///
/// let pool: Arc<FBPool<Person, Store>> = FBPool::temp(BinCodec, 100).await?;
/// let person = pool.insert(("Ada".to_owned(), 36));
/// assert_eq!(&*name(&person).await?, "Ada");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "the value may be evicted as soon as the guard is dropped"]
pub struct MappedReadGuard<'a, T: Send + Sync + 'static, B: Strategy<T>, U: ?Sized, F> {
    guard: ReadGuard<'a, T, B>,
    part: F,
    target: PhantomData<fn(&T) -> &U>,
}

/// A mutable borrow of a handle's value.
///
/// Dropping the guard, also while panicking, checks the value back in: the item
/// is then dirty, that is, in memory and in no file. Leaking the guard loses the
/// value, and every later access fails with
/// [`Error::is_leaked_guard`](crate::Error::is_leaked_guard). The room of its
/// [permit](crate::Permit::write), if it has one, is lost too.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::fbstore::BinCodec;
/// use file_backed::{FBPool, WriteGuard};
///
/// let pool: Arc<FBPool<Vec<u64>, _>> = FBPool::temp(BinCodec, 100).await?;
/// let mut numbers = pool.insert(vec![3, 1, 2]);
///
/// let mut guard: WriteGuard<'_, Vec<u64>, _> = numbers.write().await?;
/// guard.push(0);
/// guard.sort_unstable(); // a guard derefs to the value
/// drop(guard); // checks the changed value in
///
/// assert_eq!(*numbers.read().await?, [0, 1, 2, 3]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[must_use = "dropping the guard ends the change"]
pub struct WriteGuard<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    handle: &'a mut Fb<T, B>,
    /// `Some` until the guard is dropped, and the only reference to the value.
    value: Option<Arc<T>>,
    /// The room that the changed value takes.
    permit: Option<Permit<T, B>>,
}

/// A reader of an item. It is dropped after the value, and completes the eviction
/// if the budget evicted the item meanwhile.
struct User<'a, T: Send + Sync + 'static, B: Strategy<T>>(&'a Fb<T, B>);

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> ReadGuard<'a, T, B> {
    #[inline]
    pub(crate) fn new(handle: &'a Fb<T, B>, value: ValueRef<'a, T>) -> Self {
        Self {
            value,
            user: User(handle),
        }
    }

    /// Borrows a part of the value. `part` runs at every access and must return the
    /// same part each time.
    ///
    /// This is an associated function so that it does not hide a method of the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::fbstore::BinCodec;
    /// use file_backed::{FBPool, ReadGuard};
    ///
    /// let pool: Arc<FBPool<(String, u64), _>> = FBPool::temp(BinCodec, 100).await?;
    /// let pair = pool.insert(("answer".to_owned(), 42));
    /// let number = ReadGuard::map(pair.read().await?, |pair| &pair.1);
    /// assert_eq!(*number, 42);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn map<U: ?Sized, F: Fn(&T) -> &U>(
        guard: Self,
        part: F,
    ) -> MappedReadGuard<'a, T, B, U, F> {
        MappedReadGuard {
            guard,
            part,
            target: PhantomData,
        }
    }

    pub(crate) fn into_owned(self) -> OwnedReadGuard<T, B> {
        let handle = self.user.0;
        OwnedReadGuard {
            pool: handle.pool().clone(),
            item: handle.item().clone(),
            value: Some(self.value.into_counted()),
        }
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Deref for ReadGuard<'_, T, B> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Drop for User<'_, T, B> {
    #[inline]
    fn drop(&mut self) {
        self.0.pool().user_gone(self.0.item());
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Deref for OwnedReadGuard<T, B> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
            .as_ref()
            .expect("the guard has its value until it is dropped")
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Drop for OwnedReadGuard<T, B> {
    fn drop(&mut self) {
        // The value goes first, as in `ReadGuard`.
        let value = self.value.take();
        self.pool.drop_reference(value);
        self.pool.user_gone(&self.item);
    }
}

impl<T, B, U, F> Deref for MappedReadGuard<'_, T, B, U, F>
where
    T: Send + Sync + 'static,
    B: Strategy<T>,
    U: ?Sized,
    F: Fn(&T) -> &U,
{
    type Target = U;

    fn deref(&self) -> &U {
        (self.part)(&self.guard)
    }
}

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> WriteGuard<'a, T, B> {
    pub(crate) fn new(handle: &'a mut Fb<T, B>, value: Arc<T>) -> Self {
        Self {
            handle,
            value: Some(value),
            permit: None,
        }
    }

    pub(crate) fn with_permit(mut self, permit: Permit<T, B>) -> Self {
        self.permit = Some(permit);
        self
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Deref for WriteGuard<'_, T, B> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
            .as_ref()
            .expect("the guard has its value until it is dropped")
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> DerefMut for WriteGuard<'_, T, B> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self
            .value
            .as_mut()
            .expect("the guard has its value until it is dropped");
        Arc::get_mut(value).expect("a checked-out value has no other owner")
    }
}

impl<T: Send + Sync + 'static, B: Strategy<T>> Drop for WriteGuard<'_, T, B> {
    fn drop(&mut self) {
        let value = self
            .value
            .take()
            .expect("the guard has its value until it is dropped");
        let weight = self.handle.pool().check_in(self.handle.item(), value);
        // Only now: the value is counted before its permit no longer is.
        if let Some(permit) = self.permit.take() {
            permit.used_for(weight);
        }
    }
}

impl<T: fmt::Debug + Send + Sync + 'static, B: Strategy<T>> fmt::Debug for ReadGuard<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug + Send + Sync + 'static, B: Strategy<T>> fmt::Debug for OwnedReadGuard<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug + Send + Sync + 'static, B: Strategy<T>> fmt::Debug for WriteGuard<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, B, U, F> fmt::Debug for MappedReadGuard<'_, T, B, U, F>
where
    T: Send + Sync + 'static,
    B: Strategy<T>,
    U: ?Sized + fmt::Debug,
    F: Fn(&T) -> &U,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display + Send + Sync + 'static, B: Strategy<T>> fmt::Display for ReadGuard<'_, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display + Send + Sync + 'static, B: Strategy<T>> fmt::Display
    for OwnedReadGuard<T, B>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display + Send + Sync + 'static, B: Strategy<T>> fmt::Display
    for WriteGuard<'_, T, B>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, B, U, F> fmt::Display for MappedReadGuard<'_, T, B, U, F>
where
    T: Send + Sync + 'static,
    B: Strategy<T>,
    U: ?Sized + fmt::Display,
    F: Fn(&T) -> &U,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
