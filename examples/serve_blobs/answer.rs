//! What is answered to a request: a blob, or a part of it, from the map.

use std::collections::HashMap;

use file_backed::Fb;
use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes};
use headers::{AcceptRanges, ContentLength, ContentRange, ContentType, ETag, HeaderMapExt as _};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::conditions::Asked;

/// A blob, and what there is to say of it without loading it.
pub(crate) struct Blob {
    pub(crate) item: Fb<MappedBytes, FBStore<BytesCodec>>,
    pub(crate) len: usize,
}

impl Blob {
    /// An item's value stays as it is here, so that its key names the bytes.
    fn etag(&self) -> ETag {
        let etag = format!("\"{}\"", self.item.key());
        etag.parse().expect("a key in quotes is an ETag")
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
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
    };
    let path = request.uri().path();
    let Some(blob) = blobs.get(path) else {
        return refused(StatusCode::NOT_FOUND, "no such blob\n");
    };
    let mut response = match Asked::by(request.headers(), &blob.etag(), blob.len) {
        Asked::Known => empty(StatusCode::NOT_MODIFIED),
        _ if is_head => {
            let mut response = empty(StatusCode::OK);
            let len = ContentLength(blob.len as u64);
            response.headers_mut().typed_insert(len);
            response
        }
        asked => match get(blob, asked).await {
            Ok(response) => response,
            Err(error) => {
                // The error names the key and the file, which are ours to know.
                tracing::error!("could not serve {path}: {error}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return refused(status, "the blob cannot be read\n");
            }
        },
    };
    response.headers_mut().typed_insert(AcceptRanges::bytes());
    response.headers_mut().typed_insert(blob.etag());
    response
}

async fn get(blob: &Blob, asked: Asked) -> file_backed::Result<Response<Full<Bytes>>> {
    let len = blob.len as u64;
    if let Asked::Unsatisfiable = asked {
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        let mut response = refused(status, "the range is outside of the blob\n");
        let len = ContentRange::unsatisfied_bytes(len);
        response.headers_mut().typed_insert(len);
        return Ok(response);
    }
    // The disk is waited for here, on a thread of the blocking pool: the codec
    // is to populate what it maps.
    let bytes = Bytes::from(&*blob.item.read().await?);
    let Asked::Part(range) = asked else {
        return Ok(filled(StatusCode::OK, bytes));
    };
    let part = ContentRange::bytes(range.start as u64..range.end as u64, len);
    let mut response = filled(StatusCode::PARTIAL_CONTENT, bytes.slice(range));
    let part = part.expect("the part is not empty and within the blob");
    response.headers_mut().typed_insert(part);
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn filled(status: StatusCode, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = empty(status);
    let len = ContentLength(bytes.len() as u64);
    response.headers_mut().typed_insert(len);
    *response.body_mut() = Full::new(bytes);
    response
}

/// A text for whoever reads the answer to a request that is not granted.
fn refused(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = filled(status, Bytes::from_static(text.as_bytes()));
    let text = "text/plain".parse().expect("it is a media type");
    response.headers_mut().typed_insert::<ContentType>(text);
    response
}
