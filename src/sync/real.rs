//! The real primitives.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::runtime::{EnterGuard, Handle};

pub(crate) use super::thread_state::{
    STATES_ARE_KNOWN, ThreadId, ThreadState, state_of, thread_id,
};
pub(crate) use event_listener::{Event, EventListener, Listener, listener};
pub(crate) use parking_lot::{Mutex, MutexGuard};
pub(crate) use std::sync::atomic;
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

/// The primitives beneath a [`monitor`](super::monitor).
pub(super) mod locks {
    use std::sync::PoisonError;
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

    use super::Instant;

    /// Returns true if the wait timed out.
    pub(crate) fn wait_until<'a, T>(
        condvar: &Condvar,
        _: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        let rest = deadline.saturating_duration_since(Instant::now());
        let waited = condvar.wait_timeout(guard, rest);
        let (guard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (guard, waited.timed_out())
    }
}

/// A point at which a model checker may switch threads.
#[inline(always)]
pub(crate) fn point() {}

pub(crate) fn spawn_thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(body).map(drop)
}

pub(crate) fn spawn_blocking(runtime: &Handle, body: impl FnOnce() + Send + 'static) {
    drop(runtime.spawn_blocking(body));
}

pub(crate) fn enter(runtime: &Handle) -> EnterGuard<'_> {
    runtime.enter()
}

/// Whether a poll of an async task may do more work, of some microseconds, on this thread.
/// Outside of tokio that is not counted, so the answer is no.
pub(crate) fn has_poll_budget() -> bool {
    Handle::try_current().is_ok() && tokio::task::coop::has_budget_remaining()
}

/// Lets the executor run other tasks, once, if the poll of this one may do no more work.
pub(crate) async fn yield_without_poll_budget() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded || tokio::task::coop::has_budget_remaining() {
            return Poll::Ready(());
        }
        has_yielded = true;
        // Wakes the task, because there is no budget.
        pin!(tokio::task::consume_budget()).poll(context)
    })
    .await;
}

/// Takes units from what the poll of the current task may still do, as many as there are.
pub(crate) fn spend_poll_budget(context: &mut Context<'_>, units: u32) {
    for _ in 0..units {
        if !tokio::task::coop::has_budget_remaining() {
            return;
        }
        // Ready at once, because there is budget.
        let _ = pin!(tokio::task::consume_budget()).poll(context);
    }
}
