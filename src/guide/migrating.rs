//! Migrating a program, and its persisted data, from the published 0.6.
//!
//! # Persisted directories
//!
//! Files of 0.6 have no footer. Open such a directory for import, which reads it and
//! never writes to it, then insert each value again and persist it to a new directory.
//! The payloads of `BinCodec` and `ProstCodec` are unchanged.
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
//! // Without a footer, the size of a file cannot be checked: files that are longer
//! // than this are refused.
//! let old = PreparedPath::open_import(old, 64 << 20).await?;
//! let old = Arc::new(pool.store().track_read_only(old).await?);
//! let new = PreparedPath::open(new, vec![]).await?;
//! let new = Arc::new(pool.store().track_path(new).await?);
//! for key in old.all_keys() {
//!     let value = pool.register(&old, key).await?.read().await?.clone();
//!     let item = pool.insert(value);
//!     item.spawn_persist(&new).await.await?;
//!     // `item.key()` is new: store it where your program stored `key`.
//! }
//! pool.store().sync(&new).await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! Do not open a directory of 0.6 for writing before you have migrated it: its files
//! would be refused as damaged.
//!
//! # The way back
//!
//! 0.6 reads files that `BinCodec` persisted here, because bincode reads what it needs
//! and ignores the footer. But 0.6 deletes every name in a directory that it does not
//! know, so you must list the names that this crate adds:
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
//! They are [`fbstore::RESERVED`](crate::fbstore::RESERVED). Protobuf messages cannot be
//! read by 0.6, because `prost` reads to the end of the file. Neither crate respects the
//! other's locks, so never let both open a directory at once.
//!
//! # The program
//!
//! | 0.6 | now |
//! |---|---|
//! | an I/O failure panics | it is an [`Error`](crate::Error); `load`, `load_mut`, `PreparedPath::new` and `FBStore::new` still panic, and `read`, `write`, `open` return it |
//! | `register` returns an `Option` | a `Result`; see [`Error::is_not_found`](crate::Error::is_not_found) |
//! | background work is a `JoinHandle` | a [`Task`](crate::backing_store::Task), awaited the same way; its output is a `Result` |
//! | `blocking_write_now`, `blocking_persist`, `blocking_sync` return nothing | a `Result` |
//! | `Codec` writes to and reads from a file | [`Codec`](crate::fbstore::Codec) encodes to a `PayloadWriter` and decodes from a `Payload`, and has an `ID` |
//! | `BackingStoreT` and `Strategy` cannot fail | [each method returns a `Result`](crate::backing_store::BackingStoreT), and `register` and `persist` report how the file was transferred |
//! | one handle for each item | [`Fb`](crate::Fb) is `Clone`: handles share the item until one of them changes it |
//! | `blocking_load` on all of the runtime's blocking threads can hang | it cannot: blocking calls do the work on the calling thread |
//! | names that are not of items are deleted | they are reported and left alone |
//! | a cache directory outlives the process | the next start deletes its items; files of 0.6 in it are left alone, and you can delete them |
//! | directories and files have the permissions of the umask | only their owner may enter and read them, unless [`PreparedPath::builder`](crate::fbstore::PreparedPath::builder) sets other readers |
//! | the redb store | [your own store](crate::backing_store::BackingStoreT): see the example `custom_store` |
