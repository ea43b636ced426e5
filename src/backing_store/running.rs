//! What the calling thread is running, so that nothing waits for its own end.
//!
//! User code that the library calls, such as a codec, may use the library in turn. If it
//! waits for the very load or write that it is part of, it would wait forever. So a thread
//! notes what it runs, and each wait is preceded by a look at these notes. A note
//! costs nothing where no store is called, as in a hit.
//!
//! A wait for another thread that waits for this one is not seen.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::sync::thread_local;

thread_local! {
    /// The addresses of what this thread runs, the innermost last.
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes that this thread runs `what`, until the result is dropped. Notes end in the
/// reverse order of their beginnings.
#[must_use = "the note ends when it is dropped"]
pub(crate) fn note<R>(what: &R) -> Note<'_> {
    // In a thread that is ending, the thread-local is gone, and nothing is noted.
    let noted = RUNNING.try_with(|running| running.borrow_mut().push(address(what)));
    Note {
        is_noted: noted.is_ok(),
        what: PhantomData,
        thread: PhantomData,
    }
}

/// Whether this thread runs `what`.
pub(crate) fn is_running<R>(what: &R) -> bool {
    let found = RUNNING.try_with(|running| running.borrow().contains(&address(what)));
    found.unwrap_or(false)
}

pub(crate) struct Note<'a> {
    is_noted: bool,
    /// What is noted lives, so nothing else has its address.
    what: PhantomData<&'a ()>,
    /// It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if self.is_noted {
            let _ = RUNNING.try_with(|running| running.borrow_mut().pop());
        }
    }
}

fn address<R>(what: &R) -> usize {
    std::ptr::from_ref(what).addr()
}
