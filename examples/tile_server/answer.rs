//! What is answered to a request: a tile, a part of it, or that the client has it already.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use file_backed::fbstore::MappedBytes;
use headers::{
    AcceptRanges, CacheControl, ContentLength, ContentRange, ContentType, ETag, HeaderMap,
    HeaderMapExt as _,
};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};

use super::conditions::Asked;
use super::site::Site;

/// How long clients use a tile without asking whether there is another.
const MAX_AGE: Duration = Duration::from_secs(60);

pub(crate) fn router(site: Arc<Site>) -> Router {
    Router::new().route("/{*name}", get(tile)).with_state(site)
}

/// Answers GET and HEAD. The path is a name among those of the dataset, and not one of a file,
/// so that no path leads anywhere else.
async fn tile(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let commit = site.commit();
    let Some(tile) = commit.names().get(&name) else {
        let mut response = (StatusCode::NOT_FOUND, "no such tile\n").into_response();
        let uncached = CacheControl::new().with_no_cache();
        response.headers_mut().typed_insert(uncached);
        return response;
    };
    // A tile that is replaced gets another key.
    let etag = format!("\"{}\"", tile.key::<MappedBytes>());
    let etag: ETag = etag.parse().expect("a key in quotes is an ETag");
    let len = tile.payload_len();

    // Only what sends bytes loads them.
    let mut response = match Asked::by(&headers, &etag, len as usize) {
        Asked::Known => StatusCode::NOT_MODIFIED.into_response(),
        _ if method == Method::HEAD => {
            let mut response = StatusCode::OK.into_response();
            response.headers_mut().typed_insert(ContentLength(len));
            response
        }
        Asked::Unsatisfiable => {
            let outside = "the range is outside of the tile\n";
            let mut response = (StatusCode::RANGE_NOT_SATISFIABLE, outside).into_response();
            let len = ContentRange::unsatisfied_bytes(len);
            response.headers_mut().typed_insert(len);
            return response;
        }
        asked => match site.load(&commit, tile.key()).await {
            Ok(bytes) => filled(bytes, asked),
            Err(error) => {
                // The error names the key and the file, which are ours to know.
                tracing::error!("could not serve {name:?}: {error}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return (status, "the tile cannot be read\n").into_response();
            }
        },
    };
    let cached = CacheControl::new().with_public().with_max_age(MAX_AGE);
    let headers = response.headers_mut();
    headers.typed_insert(etag);
    headers.typed_insert(cached);
    headers.typed_insert(AcceptRanges::bytes());
    headers.typed_insert(media_type(&name));
    response
}

fn filled(bytes: Bytes, asked: Asked) -> Response {
    let Asked::Part(range) = asked else {
        return bytes.into_response();
    };
    let (start, end, len) = (range.start as u64, range.end as u64, bytes.len() as u64);
    let mut response = (StatusCode::PARTIAL_CONTENT, bytes.slice(range)).into_response();
    let part = ContentRange::bytes(start..end, len);
    let part = part.expect("the part is not empty and within the tile");
    response.headers_mut().typed_insert(part);
    response
}

fn media_type(name: &str) -> ContentType {
    let media_type = match name.rsplit_once('.') {
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "png")) => "image/png",
        Some((_, "jpg")) => "image/jpeg",
        Some((_, "webp")) => "image/webp",
        Some((_, "pbf")) => "application/vnd.mapbox-vector-tile",
        _ => "application/octet-stream",
    };
    media_type.parse().expect("it is a media type")
}
