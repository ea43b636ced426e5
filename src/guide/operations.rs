//! Backup, salvage, moving: what an administrator does with a directory.
//!
//! The file of an item never changes once it has its name, and the manifest of a dataset
//! names the exact files of one generation. A backup is therefore a copy of one
//! generation, and a damaged file is replaced by the same file of a backup.
//!
//! # Example
//!
//! Without a backup, what is whole can still be opened. This drops the items that are lost,
//! and returns what is wrong with them:
//!
//! ```
//! # #[cfg(all(feature = "bincodec", feature = "dataset"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::path::PathBuf;
//! use std::sync::Arc;
//!
//! use file_backed::dataset::{Dataset, OpenOptions, Salvaged, VerifyOptions};
//! use file_backed::fbstore::{BinCodec, PreparedPath};
//! use file_backed::{Error, FBPool, Result};
//!
//! async fn drop_what_is_lost(album: PathBuf) -> Result<Salvaged> {
//!     let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 100).await?;
//!     let album = PreparedPath::open(album).await?;
//!     let (album, salvaged) = OpenOptions::new()
//!         .salvage::<(), _>(pool.store(), album, VerifyOptions::all())
//!         .await?;
//!     for item in &salvaged.damaged {
//!         eprintln!("{} is lost: {}", item.names.join(", "), item.error);
//!     }
//!     // Until here, nothing has changed.
//!     album.edit(|_| Ok::<_, Error>(())).await?;
//!     Ok(salvaged)
//! }
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let path = dir.path().join("album");
//! # let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 100).await?;
//! # let saved = PreparedPath::open(path.clone()).await?;
//! # let album: Dataset<(), _> = Dataset::open(pool.store(), saved.clone()).await?;
//! # for name in ["a", "b"] {
//! #     album.put_named(name, &pool.insert(vec![1; 100])).await?;
//! # }
//! # let lost = album.key_named::<Vec<u8>>("a").expect("it was put").uuid();
//! # let damaged = file_backed::fbstore::key_path(&path, lost);
//! # drop((album, saved));
//! # pool.store().finished().await;
//! # std::fs::remove_file(&damaged).expect("it is there");
//! # std::fs::write(&damaged, "damage").expect("it is ours");
//! # let salvaged = drop_what_is_lost(path.clone()).await?;
//! # assert_eq!(salvaged.damaged[0].names, ["a"]);
//! # assert_eq!(salvaged.damaged[0].error.path(), Some(&*damaged));
//! # let saved = PreparedPath::open_read_only(path).await?;
//! # let album: Dataset<(), _> = Dataset::open_read_only(pool.store(), saved).await?;
//! # assert_eq!(album.names().iter().map(|item| item.name().to_owned()).collect::<Vec<_>>(), ["b"]);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "bincodec", feature = "dataset")))]
//! # fn main() {}
//! ```
//!
//! # What to do when
//!
//! The commands are those of the [tool](super::tool); a program has the same in
//! `dataset::Snapshot` and `dataset::Inspection`.
//!
//! | to, or if | do |
//! |---|---|
//! | back up a dataset that is in use | `file_backed copy DIR TO`, or `file_backed hold DIR -- rsync ..`; see [`durability`](super::durability#backup) |
//! | a copy was interrupted | run the same `copy` again: it completes it |
//! | check a directory or a backup | `file_backed verify DIR` reads every byte; exit code 1 means damaged or missing items |
//! | an item is damaged or missing, and a backup has it | copy the file of the same name (`ab/ab12..`) next to it with `cp -p`, rename it into place with `mv`, and run `file_backed verify DIR KEY`. An older backup will do: a key names the same bytes in every generation |
//! | no backup has it | `file_backed salvage DIR`, or [`OpenOptions::salvage`](crate::dataset::OpenOptions::salvage) as above. If the damaged file is still there, `Dataset::open` succeeds too, and the program can commit without the item; if a file is missing, it fails |
//! | a manifest or a base is damaged or missing | opening fails with [`is_damaged`](crate::Error::is_damaged) and its path, and nothing is deleted. If a backup has a file of this very name with the same commit, put it back: a file of another commit is refused. Otherwise put a backup in the place of the directory, or salvage: the latest earlier commit that can be read is opened, and items that it does not have lose their names |
//! | no manifest can be read | salvage: all items are there by key, without names. The root is lost to the library, but [can be found by hand](#the-root-of-a-dataset-by-hand) |
//! | a directory of persisted items is to become a dataset | [`OpenOptions::with_existing_items`](crate::dataset::OpenOptions::with_existing_items) |
//! | a program is restarted while the one before still ends | open with a `lock_timeout` ([`StoreBuilder`](crate::StoreBuilder::lock_timeout), [`OpenOptions`](crate::dataset::OpenOptions::lock_timeout)) |
//! | a dataset takes more room than its items | `file_backed du DIR` tells what it is; `file_backed gc DIR` deletes what no generation needs, as the next `Dataset::open` does |
//! | move a directory within its file system | stop the programs that have it open, and `mv` it: nothing in it depends on its path |
//! | move a dataset to another file system | `file_backed copy`, then let the programs open the copy |
//! | move a cache | do not: stop the program, delete the cache, and open another |
//! | the disk is full | see [below](#when-the-disk-is-full) |
//! | a cache must leave room for others | give it a [quota](#a-quota-for-the-cache) |
//!
//! ## The root of a dataset by hand
//!
//! The root is JSON in one of the files of `file_backed.manifest`. Bytes are counted from 0,
//! and a length has 8 bytes, the lowest first.
//!
//! 1. Begin with the manifest, the file with the highest name of 16 hex digits. If its byte 8
//!    is 1, the root begins at byte 40, and its length is at byte 24.
//! 2. Otherwise, if byte 10 of the file is 4 or more, the root begins at byte 120, and its
//!    length is at byte 80.
//! 3. Otherwise, if bytes 64 to 79 are not all zero, they are the name of another file, in hex.
//!    Repeat step 2 with it.
//! 4. Otherwise, bytes 40 to 55 are the name of another file, in which the root begins at byte
//!    72, and its length is at byte 40.
//!
//! If the manifest is lost, a file with a name of 32 hex digits may have an earlier root.
//!
//! # When the disk is full
//!
//! Values stay in memory until there is room ([an
//! outage](super::observing#when-the-disk-fills-up)). A failed commit leaves the previous
//! commit current; the program repeats it once there is room, and so it does with a failed
//! persist. Two things may take space that nobody needs:
//!
//! * caches of programs that have ended, until their next start or until you delete them;
//! * generations that readers pin (`Committed::pinned` counts them), until those readers end
//!   or open a later one.
//!
//! On one file system, a file that is both in a cache and persisted is one file with two
//! names, and its space is freed with the last of them.
//!
//! # A quota for the cache
//!
//! By default only the disk bounds a cache.
//! [`StoreBuilder::quota`](crate::StoreBuilder::quota), or
//! [`FBStore::with_quota`](crate::fbstore::FBStore::with_quota), bounds its bytes:
//!
//! ```
//! # #[cfg(feature = "bincodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//!
//! use file_backed::fbstore::BinCodec;
//! use file_backed::{BackingStore, FBPool};
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let path = dir.path().join("cache");
//! let store = BackingStore::builder(BinCodec, path).quota(1 << 30).open().await?;
//! let tiles: Arc<FBPool<Vec<u8>, _>> = FBPool::builder(store).items(100).build();
//! let tile = tiles.insert(vec![7; 1000]);
//! tile.write_now().await?;
//!
//! let stats = tiles.stats();
//! let (used, quota) = (stats.cache_bytes.unwrap_or(0), stats.cache_quota.unwrap_or(0));
//! assert!(used > 1000 && used <= quota);
//! println!("the cache takes {used} of {quota} bytes");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! Each file of the cache counts, unless a persisted directory has it too:
//!
//! | file | counts |
//! |---|---|
//! | of a value that was written, its footer included | with its length, until it is deleted |
//! | that is being written | with what has been written so far, and before it is written |
//! | that was persisted by a hard link, or registered by one | no: its bytes belong to the persisted directory. From the moment that the program deletes the persisted file, it counts |
//! | the same, if the persisted directory is [temporary](crate::fbstore::PreparedPath::temp) | with its length: the other name goes with the last user of the directory |
//! | that was [adopted](crate::FBPool::adopt), also by a hard link | with its length: the program may remove the original at any time |
//! | registered by a reflink or a copy | with its length |
//! | of an item that is [read in place](crate::BackingStore::track_read_only) | no: it is not in the cache |
//! | that was there when the cache was opened, and was not swept | with its length, as do the files of the library next to the items |
//! | left by a failed write or copy because it could not be removed | with its length, until a later attempt or the next start removes it |
//!
//! A write that would exceed the quota is refused while it runs, and its partial file is
//! removed. The value stays in memory, and every value stays readable. Deletions, persists
//! by a link and dropped handles start the writes again that then fit, without delay.
//! [`insert`](crate::FBPool::insert) never fails. [`reserve`](crate::FBPool::reserve) waits
//! while work is under way that may make room, and otherwise returns an error
//! ([`is_storage_full`](crate::Error::is_storage_full)): drop handles, or raise the quota. A
//! value that is larger than the whole quota stays in memory, is refused with an error of
//! its own, and delays no other write.
//!
//! * **Other processes are not seen.** If one deletes a file of the cache, the file counts
//!   until its handles are dropped. If one deletes the persisted name of a file, the file
//!   takes room in the cache and does not count. So do files that others add. The figure
//!   never falls below 0, and the next start counts again.
//! * **A persisted name that this process did not link** is not known. If an item was
//!   registered from one directory, and an earlier process had persisted it to a second one
//!   too, its file counts once it is deleted from the first. A file that is in two caches
//!   counts in both, unless a persisted directory has it.
//! * **The figure may exceed the quota** without a write: if more is found at the start, or
//!   if the program deletes persisted copies of files that the cache has too.
//! * **Lengths count**, not blocks: a file system rounds each file up, often to 4 KiB.
//!   Directories do not count.
//!
//! # Exceptions
//!
//! * `copy` stops at the first damaged or missing file: salvage first.
//! * Salvaging leaves the files on their disk. If the disk fails, salvage, and then copy the
//!   dataset to another one.
//! * Items persisted without a dataset have no generations: copy them while no program
//!   persists or deletes there.
