//! An event that listeners wait for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::monitor::{Condvar, Mutex};

/// Notifies listeners in the order in which they were added. A listener that is dropped
/// after its notification, but before it noticed, passes the notification on to the
/// next.
#[derive(Default)]
pub(crate) struct Event(Arc<Shared>);

#[derive(Default)]
struct Shared {
    listeners: Mutex<Listeners>,
    notified: Condvar,
}

#[derive(Default)]
struct Listeners {
    last: u64,
    entries: Vec<Entry>,
}

struct Entry {
    number: u64,
    notified: bool,
    waker: Option<Waker>,
}

pub(crate) struct EventListener {
    shared: Arc<Shared>,
    number: u64,
}

/// The real `EventListener` has `wait` in a trait of this name.
pub(crate) trait Listener {
    fn wait(self);
}

macro_rules! listener {
    ($event:expr => $name:ident) => {
        let $name = $event.listen();
    };
}
pub(crate) use listener;

impl Event {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn listen(&self) -> EventListener {
        let mut listeners = self.0.listeners.lock();
        listeners.last += 1;
        let number = listeners.last;
        listeners.entries.push(Entry {
            number,
            notified: false,
            waker: None,
        });
        EventListener {
            shared: self.0.clone(),
            number,
        }
    }

    /// Ensures that the first `most` listeners are notified.
    pub(crate) fn notify(&self, most: usize) {
        self.0.notify(most);
    }
}

impl Shared {
    fn notify(&self, most: usize) {
        let mut listeners = self.listeners.lock();
        let mut wakers = Vec::new();
        for entry in listeners.entries.iter_mut().take(most) {
            entry.notified = true;
            wakers.extend(entry.waker.take());
        }
        drop(listeners);
        self.notified.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Listeners {
    fn entry(&mut self, number: u64) -> &mut Entry {
        let mut entries = self.entries.iter_mut();
        let entry = entries.find(|entry| entry.number == number);
        entry.expect("a listener is entered until it has noticed")
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.number == number)?;
        Some(self.entries.remove(at))
    }
}

impl Listener for EventListener {
    fn wait(self) {
        let mut listeners = self.shared.listeners.lock();
        while !listeners.entry(self.number).notified {
            self.shared.notified.wait(&mut listeners);
        }
        listeners.remove(self.number);
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut listeners = self.shared.listeners.lock();
        let entry = listeners.entry(self.number);
        if !entry.notified {
            entry.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        listeners.remove(self.number);
        Poll::Ready(())
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        let entry = self.shared.listeners.lock().remove(self.number);
        if entry.is_some_and(|entry| entry.notified) {
            self.shared.notify(1);
        }
    }
}
