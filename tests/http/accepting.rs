//! A failure to accept a connection does not stop the server. The clock is paused, and
//! advances when every task waits for it.

use std::future::ready;
use std::io::{Error, ErrorKind, Result};

use tokio::time::{Duration, Instant};

use crate::server::{PAUSE, accepted};

/// What is accepted after these, and how much later.
async fn after(errors: impl IntoIterator<Item = Error>) -> (&'static str, Duration) {
    let mut results = errors.into_iter().map(Err);
    let accept = || ready(results.next().unwrap_or(Ok("a connection")) as Result<_>);
    let before = Instant::now();
    (accepted(accept).await, before.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_does_not_stop_the_server() {
    let gone = [
        ErrorKind::ConnectionAborted,
        ErrorKind::ConnectionRefused,
        ErrorKind::ConnectionReset,
    ];
    let gone = gone.map(Error::from);
    assert_eq!(after(gone).await, ("a connection", Duration::ZERO));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn the_server_waits_until_descriptors_are_free() {
    use rustix::io::Errno;

    let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let short = short.map(Error::from);
    assert_eq!(after(short).await, ("a connection", 4 * PAUSE));
}
