//! The server is asked to stop while clients are connected.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use file_backed::FBPool;
use file_backed::fbstore::{BytesCodec, MappedBytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::answer::{Blob, Blobs};
use super::client::Connection;
use super::watchdog::test;
use super::{LARGE, block_on, content, server};

/// More than a test may take.
const LONG: Duration = Duration::from_secs(3600);

/// More than the sockets between the server and a client that does not read
/// hold.
fn huge() -> Vec<u8> {
    content(0, LARGE).repeat(50)
}

/// `/huge` and `/small`.
async fn blobs() -> Arc<Blobs> {
    // SAFETY: nobody but this pool touches the files of its own directory.
    let codec = unsafe { BytesCodec::new() };
    let pool = FBPool::temp(codec, 1).await.unwrap();
    let blobs = [("/huge", huge()), ("/small", content(1, 10))].map(|(path, bytes)| {
        let len = bytes.len();
        let item = pool.insert(MappedBytes::from(bytes));
        (path.to_owned(), Blob { item, len })
    });
    pool.store().finished().await;
    Arc::new(Blobs::from(blobs))
}

type Serving = Pin<Box<dyn Future<Output = ()>>>;

/// A server that runs only while the test waits.
struct Server {
    address: SocketAddr,
    serving: Serving,
    stop: oneshot::Sender<()>,
}

impl Server {
    async fn start(blobs: Arc<Blobs>, drain: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap() };
        Self {
            address,
            serving: Box::pin(server::serve(listener, blobs, stopped, drain)),
            stop,
        }
    }

    async fn during<R>(&mut self, client: impl Future<Output = R>) -> R {
        tokio::select! {
            () = &mut self.serving => panic!("the server ends before it is told to"),
            result = client => result,
        }
    }

    /// Asks for `/huge`, and reads no more than the head of the answer.
    async fn ask(&mut self) -> Response<Incoming> {
        let address = self.address;
        let asking = async {
            let mut connection = Connection::open(address).await?;
            connection.send(Method::GET, "/huge", &[]).await
        };
        let response = self.during(asking).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response
    }

    /// Tells the server to stop, and lets it hear that; its connections run on
    /// when the test waits next.
    async fn stop(self) -> Serving {
        let mut serving = self.serving;
        self.stop.send(()).unwrap();
        let ended = poll_fn(|cx| serving.as_mut().poll(cx).is_ready().into());
        assert!(
            !ended.await,
            "there is a connection, and it is not waited for"
        );
        serving
    }
}

/// Lets everything on this thread that is ready run so many times.
async fn turns(n: usize) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_request_in_flight_is_answered_whole_and_no_other_is_accepted() {
    test(|| {
        block_on(async {
            let mut server = Server::start(blobs().await, LONG).await;
            let address = server.address;
            let response = server.ask().await;
            let serving = server.stop().await;

            let late = TcpStream::connect(address).await;
            assert_eq!(late.unwrap_err().kind(), ErrorKind::ConnectionRefused);

            let (body, ()) = tokio::join!(response.into_body().collect(), serving);
            assert!(body.unwrap().to_bytes() == huge());
        });
    });
}

/// A connection without a request, or with its answer, would keep the server waiting
/// forever.
#[test]
fn idle_connections_are_closed() {
    test(|| {
        block_on(async {
            let mut server = Server::start(blobs().await, LONG).await;
            let address = server.address;
            let mut silent = TcpStream::connect(address).await.unwrap();
            let mut answered = TcpStream::connect(address).await.unwrap();
            let first = server.during(async {
                // Accepted in turn: `silent` is when this one has an answer.
                let request = b"GET /small HTTP/1.1\r\nhost: blobs\r\n\r\n";
                answered.write_all(request).await.unwrap();
                answered.read_u8().await.unwrap()
            });
            assert_eq!(first.await, b'H');
            let serving = server.stop().await;
            // hyper's own limit for an idle connection would end it too, later.
            tokio::select! {
                () = serving => {}
                () = turns(100) => panic!("idle connections are waited for"),
            }

            let mut rest = Vec::new();
            assert_eq!(silent.read_to_end(&mut rest).await.unwrap(), 0);
            answered.read_to_end(&mut rest).await.unwrap();
            assert!(rest.ends_with(&content(1, 10)));
        });
    });
}

#[test]
fn a_response_that_outlasts_the_drain_is_cut_off() {
    test(|| {
        block_on(async {
            let blobs = blobs().await;
            let mut server = Server::start(blobs.clone(), Duration::ZERO).await;
            let response = server.ask().await;
            server.stop().await.await;
            assert_eq!(Arc::strong_count(&blobs), 1, "no connection is left");

            let body = response.into_body().collect().await;
            assert!(body.is_err(), "the body is cut");
        });
    });
}

#[cfg(unix)]
#[test]
fn a_signal_stops_the_server() {
    use rustix::process::{Signal, getpid, kill_process};

    test(|| {
        block_on(async {
            for signal in [Signal::INT, Signal::TERM] {
                let stop = super::stop::asked().unwrap();
                kill_process(getpid(), signal).unwrap();
                stop.await;
            }
        });
    });
}
