//! What "saved" means, and on which file system.
//!
//! # Three strengths
//!
//! | after | the value is there after | costs |
//! |---|---|---|
//! | [`spawn_write_now`](crate::Fb::spawn_write_now) or an eviction | nothing: a cache is empty after a restart | one file written to the page cache |
//! | [`spawn_persist`](crate::Fb::spawn_persist) | a crash or `kill -9` of the process | a hard link |
//! | [`BackingStore::sync`](crate::BackingStore::sync) after it | a power cut or a crash of the system | the disk's own time |
//!
//! `persist` links the cache's file into the persisted directory. The bytes are in
//! the kernel's page cache by then, where the death of a process does not reach
//! them. `sync` makes durable whatever was persisted to a directory, or deleted
//! from it, before: first each file, then the shards whose names changed, and, the
//! first time, the names on the way to the directory. More than 128 files are
//! synced by one `syncfs`, which waits for what other programs have written to
//! that file system too.
//!
//! [`convenience::blocking_save`](crate::convenience::blocking_save) puts these in
//! the order that loses nothing: persist, sync, change your own record of what
//! counts, and only then delete.
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
//! # let (cache, saved) = (dir.path().join("cache"), dir.path().join("saved"));
//! let pool: Arc<FBPool<String, _>> = FBPool::open(BinCodec, cache, 100).await?;
//! let saved = PreparedPath::open(saved, vec![]).await?;
//! let tracked = Arc::new(pool.store().track_path(saved).await?);
//!
//! let item = pool.insert("precious".to_owned());
//! item.spawn_persist(&tracked).await.await?; // outlives the process
//! pool.store().sync(&tracked).await?; // outlives the power
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! # What may be left after a power cut
//!
//! Without a `sync`, any part: names without their files' bytes, files that are
//! short or hold zeros, old names that are back. None of it is taken for good.
//! Every file ends with checksums, and one that does not match them is
//! [damaged](crate::Error::is_damaged). Maps check the length and, as archives,
//! the structure, but the bytes only with `Verify::Always`; ask for that in a
//! directory whose last `sync` you do not know of.
//!
//! What a scan finds after a restart counts as not synced, since nobody knows
//! whether the process before had done it: the next `sync` includes it.
//!
//! # Background cleanup
//!
//! Dropping the last handle of an item, or
//! [`delete_persisted`](crate::BackingStore::delete_persisted), removes a name.
//!
//! * In a **cache** that happens in the background, after the drop. A process that
//!   dies before leaves the file, and the next one that opens the cache deletes it.
//!   [`finished`](crate::BackingStore::finished) waits for all of it. Disk space
//!   comes back when the last name and the last map of a file are gone, so a
//!   persisted file keeps it.
//! * In a **persisted directory** it has happened when the task ends, and is
//!   durable after the next `sync`: until then a power cut may bring the name back.
//!   That is why a save deletes last.
//!
//! # Backup
//!
//! A file of an item never changes once it has its name, so a copy of it is good
//! whenever it is made. A dataset is more than its files: a copy that is made during
//! commits, with `cp -r` or a backup program, has the manifest of one generation and
//! the files of another, and does not open. Hold a generation still meanwhile:
//!
//! | to copy | from a shell (feature `cli`) | in a program |
//! |---|---|---|
//! | once, compared with its checksums and durable | `file_backed copy album /backup/album` | `Snapshot::copy_to` |
//! | with another program | `file_backed hold album -- rsync -a --files-from=- album /backup/album` | `Snapshot::files` |
//! | into an archive | `file_backed hold album -- tar -C album -cf album.tar -T -` | `Snapshot::files` |
//! | a snapshot of the file system (LVM, ZFS, btrfs) | as it is: it is what a power cut would leave | the same |
//!
//! The [`Snapshot`] is a reader's pin: writers go on, nothing that it names is deleted
//! as long as it lives, and it needs permission to read alone. The list has the
//! manifest last, so that an interrupted copy in this order is no dataset. When a
//! backup is brought up to date by `rsync`, the later manifest counts, and what no
//! manifest names is deleted when the copy is opened to commit.
//!
//! A copy is a dataset of its own, with a lock of its own, as soon as it is opened. A
//! hard link (`cp -l`, `rsync --link-dest`) is as good as a copy, except against a
//! disk that fails. A directory that items were persisted to without a dataset has no
//! generations: copy it while nothing is persisted there or deleted.
//!
#![cfg_attr(feature = "dataset", doc = "[`Snapshot`]: crate::dataset::Snapshot")]
#![cfg_attr(not(feature = "dataset"), doc = "[`Snapshot`]: crate#features")]
//!
//! # On which file system
//!
//! | | `persist` | `sync` is as good as | note |
//! |---|---|---|---|
//! | ext4 | link | the disk and its cache flushes | at most 65 000 links of a file: a copy stands in beyond. With `data=writeback` or after an unsynced `persist`, zeros may be found after a power cut; they are refused |
//! | xfs | link | the same | between directories of different project quotas: a reflink |
//! | btrfs | link; between subvolumes a reflink | the same | each fsync is slower than elsewhere: save many items with one `sync` |
//! | tmpfs, ramfs | link | nothing: it is memory. `sync` succeeds, and a restart of the machine loses all | good for a cache |
//! | overlayfs | link, if both are in the upper layer; else a copy | what the upper layer gives; nothing with the mount option `volatile` | containers: put persisted directories on a volume |
//! | NFS | link | the server's own promise (`sync` exports keep it, `async` ones do not) | locks work with NFSv4, or with `lockd`; do not map, since other hosts may change or remove files (`MappedCodec::heap()` reads them) |
//! | SMB, FUSE, 9p | link where there are links, else a copy | whatever the server or program does with an fsync; some ignore it | try it; as for NFS, do not map |
//! | FAT, exFAT | copy: there are no links | the disk's flush; there is no journal, so the tables themselves may be torn | for transport, not for safety |
//! | macOS (APFS) | link | `F_FULLFSYNC` | |
//! | Windows (NTFS) | link | `FlushFileBuffers` on each file; names are in the journal | files are read, not mapped |
//!
//! A **reflink** shares the blocks of the original and costs about as much as a
//! link; a **copy** moves every byte, and is synced before it gets its name.
//! [`Transfer`](crate::backing_store::Transfer) tells which it was, and
//! [`stats`](crate::FBPool::stats) counts them.
//!
//! # When the disk lies or dies
//!
//! * **Full**: a value that cannot be written stays in memory and readable, the
//!   error says [`is_storage_full`](crate::Error::is_storage_full),
//!   [`reserve`](crate::FBPool::reserve) returns it, and writing goes on by itself
//!   when there is room.
//!   [`free_space`](crate::fbstore::PreparedPath::free_space) tells how much.
//! * **A failed fsync** is told once by the kernel, and the pages may be dropped
//!   after it; asking again may succeed though the bytes are lost. So that file is
//!   never trusted again: `sync` names it until it is deleted, and persisting it
//!   anew is refused. Insert the value anew.
//! * **An error that was told to somebody else**, such as another program's fsync
//!   of the same file, may not be told again. No program can know of it.
//! * **Disks that acknowledge a flush that they have not done** break every promise
//!   here; so do virtual machines set to `cache=unsafe`.
