//! Connections over HTTP/1.1: accepted, served, and brought to their end.
//!
//! Left to a proxy in front: TLS, a bound on the number of connections, and
//! clients that take their time to read.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time;

use super::answer::{Blobs, answer};

/// How long to wait for a file descriptor before another try to accept.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Answers whoever connects, until `stop` is ready. Then nobody else can
/// connect, idle connections are closed, and requests in flight are answered for
/// as long as `drain`; what is open after that is cut off. No connection is left
/// when this returns.
pub(crate) async fn serve(
    listener: TcpListener,
    blobs: Arc<Blobs>,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            (stream, _) = accepted(|| listener.accept()) => {
                connections.spawn(serve_one(stream, Arc::clone(&blobs), graceful.watcher()));
            }
            // Forgets what has ended. It has freed a descriptor, so that a pause
            // in accepting is over too.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    tracing::info!("shutting down: finishing requests in flight");
    if time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("closing connections that took longer than {drain:?}");
    }
    connections.shutdown().await;
}

/// What the next call gives that does not fail: no failure to accept is the last
/// word, because connections that end free what was short.
pub(crate) async fn accepted<S, F>(mut accept: impl FnMut() -> F) -> S
where
    F: Future<Output = io::Result<S>>,
{
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) => match error.kind() {
                // This client has gone, and others may be waiting.
                ConnectionAborted | ConnectionRefused | ConnectionReset => {
                    tracing::info!("a client disconnected before it was accepted: {error}");
                }
                _ => {
                    tracing::warn!("could not accept a connection, retrying: {error}");
                    time::sleep(PAUSE).await;
                }
            },
        }
    }
}

async fn serve_one(stream: TcpStream, blobs: Arc<Blobs>, watcher: Watcher) {
    let service = service_fn(|request| {
        let blobs = Arc::clone(&blobs);
        async move { Ok::<_, Infallible>(answer(&blobs, &request).await) }
    });
    let connection = http1::Builder::new()
        // With a clock, hyper lets go of who sends no whole request for 30 s.
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::info!("a connection failed: {error}");
    }
}
