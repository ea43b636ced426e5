//! A gate before the calls of one kind.

use std::sync::Arc;

use super::sync::monitor::{Condvar, Mutex};

/// Holds calls back until it is opened, or dropped.
pub(crate) struct Gate(pub(super) Arc<Barrier>);

#[derive(Default)]
pub(super) struct Barrier {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrived: usize,
    open: bool,
}

impl Gate {
    /// Waits until so many calls have arrived.
    pub(crate) fn wait_for(&self, calls: usize) {
        let mut state = self.0.state.lock();
        while state.arrived < calls {
            self.0.changed.wait(&mut state);
        }
    }

    /// Lets every call through, those that are held and those that come.
    pub(crate) fn open(&self) {
        self.0.state.lock().open = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Barrier {
    /// A call arrives and waits.
    pub(super) fn pass(&self) {
        let mut state = self.state.lock();
        state.arrived += 1;
        self.changed.notify_all();
        while !state.open {
            self.changed.wait(&mut state);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.lock().open
    }
}
