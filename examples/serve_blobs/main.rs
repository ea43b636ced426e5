//! cargo run --example serve_blobs --features=bytescodec [-- --check]
//!
//! A file server that never copies a file: the pool maps a blob, and hyper sends
//! the map. `answer` says what is sent, and `server` to whom; this makes some
//! blobs to serve. Ctrl-C ends it when the requests in flight are answered. With
//! `--check`, it fetches a few blobs itself, and ends in the same way.

mod answer;
#[path = "../http/client.rs"]
mod client;
#[path = "../http/conditions.rs"]
mod conditions;
mod server;
#[path = "../http/stop.rs"]
mod stop;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use file_backed::FBPool;
use file_backed::fbstore::{BytesCodec, MappedBytes, Prefault};
use hyper::{Method, StatusCode, header};
use tokio::net::TcpListener;

use crate::answer::{Blob, Blobs};
use crate::client::Connection;

/// Most blobs that the pool keeps in use.
const RESIDENT: usize = 4;
const BLOBS: usize = 16;
/// How long requests in flight have when it is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);
const MIB: usize = 1 << 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // What cannot be served or accepted is told here, by the library too.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .init();

    // SAFETY: nobody but this pool touches the files of the temporary directory
    // that it makes for itself.
    let codec = unsafe { BytesCodec::new() }
        // A page that is missing is waited for where the blob is loaded, off the
        // executor, and not where it is sent.
        .prefault(Prefault::Populate);
    let pool = FBPool::temp(codec, RESIDENT).await?;
    let mut blobs = Blobs::new();
    for n in 0..BLOBS {
        // A producer that waits for room does not fill memory.
        let item = pool.reserve().await?.insert(blob(n));
        blobs.insert(format!("/{n}"), Blob { item, len: MIB });
    }
    pool.store().finished().await;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stop = stop::asked()?;
    println!("{BLOBS} blobs of 1 MiB, at most {RESIDENT} resident, at http://{address}/0 and on");
    println!("curl --range 10-19 http://{address}/3");
    let is_check = std::env::args().any(|arg| arg == "--check");
    let mut checked = Ok(());
    let end = async {
        tokio::select! {
            () = stop => {}
            result = check(address), if is_check => checked = result,
        }
    };
    server::serve(listener, Arc::new(blobs), end, DRAIN).await;
    // The files of the blobs go in the background, and then their directory.
    pool.store().finished().await;
    checked
}

/// A megabyte of lines that tell which blob it is.
fn blob(n: usize) -> MappedBytes {
    let mut bytes = format!("blob {n}\n").repeat(MIB / 6).into_bytes();
    bytes.truncate(MIB);
    bytes.into()
}

/// Fetches each blob, and then a part of each.
async fn check(server: SocketAddr) -> anyhow::Result<()> {
    let mut connection = Connection::open(server).await?;
    for n in 0..BLOBS {
        let path = format!("/{n}");
        let whole = connection.fetch(Method::GET, &path, &[]).await?;
        anyhow::ensure!(whole.status() == StatusCode::OK, "{:?}", whole.status());
        anyhow::ensure!(whole.body() == &*blob(n), "{path} returned another blob");
    }
    for n in 0..BLOBS {
        let path = format!("/{n}");
        let range = [("range", "bytes=0-7")];
        let part = connection.fetch(Method::GET, &path, &range).await?;
        anyhow::ensure!(part.body() == &blob(n)[..8], "{path} returned another blob");
        println!("{path} {:?}", part.headers()[header::CONTENT_RANGE]);
    }
    Ok(())
}
