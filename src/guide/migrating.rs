//! Moving a program, and what it has persisted, from the published 0.6.
//!
//! # Persisted directories
//!
//! Files of 0.6 have no footer. Such a directory is opened for import, which reads
//! it and never writes to it; each value is inserted anew, and persisted to a
//! directory of today. The payloads of `BinCodec` and `ProstCodec` are the same.
//!
//! ```
//! # #[cfg(feature = "bincodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//! use file_backed::fbstore::{BinCodec, PreparedPath};
//! use file_backed::FBPool;
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let (old, new) = (dir.path().join("old"), dir.path().join("new"));
//! # std::fs::create_dir(&old).expect("a directory");
//! let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
//! // Without a footer nothing tells a file's honest size: none is read that is
//! // longer than this.
//! let old = PreparedPath::open_import(old, 64 << 20).await?;
//! let old = Arc::new(pool.store().track_read_only(old).await?);
//! let new = PreparedPath::open(new, vec![]).await?;
//! let new = Arc::new(pool.store().track_path(new).await?);
//! for key in old.all_keys() {
//!     let value = pool.register(&old, key).await?.read().await?.clone();
//!     let item = pool.insert(value);
//!     item.spawn_persist(&new).await.await?;
//!     // `item.key()` is new: put it where your program has `key`.
//! }
//! pool.store().sync(&new).await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! Do not open a directory of 0.6 for writing before it has been moved: its files
//! would be refused as damaged.
//!
//! # The way back
//!
//! 0.6 reads what `BinCodec` has persisted here: bincode takes what it needs and
//! leaves the footer. But it deletes each name in a directory that it does not
//! know, so it must be told of those that this crate puts there:
//!
//! ```ignore
//! // with the published crate
//! let ours = vec![
//!     "file_backed.lock",
//!     "file_backed.role",
//!     "file_backed.manifest",
//!     "file_backed.foreign",
//!     "file_backed.temporary",
//! ];
//! PreparedPath::new(path, ours)
//! ```
//!
//! They are [`fbstore::RESERVED`](crate::fbstore::RESERVED). Protobuf messages have
//! no way back: `prost` reads to the end of the file. Neither crate knows of the
//! other's locks, so never let both have a directory at once.
//!
//! # The program
//!
//! | 0.6 | now |
//! |---|---|
//! | an I/O failure panics | it is an [`Error`](crate::Error); `load`, `load_mut`, `PreparedPath::new` and `FBStore::new` still panic, and `read`, `write`, `open` return it |
//! | `register` gives an `Option` | a `Result`; see [`Error::is_not_found`](crate::Error::is_not_found) |
//! | background work is a `JoinHandle` | a [`Task`](crate::backing_store::Task), awaited the same way; its output is a `Result` |
//! | `blocking_write_now`, `blocking_persist`, `blocking_sync` return nothing | a `Result` |
//! | `Codec` writes to and reads from a file | [`Codec`](crate::fbstore::Codec) encodes to a `PayloadWriter` and decodes from a `Payload`, and has an `ID` |
//! | `BackingStoreT` and `Strategy` cannot fail | [each method returns a `Result`](crate::backing_store::BackingStoreT), and `register` and `persist` tell how the file came |
//! | one handle for an item | [`Fb`](crate::Fb) is `Clone`: handles share the item until one of them changes it |
//! | `blocking_load` on all of the runtime's blocking threads can hang | it cannot: blocking calls do their work themselves |
//! | names that are not of items are deleted | they are reported and left alone |
//! | a cache directory outlives the process | the next start sweeps it; files of 0.6 that are in it are left alone, and can be deleted |
//! | directories and files have the permissions of the umask | only their owner may enter and read them, unless [`PreparedPath::builder`](crate::fbstore::PreparedPath::builder) says otherwise |
//! | the redb store | a [store of one's own](crate::backing_store::BackingStoreT): see the example `custom_store` |
