//! Serving from a dataset: values over HTTP, while another process commits.
//!
//! A server opens the dataset read-only. For each request it gets the item by its name, sends
//! the value or map, and drops the handle. The item belongs to the dataset, so its value
//! stays in the pool, within the budget, and the next request finds it in memory. The key of
//! an item is its ETag: a key always names the same bytes, because each change gives an item
//! a new key.
//!
//! # Example
//!
//! What a server with hyper answers. axum takes the same `Bytes` as a body.
//!
//! ```
//! # #[cfg(all(feature = "bytescodec", feature = "dataset"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use file_backed::dataset::Dataset;
//! use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes, PreparedPath};
//! use file_backed::{FBPool, Result};
//! use http_body_util::Full;
//! use hyper::{Response, StatusCode, body::Bytes, header};
//!
//! type Store = FBStore<BytesCodec>;
//!
//! /// One commit, which stays pinned.
//! struct Site {
//!     pool: Arc<FBPool<MappedBytes, Store>>,
//!     blobs: Dataset<(), Store>,
//! }
//!
//! impl Site {
//!     async fn open(path: &Path, pool: Arc<FBPool<MappedBytes, Store>>) -> Result<Self> {
//!         let path = PreparedPath::open_read_only(path.to_owned()).await?;
//!         let blobs = Dataset::open_read_only(pool.store(), path).await?;
//!         Ok(Self { pool, blobs })
//!     }
//!
//!     /// Waits for the next commit, and opens it. The caller puts it in place of this one.
//!     /// The pool is the same: values that both commits have stay in memory.
//!     async fn next(&self) -> Result<Self> {
//!         self.blobs.changed().await?;
//!         let (pool, blobs) = (self.pool.clone(), self.blobs.latest().await?);
//!         Ok(Self { pool, blobs })
//!     }
//!
//!     /// Answers a GET. `known` is the `If-None-Match` of the request.
//!     async fn answer(&self, name: &str, known: &str) -> Result<Response<Full<Bytes>>> {
//!         let mut response = Response::new(Full::default());
//!         let Some(key) = self.blobs.key_named(name) else {
//!             *response.status_mut() = StatusCode::NOT_FOUND;
//!             return Ok(response);
//!         };
//!         let etag = format!("\"{key}\"");
//!         if etag == known {
//!             *response.status_mut() = StatusCode::NOT_MODIFIED; // the blob is not loaded
//!         } else {
//!             let blob = self.blobs.get(&self.pool, key).await?;
//!             let bytes = Bytes::from(&*blob.read().await?); // shares the bytes of the value
//!             *response.body_mut() = Full::new(bytes);
//!         }
//!         let etag = etag.parse().expect("hex digits in quotes");
//!         response.headers_mut().insert(header::ETAG, etag);
//!         Ok(response)
//!     }
//! }
//!
//! // `BytesCodec::new()` maps the files instead; see the guide `zero_copy`.
//! let pool = FBPool::temp(BytesCodec::heap(), 1000).await?;
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let writer = FBPool::temp(BytesCodec::heap(), 10).await?;
//! # let path = PreparedPath::builder().open(dir.path().join("site")).await?;
//! # let written: Dataset<(), _> = Dataset::open(writer.store(), path.clone()).await?;
//! # written.put_named("a", &writer.insert("a blob".into())).await?;
//! # let path = path.path();
//! let site = Site::open(path, pool.clone()).await?;
//! let response = site.answer("a", "").await?;
//! let etag = response.headers()["etag"].to_str().expect("ASCII");
//! assert_eq!(site.answer("a", etag).await?.status(), 304);
//! assert_eq!(site.answer("b", etag).await?.status(), 404);
//! site.answer("a", "").await?;
//! assert_eq!((pool.stats().hits, pool.stats().misses), (1, 1));
//!
//! # written.put_named("b", &writer.insert("another".into())).await?;
//! let site = site.next().await?; // once the writer commits
//! # site.answer("a", "").await?;
//! # assert_eq!(pool.stats().misses, 1);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "bytescodec", feature = "dataset")))]
//! # fn main() {}
//! ```
//!
//! # What to do where
//!
//! | to | do |
//! |---|---|
//! | send plain bytes | store `MappedBytes`: a `Bytes` made from the value shares the map or the heap, and stays valid after the guard is dropped and after an eviction |
//! | send a part of a blob (`Range`) | `bytes.slice(range)`, which copies nothing |
//! | send something computed from a value | borrow it with [`read`](crate::Fb::read); [`read_owned`](crate::Fb::read_owned) if another task writes the body |
//! | answer `HEAD` and `If-None-Match` | look the name up in [`names`](crate::dataset::Dataset::names), which know the key and the length of the file (64 bytes are its footer): nothing is loaded |
//! | keep page faults off the executor | `BytesCodec::prefault(Prefault::Populate)`: the load waits for the disk on another thread |
//! | serve a later commit | let one task call `next` in a loop, and swap an `Arc<Site>`; requests in flight keep the old one. Keep the pool: values that the next commit has too move with it when the former one is dropped |
//! | keep an item in memory whatever the others do | keep an [`OwnedReadGuard`](crate::OwnedReadGuard) of it |
//!
//! # Exceptions
//!
//! * **A handle keeps its commit pinned**, and the files of that commit on the disk. Get items
//!   in each request, and keep no handles.
//! * **A writer on another machine does not notify.** On a network file system, `changed`
//!   looks once a second.
//! * **A body holds its bytes until it is sent**, in memory or in the map budget, and the
//!   pool does not count it. Bound the number of connections, and time out slow clients.
//! * **A proxy that compresses** changes the bytes, so it must change the ETag too.
//! * **Log errors, and send a plain 500**: an error names the key and the path.
//!
//! The example `tile_server` is a complete server of this kind, with axum, and `serve_blobs`
//! one without a dataset, with hyper. Both answer ranges and shut down gracefully.
