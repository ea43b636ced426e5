//! What the headers of an answer say, and which paths are refused.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use hyper::body::Bytes;
use hyper::{Method, Response, StatusCode};

use crate::client::Connection;
use crate::drawing::draw;

/// One that the second commit replaces.
const TILE: &str = "/basemap/4/3/7.svg";

/// Returns the ETag of a tile that is replaced later.
pub(super) async fn check(server: SocketAddr) -> Result<String> {
    let mut connection = Connection::open(server).await?;
    let drawing = draw(&TILE[1..], "green");
    let len = drawing.len();

    let whole = get(&mut connection, TILE, &[]).await?;
    ensure!(whole.body() == drawing.as_bytes());
    let etag = header(&whole, "etag")?.to_owned();
    ensure!(etag.starts_with('"'), "a strong ETag: {etag}");
    ensure!(header(&whole, "content-type")? == "image/svg+xml");
    ensure!(header(&whole, "cache-control")? == "public, max-age=60");
    ensure!(header(&whole, "accept-ranges")? == "bytes");

    let listed = format!("\"other\", W/{etag}");
    for (condition, value, expected) in [
        ("if-none-match", &*etag, 304),
        ("if-none-match", &*listed, 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"other\"", 206),
        ("if-range", &*etag, 206),
        ("if-range", "\"other\"", 200),
    ] {
        let asked = [("range", "bytes=-9"), (condition, value)];
        let answer = get(&mut connection, TILE, &asked).await?;
        ensure!(answer.status() == expected, "{condition}: {value}");
        ensure!(header(&answer, "etag")? == etag);
        let sent = match expected {
            200 => &drawing[..],
            206 => &drawing[len - 9..],
            _ => "",
        };
        ensure!(answer.body() == sent.as_bytes(), "{condition}: {value}");
    }
    let outside = format!("bytes={len}-");
    let outside = get(&mut connection, TILE, &[("range", &outside)]).await?;
    ensure!(outside.status() == StatusCode::RANGE_NOT_SATISFIABLE);
    ensure!(header(&outside, "content-range")? == format!("bytes */{len}"));

    let long = format!("/{}", "a/".repeat(4000));
    for (path, expected) in [
        ("/", 404),
        ("/basemap/4/3/7", 404),
        ("/basemap/4/3/7.svg/", 404),
        ("//basemap/4/3/7.svg", 404),
        ("/basemap/4/3/../3/7.svg", 404),
        ("/../../../../etc/passwd", 404),
        ("/..%2f..%2f..%2f..%2fetc%2fpasswd", 404),
        ("//etc/passwd", 404),
        ("/file_backed.manifest/0000000000000001", 404),
        ("/basemap/4/3/7.svg%00", 404),
        (&long, 404),
        ("/%ff%fe", 400),
        // It is the same name.
        ("/basemap%2f4%2f3%2f7.svg", 200),
    ] {
        let answer = get(&mut connection, path, &[]).await?;
        ensure!(
            answer.status() == expected,
            "{path:.50}: {}",
            answer.status()
        );
    }
    let posted = connection.fetch(Method::POST, TILE, &[]).await?;
    ensure!(posted.status() == StatusCode::METHOD_NOT_ALLOWED);
    ensure!(header(&posted, "allow")? == "GET,HEAD");
    Ok(etag)
}

/// What a client that has the former tile is answered.
pub(super) async fn check_replaced(server: SocketAddr, former: &str) -> Result<()> {
    let mut connection = Connection::open(server).await?;
    let drawing = draw(&TILE[1..], "blue");
    let asked = [("range", "bytes=0-9"), ("if-range", former)];
    for asked in [&[("if-none-match", former)][..], &asked] {
        let answer = get(&mut connection, TILE, asked).await?;
        ensure!(answer.status() == StatusCode::OK, "{asked:?}");
        ensure!(answer.body() == drawing.as_bytes(), "{asked:?}");
        ensure!(header(&answer, "etag")? != former, "{asked:?}");
    }
    Ok(())
}

async fn get(
    connection: &mut Connection,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response<Bytes>> {
    connection.fetch(Method::GET, path, headers).await
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Result<&'a str> {
    let value = response.headers().get(name);
    Ok(value.with_context(|| format!("no {name}"))?.to_str()?)
}
