//! What is answered to a request: a blob, or a part of it, from the map.

use std::collections::HashMap;

use file_backed::Fb;
use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request, Response, StatusCode};

use super::range::Part;

/// A blob, and what there is to say of it without loading it.
pub(crate) struct Blob {
    pub(crate) item: Fb<MappedBytes, FBStore<BytesCodec>>,
    pub(crate) len: usize,
}

impl Blob {
    /// An item's value stays as it is here, so that its key names the bytes.
    fn etag(&self) -> String {
        format!("\"{}\"", self.item.key())
    }
}

/// Blobs by the path that they are served at, with its slash.
pub(crate) type Blobs = HashMap<String, Blob>;

/// The answer to one request. Its body shares the bytes of the value, and keeps
/// them, also when the pool has let go of the value meanwhile.
pub(crate) async fn answer<B>(blobs: &Blobs, request: &Request<B>) -> Response<Full<Bytes>> {
    let is_head = match *request.method() {
        Method::GET => false,
        Method::HEAD => true,
        _ => {
            let mut response = refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and HEAD are supported\n",
            );
            set(&mut response, header::ALLOW, "GET, HEAD");
            return response;
        }
    };
    let path = request.uri().path();
    let Some(blob) = blobs.get(path) else {
        return refused(StatusCode::NOT_FOUND, "no such blob\n");
    };
    let mut response = if is_known(request.headers(), &blob.etag()) {
        empty(StatusCode::NOT_MODIFIED)
    } else if is_head {
        let mut response = empty(StatusCode::OK);
        set(&mut response, header::CONTENT_LENGTH, blob.len);
        response
    } else {
        match get(blob, request.headers()).await {
            Ok(response) => response,
            Err(error) => {
                // The error names the key and the file, which are ours to know.
                tracing::error!("could not serve {path}: {error}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return refused(status, "the blob cannot be read\n");
            }
        }
    };
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::ETAG, blob.etag());
    response
}

async fn get(blob: &Blob, headers: &HeaderMap) -> file_backed::Result<Response<Full<Bytes>>> {
    let range = match asked_part(blob, headers) {
        Part::Whole => None,
        Part::Range(range) => Some(range),
        Part::Unsatisfiable => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let mut response = refused(status, "the range is outside of the blob\n");
            let len = format!("bytes */{}", blob.len);
            set(&mut response, header::CONTENT_RANGE, len);
            return Ok(response);
        }
    };
    // The disk is waited for here, on a thread of the blocking pool: the codec
    // is to populate what it maps.
    let bytes = Bytes::from(&*blob.item.read().await?);
    let Some(range) = range else {
        return Ok(filled(StatusCode::OK, bytes));
    };
    let place = format!("bytes {}-{}/{}", range.start, range.end - 1, blob.len);
    let mut response = filled(StatusCode::PARTIAL_CONTENT, bytes.slice(range));
    set(&mut response, header::CONTENT_RANGE, place);
    Ok(response)
}

/// What of the blob the headers ask for. All of it, if they want a part only of
/// a blob that this one is not.
fn asked_part(blob: &Blob, headers: &HeaderMap) -> Part {
    let is_other = |tag: &header::HeaderValue| tag.as_bytes() != blob.etag().as_bytes();
    if headers.get(header::IF_RANGE).is_some_and(is_other) {
        return Part::Whole;
    }
    let mut ranges = headers.get_all(header::RANGE).iter();
    match (ranges.next(), ranges.next()) {
        (Some(range), None) => Part::of(range.to_str().unwrap_or_default(), blob.len),
        _ => Part::Whole,
    }
}

/// Whether the client has the blob already.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let fields = headers.get_all(header::IF_NONE_MATCH).iter();
    fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn filled(status: StatusCode, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = empty(status);
    set(&mut response, header::CONTENT_LENGTH, bytes.len());
    *response.body_mut() = Full::new(bytes);
    response
}

/// A text for whoever reads the answer to a request that is not granted.
fn refused(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = filled(status, Bytes::from_static(text.as_bytes()));
    set(&mut response, header::CONTENT_TYPE, "text/plain");
    response
}

fn set(response: &mut Response<Full<Bytes>>, name: HeaderName, value: impl ToString) {
    let value = value.to_string().try_into();
    let value = value.expect("keys and numbers are valid header values");
    response.headers_mut().insert(name, value);
}
