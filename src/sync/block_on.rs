//! Blocks the calling thread on a future.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
#[cfg(feature = "dataset")]
use std::time::Instant;

/// Polls a future to completion, and parks the thread in between.
///
/// The parker is made for each call. A parker in a thread-local would be gone in the
/// destructors of other thread-locals, which may drop or commit what they hold.
#[cfg(not(shuttle))]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => parker.park(),
        }
    }
}

/// Polls a future to completion, at most until `deadline`. Returns `None` if it was not
/// complete by then.
#[cfg(feature = "dataset")]
pub(crate) fn block_on_until<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let Some(deadline) = deadline else {
        return Some(super::block_on(future));
    };
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if Instant::now() >= deadline {
            return None;
        }
        parker.park_deadline(deadline);
    }
}
