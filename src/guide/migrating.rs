//! Migrating a program, and its persisted data, from the published 0.6.
//!
//! The names are the same, so most programs compile after small changes. Directories
//! need more care: move persisted items once, and give the cache a new directory.
//!
//! # The program
//!
//! | 0.6 | now |
//! |---|---|
//! | an I/O failure panics | it is an [`Error`](crate::Error); `load`, `load_mut`, `make_mut`, `PreparedPath::new` and `FBStore::new` still panic, and `read`, `write`, `make_write`, `open` return it |
//! | `register` returns an `Option` | a `Result`; see [`Error::is_not_found`](crate::Error::is_not_found) |
//! | background work is a `JoinHandle` | a [`Task`](crate::backing_store::Task), awaited the same way; its output is a `Result`, and it has no `abort` |
//! | `spawn_persist(..).await.await`, `spawn_write_now().await.await` | [`persist(..).await`](crate::Fb::persist), [`write_now().await`](crate::Fb::write_now); the former names are still there |
//! | `blocking_write_now`, `blocking_persist`, `blocking_sync`, `blocking_delete_persisted` return nothing | a `Result` |
//! | `blocking_track_path`, `blocking_register_all` return the value | a `Result` of it |
//! | `try_load` gives `None` while the value is being evicted | `Some`, as long as it is in memory |
//! | `try_load_mut` gives `None` while the value is being evicted, written or persisted | `Some`; see [below](#try_load_mut-during-a-write-back) |
//! | `blocking_save` and its parts cannot fail by themselves | their error type needs `From<Error>`; see [below](#saving) |
//! | `PreparedPath` gives `&PathBuf` and `&Vec` | slices; see [below](#preparedpath) |
//! | `Codec` writes to and reads from a file | [`Codec`](crate::fbstore::Codec) encodes to a `PayloadWriter` and decodes from a `Payload`, and has an `ID` |
//! | `BackingStoreT` and `Strategy` cannot fail | [each method returns a `Result`](crate::backing_store::BackingStoreT), and `register` and `persist` report how the file was transferred |
//! | one handle for an item | [`Fb`](crate::Fb) is `Clone`: handles share the item until one of them changes it. `load_mut` works on a shared handle, and copies the value |
//! | a value is not evicted while a guard has it | it may be written meanwhile, and leaves memory with the last guard |
//! | `blocking_load` on all of the runtime's blocking threads can hang | it cannot: blocking calls do their work themselves |
//! | names that are not of items are deleted | they are reported and left alone |
//! | a cache directory outlives the process | the next start sweeps it |
//! | nothing checks that a directory has one user | a directory that is written to is locked; the second opener gets [`is_in_use`](crate::Error::is_in_use) |
//! | directories and files have the permissions of the umask | only their owner may enter and read them, unless [`PreparedPath::builder`](crate::fbstore::PreparedPath::builder) says otherwise |
//! | the redb store | [your own store](crate::backing_store::BackingStoreT): see the example `custom_store` |
//!
//! # Saving
//!
//! [`blocking_save`](crate::convenience::blocking_save),
//! [`blocking_save_with`](crate::convenience::blocking_save_with) and
//! [`prepare_save`](crate::convenience::prepare_save) now return failures of their own
//! in the error type of your closures, which needs `E: From<file_backed::Error>`.
//! [`Error`](crate::Error) itself, `anyhow::Error` and
//! `Box<dyn std::error::Error + Send + Sync>` have it; `()`, `String` and `Infallible`
//! do not. An enum of your own needs a variant:
//!
//! ```
//! use std::io;
//!
//! enum SaveError {
//!     Index(io::Error),
//!     Items(file_backed::Error),
//! }
//!
//! impl From<file_backed::Error> for SaveError {
//!     fn from(error: file_backed::Error) -> Self {
//!         Self::Items(error)
//!     }
//! }
//! ```
//!
//! [`post_save_cleanup`](crate::convenience::post_save_cleanup) returns a `Result`. A
//! `max_simultaneous_tasks` of 0 counts as 1, where it used to panic. `prepare_save`
//! ignores its runtime argument, and uses the store's.
//!
//! # `try_load_mut` during a write-back
//!
//! A handle whose value is in memory now always gets a guard. If the write is still
//! queued, it is cancelled. If it is running, or if a save needs it, `try_load_mut`
//! copies the value through the codec, on the calling thread; so it does when another
//! handle or guard has the value. The copy can take long for a large value, and it
//! panics if the codec fails: where that matters, use [`write`](crate::Fb::write),
//! which waits for the running write instead. `None` means that the value is not in
//! memory.
//!
//! # `PreparedPath`
//!
//! | | 0.6 | now |
//! |---|---|---|
//! | [`path`](crate::fbstore::PreparedPath::path) | `&PathBuf` | `&Path` |
//! | [`ignored`](crate::fbstore::PreparedPath::ignored) | `&Vec<&'static str>` | `&[&'static str]` |
//! | [`sanitize_path`](crate::fbstore::sanitize_path) | an iterator; deletes unknown names | `Result<Vec<Uuid>>`; reports them |
//!
//! `new` and `blocking_new` return the same as before, and panic as before; `open` and
//! `blocking_open` return a `Result`. Calls such as `path.path().clone()` need
//! `to_owned()`, since a `Path` is not `Clone`.
//!
//! # The cache directory
//!
//! Give the cache a new directory, or empty the old one before the first start. Files of
//! 0.6 in it are never deleted: in a directory without a mark they might be somebody's
//! only copy. Their keys are written to `file_backed.foreign`, each start warns of
//! them, and their disk space stays in use. Registering an item whose key such a file
//! has fails with [`is_conflict`](crate::Error::is_conflict), unless it is the same
//! file. They can be deleted while no process has the cache.
//!
//! If a persisted directory of 0.6 was opened as a cache by mistake, its files are still
//! there: delete `file_backed.role` in it.
//!
//! The umask of 0.6 may have left directories that others can write to. One that every
//! user may write to is refused, and one that its group may write to is used without
//! maps. `chmod go-w` fixes both.
//!
//! # Persisted directories
//!
//! Files of 0.6 have no footer. Such a directory is opened for import, which reads it
//! and never writes to it. Insert each value again and persist it to a new directory.
//! The payloads of `BinCodec` and `ProstCodec` are the same.
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
//! // Without a footer nothing vouches for a file's size: longer ones are refused.
//! let old = PreparedPath::open_import(old, 64 << 20).await?;
//! let old = Arc::new(pool.store().track_read_only(old).await?);
//! let new = PreparedPath::open(new).await?;
//! let new = Arc::new(pool.store().track_path(new).await?);
//! for key in old.all_keys() {
//!     let value = pool.register(&old, key).await?.read().await?.clone();
//!     let item = pool.insert(value);
//!     item.persist(&new).await?;
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
//! 0.6 reads what `BinCodec` has persisted here: bincode reads what it needs and ignores
//! the footer. `ProstCodec` has no way back, since `prost` reads to the end of the file.
//!
//! When 0.6 tracks a directory, it deletes each name that it does not know. Pass it the
//! names that this crate puts there ([`fbstore::RESERVED`](crate::fbstore::RESERVED)):
//!
//! ```ignore
//! // with the published crate
//! let ours = vec![
//!     "file_backed.lock",
//!     "file_backed.role",
//!     "file_backed.manifest",
//!     "file_backed.packs",
//!     "file_backed.foreign",
//!     "file_backed.temporary",
//! ];
//! PreparedPath::new(path, ours)
//! ```
//!
//! **Never let 0.6 track a dataset.** The manifests are in the directory
//! `file_backed.manifest`; 0.6 searches it too and deletes them, whatever names it is
//! given, and [packs](crate::fbstore::pack) in `file_backed.packs` as well. Copy the shards
//! (`00` to `ff`) to another directory, and let 0.6 track that. It cannot read packs.
//!
//! Neither crate honours the other's locks, so never let both have a directory at once.
//!
//! # What 0.6 adds to a directory of today
//!
//! Items that 0.6 persists there have no footer, and the permissions of its umask. Here
//! their keys are among [`all_keys`](crate::backing_store::TrackedPath::all_keys) and can
//! be registered, but a load is refused as [damaged](crate::Error::is_damaged), with a
//! text that names the import. Everything else in the directory stays readable.
//!
//! To take such items over, open the directory a second time with `open_import`, and
//! move them as above. The import in turn refuses the files of today as a
//! [mismatch](crate::Error::is_mismatch): pass over those keys. Then delete the old ones
//! with [`delete_persisted`](crate::BackingStore::delete_persisted).
