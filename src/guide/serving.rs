//! Serving from a dataset: values over HTTP, while another process commits.
//!
//! A server opens the dataset read-only, keeps a handle for each item, and sends the
//! resident value or map. The key of an item is its ETag: a key always names the same
//! bytes, because each change gives an item a new key.
//!
//! # Example
//!
//! What a server with hyper answers. axum takes the same `Bytes` as a body.
//!
//! ```
//! # #[cfg(all(feature = "bytescodec", feature = "dataset"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::collections::BTreeMap;
//! use std::path::Path;
//!
//! use file_backed::dataset::{Dataset, Key, Snapshot};
//! use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes, PreparedPath};
//! use file_backed::{FBPool, Fb, Result};
//! use http_body_util::Full;
//! use hyper::{Response, StatusCode, body::Bytes, header};
//!
//! /// The root of the dataset: blobs by name.
//! type Index = BTreeMap<String, Key<MappedBytes>>;
//!
//! /// One generation, which the handles keep pinned.
//! struct Served {
//!     generation: u64,
//!     blobs: BTreeMap<String, Fb<MappedBytes, FBStore<BytesCodec>>>,
//! }
//!
//! /// Opens the last commit; `None` if it is the one that is served already.
//! async fn open(path: &Path, served: Option<u64>) -> Result<Option<Served>> {
//!     if served == Some(Snapshot::open(path).await?.generation()) {
//!         return Ok(None);
//!     }
//!     // `BytesCodec::new()` maps the files instead; see the guide `zero_copy`.
//!     let pool = FBPool::temp(BytesCodec::heap(), 1000).await?;
//!     let path = PreparedPath::open_read_only(path.to_owned()).await?;
//!     let dataset: Dataset<Index, _> = Dataset::open_read_only(pool.store(), path).await?;
//!     let generation = dataset.generation();
//!     let mut blobs = BTreeMap::new();
//!     for (name, key) in dataset.root().iter() {
//!         blobs.insert(name.clone(), dataset.get(&pool, *key).await?);
//!     }
//!     Ok(Some(Served { generation, blobs }))
//! }
//!
//! /// Answers a GET. `known` is the `If-None-Match` of the request.
//! async fn answer(served: &Served, name: &str, known: &str) -> Result<Response<Full<Bytes>>> {
//!     let mut response = Response::new(Full::default());
//!     let Some(blob) = served.blobs.get(name) else {
//!         *response.status_mut() = StatusCode::NOT_FOUND;
//!         return Ok(response);
//!     };
//!     let etag = format!("\"{}\"", blob.key().simple());
//!     if etag == known {
//!         *response.status_mut() = StatusCode::NOT_MODIFIED; // the blob is not loaded
//!     } else {
//!         let bytes = Bytes::from(&*blob.read().await?); // shares the bytes of the value
//!         *response.body_mut() = Full::new(bytes);
//!     }
//!     let etag = etag.parse().expect("hex digits in quotes");
//!     response.headers_mut().insert(header::ETAG, etag);
//!     Ok(response)
//! }
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let pool = FBPool::temp(BytesCodec::heap(), 10).await?;
//! # let path = PreparedPath::builder().open(dir.path().join("site")).await?;
//! # let site: Dataset<Index, _> = Dataset::open(pool.store(), path.clone()).await?;
//! # let blob = pool.insert("a blob".into());
//! # let save = |saver: &mut file_backed::dataset::Saver<_>| {
//! #     Ok::<_, file_backed::Error>(Index::from([("a".to_owned(), saver.save(&blob)?)]))
//! # };
//! # site.commit(save).await?;
//! # let served = open(&path, None).await?.expect("nothing is served yet");
//! # let etag = answer(&served, "a", "").await?.headers()["etag"].clone();
//! # let etag = etag.to_str().expect("ASCII");
//! # assert_eq!(answer(&served, "a", etag).await?.status(), 304);
//! # assert_eq!(answer(&served, "b", etag).await?.status(), 404);
//! # assert!(open(&path, Some(served.generation)).await?.is_none());
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
//! | answer `HEAD` and `If-None-Match` | use the key, and lengths that the root holds: nothing is loaded |
//! | keep page faults off the executor | `BytesCodec::prefault(Prefault::Populate)`: the load waits for the disk on another thread |
//! | serve a later commit | call `open` again, on a timer or when the writer says so (nothing notifies a reader), and swap the `Arc<Served>`; requests in flight keep the old one |
//! | serve very many items | keep the dataset instead of the handles, and call `Dataset::get` for each request |
//!
//! # Exceptions
//!
//! * **Open each generation with a new store**, as `open` does. A store loads an item from
//!   the generation through which it was first registered, and keeps that generation
//!   pinned while the item has a handle. With one store for all, unchanged items keep old
//!   generations pinned, and their files on the disk.
//! * **A body holds its bytes until it is sent**, in memory or in the map budget, and the
//!   pool does not count it. Bound the number of connections, and time out slow clients.
//! * **A proxy that compresses** changes the bytes, so it must change the ETag too.
//! * **Log errors, and send a plain 500**: an error names the key and the path.
//!
//! The example `serve_blobs` is a complete server, with ranges and a graceful shutdown.
