//! The time limit of a test.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Far more than any test takes: it only keeps one that hangs from hanging the
/// whole run.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test's body.
#[track_caller]
pub(crate) fn test(body: impl FnOnce() + Send + 'static) {
    let (done, ended) = channel::<()>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let body = thread::Builder::new()
        .name(name)
        .spawn(move || {
            let _done = done;
            body();
        })
        .expect("a thread");
    // Disconnected when the body has ended, by a panic too.
    if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
        panic!("the test has not ended within {LIMIT:?}: it hangs");
    }
    if let Err(panic) = body.join() {
        resume_unwind(panic);
    }
}
