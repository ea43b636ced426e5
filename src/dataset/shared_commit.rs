//! Commits that concurrent callers share.
//!
//! A put waits for the turn to commit together with all others that wait. The one that gets
//! the turn makes one commit of all of them, as databases do (group commit). If that fails,
//! each is tried again by itself, so that one that cannot succeed does not fail the others.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;

use super::history::History;
use super::manifest::Name;
use super::{Committed, Dataset, Editor};
use crate::backing_store::{ManifestStore, PreparedTask, Strategy};
use crate::error::Operation;
use crate::process::Process;
use crate::sync::block_on;
use crate::{Error, Fb, Result};

/// The puts that wait for a commit.
pub(super) struct WaitingPuts<Root, B: ManifestStore> {
    waiting: Mutex<Vec<Arc<Put<Root, B>>>>,
    process: Process,
}

struct Put<Root, B: ManifestStore> {
    apply: Box<Apply<Root, B>>,
    state: Mutex<State>,
}

type Apply<Root, B> = dyn Fn(&mut Editor<'_, Root, B>) -> Result<()> + Send + Sync;

#[derive(Clone)]
enum State {
    /// It is among those that wait.
    Waits,
    /// A commit with it has begun.
    Begun,
    /// A commit with it and others has failed.
    Alone,
    Done(Result<()>),
}

/// What becomes of another item that has the name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    IsReplaced,
    /// The put does nothing.
    Stays,
}

/// What the caller who has the turn does for its put.
enum Step<B: ManifestStore> {
    Done(Result<()>),
    Commit(PreparedTask<Committed, B>),
    CleanUp(PreparedTask<(), B>),
}

impl<Root, B> Dataset<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Puts an item under a name, durably. It is an [edit](Self::edit) with one
    /// [`put_named`](Editor::put_named), but concurrent calls share a commit: so a hundred of
    /// them take little longer than one.
    ///
    /// # Errors
    ///
    /// Same as [`Editor::put_named`] and [`commit`](Self::commit).
    ///
    /// # Cancel safety
    ///
    /// Before its commit has begun, dropping the future changes nothing. After that, the
    /// commit continues in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::Dataset;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::FBPool;
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    ///
    /// let (a, b) = (pool.insert("one".to_owned()), pool.insert("two".to_owned()));
    /// tokio::try_join!(notes.put_named("a", &a), notes.put_named("b", &b))?;
    /// assert_eq!(notes.names().len(), 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn put_named<T>(&self, name: &str, item: &Fb<T, B>) -> Result<()>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        self.put_in_turn(name, item, Taken::IsReplaced).await
    }

    pub(super) async fn put_in_turn<T>(
        &self,
        name: &str,
        item: &Fb<T, B>,
        taken: Taken,
    ) -> Result<()>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let waiting = self.wait_to_put(name, item, taken)?;
        loop {
            let turn = self.shared.turn.clone().lock_owned().await;
            let ended = match self.next_step(turn, &waiting.put) {
                Step::Done(done) => return done,
                Step::Commit(committing) => committing.start().await.map(drop),
                Step::CleanUp(cleaning) => cleaning.start().await,
            };
            if let Some(done) = waiting.put.after(ended) {
                return done;
            }
        }
    }

    /// The blocking form of [`put_named`](Self::put_named).
    ///
    /// # Errors
    ///
    /// Same as [`put_named`](Self::put_named).
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_commit`](Self::blocking_commit).
    pub fn blocking_put_named<T>(&self, name: &str, item: &Fb<T, B>) -> Result<()>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        self.blocking_put_in_turn(name, item, Taken::IsReplaced)
    }

    pub(super) fn blocking_put_in_turn<T>(
        &self,
        name: &str,
        item: &Fb<T, B>,
        taken: Taken,
    ) -> Result<()>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        let waiting = self.wait_to_put(name, item, taken)?;
        loop {
            let turn = block_on(self.shared.turn.clone().lock_owned());
            let ended = match self.next_step(turn, &waiting.put) {
                Step::Done(done) => return done,
                Step::Commit(committing) => committing.wait().map(drop),
                Step::CleanUp(cleaning) => cleaning.wait(),
            };
            if let Some(done) = waiting.put.after(ended) {
                return done;
            }
        }
    }

    fn wait_to_put<T>(
        &self,
        name: &str,
        item: &Fb<T, B>,
        taken: Taken,
    ) -> Result<Waiting<'_, Root, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        self.shared.check_writable()?;
        let path = &self.shared.path;
        let name = Name::new(name).map_err(|cause| path.error(Operation::Commit, cause))?;
        path.check_store(item.pool().store(), Operation::Commit, Some(item.key()))?;
        let item = item.clone();
        let put = Arc::new(Put {
            apply: Box::new(move |edit| {
                let is_taken = edit.key_named::<T>(name.as_str()).is_some();
                match is_taken && taken == Taken::Stays {
                    true => Ok(()),
                    false => edit.put_named(name.as_str(), &item).map(drop),
                }
            }),
            state: Mutex::new(State::Waits),
        });
        let puts = &self.shared.puts;
        puts.waiting.lock().push(put.clone());
        Ok(Waiting { puts, put })
    }

    /// Begins a commit of this put, together with those that wait, unless another caller's
    /// commit had it.
    fn next_step(&self, turn: OwnedMutexGuard<History>, put: &Arc<Put<Root, B>>) -> Step<B> {
        let state = put.state.lock().clone();
        let puts = match state {
            State::Done(done) => return Step::Done(done),
            State::Waits => self.shared.puts.take(),
            // A commit that has begun and told nothing has failed in a panic.
            State::Begun | State::Alone => vec![put.clone()],
        };
        if let Err(error) = turn.check_not_overtaken() {
            tell(&puts, &Err(error.clone()));
            return Step::Done(Err(error));
        }
        for put in &puts {
            *put.state.lock() = State::Begun;
        }
        let puts = Arc::new(puts);
        let told = puts.clone();
        let committed = move |committed: &Result<Committed>| {
            tell(&told, &committed.as_ref().map(drop).map_err(Error::clone));
        };
        let apply =
            |edit: &mut Editor<'_, Root, B>| puts.iter().try_for_each(|put| (put.apply)(edit));
        match self.begin(turn, |saver| self.run_edit(saver, apply), committed) {
            Ok(((), committing)) => Step::Commit(committing),
            Err((error, cleaning)) => {
                tell(&puts, &Err(error));
                Step::CleanUp(cleaning)
            }
        }
    }
}

/// Tells the puts of a commit how it ended.
fn tell<Root, B: ManifestStore>(puts: &[Arc<Put<Root, B>>], ended: &Result<()>) {
    for put in puts {
        *put.state.lock() = match ended {
            Err(_) if puts.len() > 1 => State::Alone,
            ended => State::Done(ended.clone()),
        };
    }
}

impl<Root, B: ManifestStore> WaitingPuts<Root, B> {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            process: Process::current(),
        }
    }

    fn take(&self) -> Vec<Arc<Put<Root, B>>> {
        std::mem::take(&mut *self.waiting.lock())
    }
}

impl<Root, B: ManifestStore> Put<Root, B> {
    /// How the put has ended, after a commit with it; `None` if it is to be tried again.
    fn after(&self, ended: Result<()>) -> Option<Result<()>> {
        match &*self.state.lock() {
            State::Done(done) => Some(done.clone()),
            // The commit panicked, or there is no thread to run it.
            State::Begun => ended.err().map(Err),
            State::Waits | State::Alone => None,
        }
    }
}

/// A put that waits while its caller does.
struct Waiting<'a, Root, B: ManifestStore> {
    puts: &'a WaitingPuts<Root, B>,
    put: Arc<Put<Root, B>>,
}

impl<Root, B: ManifestStore> Drop for Waiting<'_, Root, B> {
    fn drop(&mut self) {
        // Its lock may have been held by a thread that a forked child does not have.
        if self.puts.process.is_forked() {
            return;
        }
        // What is removed is not the last reference, so no item is dropped under the lock.
        let mut waiting = self.puts.waiting.lock();
        waiting.retain(|put| !Arc::ptr_eq(put, &self.put));
    }
}
