//! Names from 0.6: calls that panic where the others return an error, saves that are
//! awaited twice, and [`sanitize_path`].
//!
//! Each is one line around a call with another name.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use crate::backing_store::{Strategy, Task, TrackedPath};
use crate::error::or_panic;
use crate::fbstore::{FBStore, PreparedPath, keys_in};
use crate::handle::{Read, ReadOrPanic};
use crate::{Fb, OwnedReadGuard, ReadGuard, Result, WriteGuard};

/// # Names from 0.6
impl<T: Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Like [`read`](Self::read), but panics on failure. Use it where a failure
    /// would be a bug in the program.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`read`](Self::read) would return an error.
    ///
    /// # Cancel safety
    ///
    /// Same as [`read`](Self::read).
    #[inline]
    pub fn load(&self) -> impl Future<Output = ReadGuard<'_, T, B>> + Send {
        ReadOrPanic(Read::new(self))
    }

    /// Like [`blocking_read`](Self::blocking_read), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`blocking_read`](Self::blocking_read) would return
    /// an error.
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_read`](Self::blocking_read).
    #[inline]
    pub fn blocking_load(&self) -> ReadGuard<'_, T, B> {
        match self.hit() {
            Some(guard) => guard,
            None => or_panic(self.blocking_miss()),
        }
    }

    /// Borrows the value from synchronous code inside a task of a multi-threaded
    /// runtime. A value that is not in memory is loaded within
    /// [`tokio::task::block_in_place`]. Prefer [`load`](Self::load) where you can.
    ///
    /// # Panics
    ///
    /// With the error's text, if the value cannot be loaded. Also if the value is
    /// not in memory and the call is made in a task of a current-thread runtime.
    ///
    /// # Blocking
    ///
    /// Blocks the thread, but not the executor.
    pub fn load_in_place(&self) -> ReadGuard<'_, T, B> {
        match self.try_load() {
            Some(guard) => guard,
            None => tokio::task::block_in_place(|| self.blocking_load()),
        }
    }

    /// Like [`read_owned`](Self::read_owned), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`read_owned`](Self::read_owned) would return an
    /// error.
    ///
    /// # Cancel safety
    ///
    /// Same as [`read`](Self::read).
    pub async fn load_owned(&self) -> OwnedReadGuard<T, B> {
        or_panic(self.read_owned().await)
    }

    /// Like [`write_now`](Self::write_now), whose task is returned by a future.
    ///
    /// # Errors
    ///
    /// Same as [`write_now`](Self::write_now).
    ///
    /// # Cancel safety
    ///
    /// The first poll queues the write, which then continues by itself.
    pub async fn spawn_write_now(&self) -> Task<()> {
        self.write_now()
    }

    /// Like [`persist`](Self::persist), whose task is returned by a future: the first
    /// `.await` begins the save, the second one waits for it.
    ///
    /// # Errors
    ///
    /// Same as [`persist`](Self::persist).
    ///
    /// # Cancel safety
    ///
    /// The first poll begins the save, which then continues by itself.
    pub async fn spawn_persist(&self, path: &Arc<TrackedPath<B::PersistPath>>) -> Task<()> {
        self.persist(path)
    }

    /// Like [`write`](Self::write), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`write`](Self::write) would return an error.
    ///
    /// # Cancel safety
    ///
    /// Same as [`write`](Self::write).
    pub async fn load_mut(&mut self) -> WriteGuard<'_, T, B> {
        or_panic(self.write().await)
    }

    /// Like [`blocking_write`](Self::blocking_write), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`blocking_write`](Self::blocking_write) would
    /// return an error.
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_write`](Self::blocking_write).
    pub fn blocking_load_mut(&mut self) -> WriteGuard<'_, T, B> {
        or_panic(self.blocking_write())
    }

    /// Like [`try_write`](Self::try_write), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`try_write`](Self::try_write) would return an error.
    pub fn try_load_mut(&mut self) -> Option<WriteGuard<'_, T, B>> {
        or_panic(self.try_write())
    }
}

/// # Names from 0.6
impl<T: Clone + Send + Sync + 'static, B: Strategy<T>> Fb<T, B> {
    /// Like [`make_write`](Self::make_write), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`make_write`](Self::make_write) would return an
    /// error.
    ///
    /// # Cancel safety
    ///
    /// Same as [`make_write`](Self::make_write).
    pub async fn make_mut(self: &mut Arc<Self>) -> WriteGuard<'_, T, B> {
        or_panic(self.make_write().await)
    }

    /// Like [`blocking_make_write`](Self::blocking_make_write), but panics on
    /// failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if
    /// [`blocking_make_write`](Self::blocking_make_write) would return an error.
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_make_write`](Self::blocking_make_write).
    pub fn blocking_make_mut(self: &mut Arc<Self>) -> WriteGuard<'_, T, B> {
        or_panic(self.blocking_make_write())
    }
}

/// # Names from 0.6
impl PreparedPath {
    /// Like [`open`](Self::open), but panics on failure. `ignored` lists names that
    /// belong to the program: a scan skips them silently.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`open`](Self::open) would return an error.
    ///
    /// # Cancel safety
    ///
    /// Same as [`open`](Self::open).
    pub async fn new(path: PathBuf, ignored: Vec<&'static str>) -> Self {
        or_panic(Self::builder().ignore_all(ignored).open(path).await)
    }

    /// Like [`blocking_open`](Self::blocking_open), but panics on failure. `ignored` lists
    /// names that belong to the program: a scan skips them silently.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`blocking_open`](Self::blocking_open) would return an
    /// error.
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_open`](Self::blocking_open).
    pub fn blocking_new(path: PathBuf, ignored: Vec<&'static str>) -> Self {
        or_panic(Self::builder().ignore_all(ignored).blocking_open(path))
    }
}

/// # Names from 0.6
impl<C> FBStore<C> {
    /// Like [`open`](Self::open), but panics on failure.
    ///
    /// # Panics
    ///
    /// With the error's text, if [`open`](Self::open) would return an error.
    ///
    /// # Blocking
    ///
    /// Same as [`open`](Self::open).
    pub fn new(codec: C, path: PreparedPath) -> Self {
        or_panic(Self::open(codec, path))
    }
}

/// Finds the keys whose files are in `path`. Names that are not the library's are
/// reported through `tracing` and left alone: since 0.7, nothing is removed.
///
/// # Errors
///
/// If a directory cannot be read.
///
/// # Blocking
///
/// Reads 256 directories.
pub fn sanitize_path(path: &PreparedPath) -> Result<Vec<Uuid>> {
    keys_in(path)
}
