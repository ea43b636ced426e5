//! The server of `examples/serve_blobs`, tested by a client over loopback.

mod accepting;
#[path = "../../examples/serve_blobs/answer.rs"]
mod answer;
#[path = "../../examples/http/client.rs"]
mod client;
#[path = "../../examples/http/conditions.rs"]
mod conditions;
mod damage;
#[path = "../support/log.rs"]
#[expect(dead_code, reason = "this crate needs a part of it")]
mod log;
#[path = "../../examples/serve_blobs/server.rs"]
mod server;
mod shutdown;
#[path = "../../examples/http/stop.rs"]
mod stop;
#[path = "../support/watchdog.rs"]
mod watchdog;

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use answer::{Blob, Blobs, answer};
use client::Connection;
use file_backed::FBPool;
use file_backed::fbstore::{BytesCodec, MappedBytes, Prefault};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

/// Large enough to be mapped, and no multiple of a page.
const LARGE: usize = 300_001;

/// The bytes of blob `n`, which tell it from the others.
fn content(n: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 7 + n * 31) as u8).collect()
}

/// `/0` to `/4`, of which the pool keeps one in use, `/small` and `/empty`.
async fn blobs() -> Blobs {
    // SAFETY: nobody but this pool touches the files of its own directory.
    let codec = unsafe { BytesCodec::new() }.prefault(Prefault::Populate);
    let pool = FBPool::temp(codec, 1).await.unwrap();
    let large = (0..5).map(|n| (format!("/{n}"), content(n, LARGE)));
    let others = [("/small", content(5, 10)), ("/empty", vec![])];
    let others = others.map(|(path, bytes)| (path.to_owned(), bytes));
    let blobs = large.chain(others).map(|(path, bytes)| {
        let len = bytes.len();
        let item = pool.insert(MappedBytes::from(bytes));
        (path, Blob { item, len })
    });
    let blobs = blobs.collect();
    // All but the last one are in files from here on.
    pool.store().finished().await;
    blobs
}

/// Serves these until the runtime ends.
async fn serve(blobs: Blobs) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server::serve(listener, Arc::new(blobs), pending(), Duration::ZERO);
    tokio::spawn(serving);
    address
}

async fn start() -> SocketAddr {
    serve(blobs().await).await
}

async fn get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    fetch(server, Method::GET, path, headers).await
}

/// Asks on a connection of its own.
async fn fetch(
    server: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Response<Bytes> {
    let mut connection = Connection::open(server).await.unwrap();
    connection.fetch(method, path, headers).await.unwrap()
}

/// Runs a future and what it spawns on this thread.
fn block_on<R>(future: impl Future<Output = R>) -> R {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

fn header<'a, B>(response: &'a Response<B>, name: &str) -> Option<&'a str> {
    Some(response.headers().get(name)?.to_str().unwrap())
}

#[tokio::test]
async fn whole_blobs_are_sent_with_their_length_and_etag() {
    let server = start().await;
    let mut tags = std::collections::HashSet::new();
    for n in [0, 1, 2, 3, 4, 0] {
        let response = get(server, &format!("/{n}"), &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-length"), Some("300001"));
        assert_eq!(header(&response, "accept-ranges"), Some("bytes"));
        assert_eq!(header(&response, "content-range"), None);
        assert!(response.body() == &content(n, LARGE), "blob {n}");
        tags.insert(header(&response, "etag").unwrap().to_owned());
    }
    assert_eq!(tags.len(), 5, "each blob has a tag of its own: {tags:?}");
    let empty = get(server, "/empty", &[]).await;
    assert_eq!(header(&empty, "content-length"), Some("0"));
}

#[tokio::test]
async fn a_range_is_sent_alone_with_its_position() {
    let server = start().await;
    let cases = [
        ("bytes=0-0", 0..1),
        ("bytes=4090-4100", 4090..4101),
        ("bytes=299999-", 299_999..LARGE),
        ("bytes=-7", LARGE - 7..LARGE),
        ("bytes=-999999", 0..LARGE),
        ("BYTES=300000-999999", LARGE - 1..LARGE),
        ("bytes=5-99999999999999999999999999", 5..LARGE),
    ];
    for (asked, range) in cases {
        let response = get(server, "/2", &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{asked}");
        let place = format!("bytes {}-{}/{LARGE}", range.start, range.end - 1);
        assert_eq!(header(&response, "content-range"), Some(&*place));
        let len = range.len().to_string();
        assert_eq!(header(&response, "content-length"), Some(&*len));
        assert!(header(&response, "etag").is_some());
        assert!(response.body() == &content(2, LARGE)[range], "{asked}");
    }
}

#[tokio::test]
async fn a_range_outside_of_the_blob_is_refused() {
    let server = start().await;
    let cases = [
        ("/1", "bytes=300001-", "bytes */300001"),
        ("/1", "bytes=300001-300005", "bytes */300001"),
        ("/1", "bytes=-0", "bytes */300001"),
        ("/empty", "bytes=0-", "bytes */0"),
        ("/empty", "bytes=-0", "bytes */0"),
    ];
    for (path, asked, len) in cases {
        let response = get(server, path, &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(header(&response, "content-range"), Some(len), "{asked}");
        assert_eq!(response.body(), "the range is outside of the blob\n");
    }
}

#[tokio::test]
async fn a_malformed_range_is_ignored() {
    let server = start().await;
    let malformed = [
        "bytes=5-2",
        "bytes=-",
        "bytes=",
        "bytes",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=1--2",
        "lines=1-2",
        "bytes=0-1,4-5",
        "",
    ];
    for asked in malformed {
        let response = get(server, "/small", &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{asked}");
        assert_eq!(response.body(), &content(5, 10), "{asked}");
    }
    // The last bytes of nothing are nothing, and no part.
    let empty = get(server, "/empty", &[("range", "bytes=-5")]).await;
    assert_eq!(empty.status(), StatusCode::OK);
    let twice = [("range", "bytes=0-1"), ("range", "bytes=4-5")];
    assert_eq!(get(server, "/small", &twice).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_etag_decides_whether_and_what_is_sent() {
    let server = start().await;
    let first = get(server, "/small", &[]).await;
    let tag = header(&first, "etag").unwrap();

    let known = get(server, "/small", &[("if-none-match", tag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&known, "etag"), Some(tag));
    assert!(known.body().is_empty());
    let weak = format!("\"other\", W/{tag}");
    for asked in [&*weak, "*"] {
        let known = get(server, "/small", &[("if-none-match", asked)]).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{asked}");
    }
    let other = get(server, "/small", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(other.status(), StatusCode::OK);

    let range = ("range", "bytes=1-3");
    let same = get(server, "/small", &[range, ("if-range", tag)]).await;
    assert_eq!(same.status(), StatusCode::PARTIAL_CONTENT);
    let weak = format!("W/{tag}");
    for asked in [
        &*weak,
        "\"other\"",
        "no tag",
        "Sat, 29 Oct 1994 19:43:31 GMT",
    ] {
        let other = get(server, "/small", &[range, ("if-range", asked)]).await;
        assert_eq!(other.status(), StatusCode::OK, "{asked}");
        assert_eq!(other.body(), &content(5, 10));
    }
}

#[tokio::test]
async fn head_states_the_length_and_sends_no_body() {
    let server = start().await;
    let range = [("range", "bytes=0-1")];
    let response = fetch(server, Method::HEAD, "/3", &range).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-length"), Some("300001"));
    assert_eq!(header(&response, "accept-ranges"), Some("bytes"));
    assert!(header(&response, "etag").is_some());
    assert!(response.body().is_empty());
}

#[tokio::test]
async fn unknown_paths_and_other_methods_are_refused() {
    let server = start().await;
    for path in ["/", "/5", "/0/", "/../0"] {
        let response = get(server, path, &[]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.body(), "no such blob\n");
        let head = fetch(server, Method::HEAD, path, &[]).await;
        assert_eq!(head.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(head.body().is_empty());
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let response = fetch(server, method, "/0", &[]).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "allow"), Some("GET, HEAD"));
        assert_eq!(response.body(), "only GET and HEAD are supported\n");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_body_is_the_map_itself_and_outlives_its_eviction() {
    let blobs = blobs().await;
    let request = Request::get("/0").header("range", "bytes=5000-5999");
    let request = request.body(()).unwrap();
    let value = blobs["/0"].item.read().await.unwrap();
    assert!(value.is_mapped());
    let mut response = answer(&blobs, &request).await;
    let frame = response.body_mut().frame().await.unwrap().unwrap();
    let body = frame.into_data().unwrap();
    assert_eq!(body.as_ptr(), value[5000..].as_ptr());

    drop(value);
    drop(blobs);
    assert!(body == content(0, LARGE)[5000..6000]);
}
