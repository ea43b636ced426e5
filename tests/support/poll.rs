//! Futures polled by hand, and dropped at each point where they wait.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::{Condvar, Mutex};

/// A future that a test polls itself.
pub(crate) struct ByHand<F: Future> {
    future: Pin<Box<F>>,
    signal: Arc<Signal>,
}

#[derive(Default)]
struct Signal {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.woken.lock() = true;
        self.changed.notify_all();
    }
}

impl<F: Future> ByHand<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            signal: Arc::default(),
        }
    }

    /// A future that was polled once, and waits.
    pub(crate) fn waiting(future: F) -> Self {
        let mut waiting = Self::new(future);
        assert!(waiting.poll().is_pending());
        waiting
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        *self.signal.woken.lock() = false;
        let waker = Waker::from(self.signal.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Waits until the future asks to be polled again.
    pub(crate) fn wait_until_woken(&self) {
        let mut woken = self.signal.woken.lock();
        while !*woken {
            self.signal.changed.wait(&mut woken);
        }
    }

    /// Polls to the end.
    pub(crate) fn finish(mut self) -> F::Output {
        loop {
            if let Poll::Ready(output) = self.poll() {
                return output;
            }
            self.wait_until_woken();
        }
    }
}

/// Where a future is dropped: after so many polls, and then either at once or
/// when it has been woken and not been polled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) polls: usize,
    pub(crate) woken: bool,
}

impl Stop {
    /// Takes the future to this stop and drops it there. `release` lets the
    /// work go on that the future waits for: it is called as soon as going on
    /// needs it. True if the future has ended before, or has only the last poll
    /// before it.
    pub(crate) fn drop_there<F: Future>(self, future: F, release: impl Fn()) -> bool {
        let mut future = ByHand::new(future);
        for poll in 0..self.polls {
            if poll > 0 {
                release();
                future.wait_until_woken();
            }
            if future.poll().is_ready() {
                return true;
            }
        }
        if self.woken && self.polls > 0 {
            release();
            future.wait_until_woken();
        }
        false
    }
}

/// Runs `scenario`, which says whether its future came to its end, for each stop.
pub(crate) fn each_stop(mut scenario: impl FnMut(Stop) -> bool) {
    let mut polls = 0;
    loop {
        let ended = scenario(Stop {
            polls,
            woken: false,
        });
        if ended {
            assert!(polls > 0, "a future ends with a poll");
            return;
        }
        if polls > 0 {
            scenario(Stop { polls, woken: true });
        }
        polls += 1;
        assert!(polls < 100, "the future never ends");
    }
}
