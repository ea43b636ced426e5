//! Computing something once for all who want it at the same time (single-flight).

use std::hash::Hash;
use std::sync::{Arc, Weak};

use crate::hash::HashMap;
use crate::process::Process;
use crate::sync::{Mutex, block_on};

/// The computations that are under way, by what they are known by.
///
/// Once a computation has ended, the next call for its id begins another one. So the caller
/// asks first whether there is a result already, and its closure asks again.
pub(crate) struct Computations<I, R> {
    under_way: Mutex<UnderWay<I, R>>,
    process: Process,
}

type UnderWay<I, R> = HashMap<I, Weak<Computation<R>>>;

/// A computation. The caller that has its lock computes; the others wait for the lock.
type Computation<R> = tokio::sync::Mutex<Option<R>>;

impl<I: Clone + Eq + Hash, R: Clone> Computations<I, R> {
    pub(crate) fn new() -> Self {
        Self {
            under_way: Mutex::default(),
            process: Process::current(),
        }
    }

    /// Whether the calling code runs in a forked child, which may wait forever for a lock or
    /// a computation of a thread that it does not have.
    pub(crate) fn is_forked(&self) -> bool {
        self.process.is_forked()
    }

    /// Returns the result of the computation of this id that is under way. If there is none,
    /// computes it, and passes it to `publish`, unless the computation was
    /// [forgotten](Self::forget) meanwhile.
    ///
    /// If the call that computes is dropped, or panics, one of those that wait computes with
    /// its own closure.
    pub(crate) async fn once<F: Future<Output = R>>(
        &self,
        id: I,
        compute: impl FnOnce() -> F,
        publish: impl FnOnce(&R),
    ) -> R {
        let joined = self.join(id);
        let mut result = joined.computation.lock().await;
        if let Some(result) = &*result {
            return result.clone();
        }
        let computed = compute().await;
        joined.end(|| publish(&computed));
        result.insert(computed).clone()
    }

    /// The blocking form of [`once`](Self::once).
    pub(crate) fn blocking_once(
        &self,
        id: I,
        compute: impl FnOnce() -> R,
        publish: impl FnOnce(&R),
    ) -> R {
        let joined = self.join(id);
        let mut result = block_on(joined.computation.lock());
        if let Some(result) = &*result {
            return result.clone();
        }
        let computed = compute();
        joined.end(|| publish(&computed));
        result.insert(computed).clone()
    }

    /// Calls that come from now on begin another computation of this id, and the result of
    /// the one that is under way is not published. Calls `and` under the same lock as
    /// `publish`.
    pub(crate) fn forget<Q, A>(&self, id: &Q, and: impl FnOnce() -> A) -> A
    where
        I: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut all = self.under_way.lock();
        all.remove(id);
        and()
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.lock().is_empty()
    }

    /// Joins the computation of this id, or begins one.
    fn join(&self, id: I) -> Joined<'_, I, R> {
        let mut all = self.under_way.lock();
        let under_way = all.get(&id).and_then(Weak::upgrade);
        let computation = under_way.unwrap_or_else(|| {
            let computation = Arc::default();
            all.insert(id.clone(), Arc::downgrade(&computation));
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
struct Joined<'a, I: Eq + Hash, R> {
    computations: &'a Computations<I, R>,
    id: I,
    computation: Arc<Computation<R>>,
}

impl<I: Eq + Hash, R> Joined<'_, I, R> {
    /// Calls that come from now on begin another computation. Calls `publish` if the
    /// computation was not forgotten before.
    fn end(&self, publish: impl FnOnce()) {
        // The locks may have been held by a thread that a forked child does not have.
        if self.computations.process.is_forked() {
            return;
        }
        let mut all = self.computations.under_way.lock();
        if self.remove_from(&mut all) {
            publish();
        }
    }

    /// Returns whether it was there.
    fn remove_from(&self, all: &mut UnderWay<I, R>) -> bool {
        let own = Arc::as_ptr(&self.computation);
        let known = all.get(&self.id);
        let is_known = known.is_some_and(|known| known.as_ptr() == own);
        if is_known {
            all.remove(&self.id);
        }
        is_known
    }
}

impl<I: Eq + Hash, R> Drop for Joined<'_, I, R> {
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
