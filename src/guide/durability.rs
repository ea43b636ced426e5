//! What "saved" means, and on which file system.
//!
//! # Three strengths
//!
//! | after | the value survives | costs |
//! |---|---|---|
//! | [`write_now`](crate::Fb::write_now) or an eviction | nothing: a cache is empty after a restart | one file written to the page cache |
//! | [`persist`](crate::Fb::persist) | a crash or `kill -9` of the process | a hard link |
//! | [`BackingStore::sync`](crate::BackingStore::sync) after it | a power cut or a crash of the system | the disk's own time |
//!
//! `persist` links the cache file into the persisted directory. The bytes are then in the
//! kernel's page cache, which outlives the process. `sync` makes durable everything that
//! was persisted to a directory, or deleted from it, before the call: first each file,
//! then the shards whose names changed, and, the first time, the names on the way to the
//! directory. More than 128 files are synced by one `syncfs`, which also waits for what
//! other programs have written to that file system.
//!
//! [`convenience::blocking_save`](crate::convenience::blocking_save) performs these steps
//! in the order that loses nothing: persist, sync, update your own record of the saved
//! keys, and only then delete.
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
//! let saved = PreparedPath::open(saved).await?;
//! let tracked = Arc::new(pool.store().track_path(saved).await?);
//!
//! let item = pool.insert("precious".to_owned());
//! item.persist(&tracked).await?; // survives the process
//! pool.store().sync(&tracked).await?; // survives a power cut
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! # What may be left after a power cut
//!
//! Without a `sync`, anything may be left: names without their files' bytes, files that
//! are short or hold zeros, old names that have returned. The library accepts none of it.
//! Every file ends with checksums, and a file that does not match them is
//! [damaged](crate::Error::is_damaged). A map is checked for its length and, if it is an
//! archive, for its structure; its bytes are compared with the checksum only with
//! `Verify::Always`. Use that for a directory whose last `sync` is unknown.
//!
//! Files that a scan finds after a restart count as not synced, because the previous
//! process may not have synced them. The next `sync` includes them.
//!
//! # Background cleanup
//!
//! Dropping the last handle of an item, or calling
//! [`delete_persisted`](crate::BackingStore::delete_persisted), removes a name.
//!
//! * In a **cache**, the name is removed in the background, after the drop. A process
//!   that dies before that leaves the file, and the next one that opens the cache deletes
//!   it. [`finished`](crate::BackingStore::finished) waits for all removals. The disk
//!   space is freed when the last name and the last map of a file are gone, so a file
//!   that is also persisted keeps it.
//! * In a **persisted directory**, the name is gone when the task completes, and the
//!   removal is durable after the next `sync`. Until then a power cut may bring the name
//!   back. This is why a save deletes last.
//!
//! # Backup
//!
//! The file of an item never changes once it has its name, so you can copy one file at
//! any time. A dataset is more than its files: a copy made during commits, with `cp -r`
//! or a backup program, has the manifest of one generation and the files of another, and
//! does not open. Pin a generation while you copy:
//!
//! | to copy | from a shell (feature `cli`) | in a program |
//! |---|---|---|
//! | once, checked against the checksums and durable | `file_backed copy album /backup/album` | `Snapshot::copy_to` |
//! | with another program | `file_backed hold album -- rsync -a --files-from=- album /backup/album` | `Snapshot::files` |
//! | into an archive | `file_backed hold album -- tar -C album -cf album.tar -T -` | `Snapshot::files` |
//! | a snapshot of the file system (LVM, ZFS, btrfs) | needs nothing: it holds what a power cut would leave | the same |
//!
//! The [`Snapshot`] is a reader's pin. Writers continue, nothing that it names is deleted
//! while it lives, and it needs only read permission. It lists the manifest last, so that
//! a copy interrupted in this order does not open. If you update a backup with
//! `rsync`, it is the earlier backup until its manifest is there; files that no manifest
//! names are deleted when the copy is opened to commit.
//!
//! Once it is opened, a copy is an independent dataset with a separate lock. A hard link
//! (`cp -l`, `rsync --link-dest`) is as good as a copy, except against a failing disk. A
//! directory of items that were persisted without a dataset has no generations: copy it
//! while nothing is persisted there or deleted.
//!
#![cfg_attr(feature = "dataset", doc = "[`Snapshot`]: crate::dataset::Snapshot")]
#![cfg_attr(not(feature = "dataset"), doc = "[`Snapshot`]: crate#features")]
//!
//! # On which file system
//!
//! | | `persist` | `sync` is as good as | note |
//! |---|---|---|---|
//! | ext4 | link | the disk and its cache flushes | at most 65 000 links of a file, and copies beyond that. With `data=writeback` or after an unsynced `persist`, a power cut may leave zeros, which are refused |
//! | xfs | link | the same | between directories of different project quotas: a reflink |
//! | btrfs | link; between subvolumes a reflink | the same | each fsync is slower than elsewhere: save many items with one `sync` |
//! | tmpfs, ramfs | link | nothing: it is memory. `sync` succeeds, and a restart of the machine loses everything | good for a cache |
//! | overlayfs | link, if both are in the upper layer; else a copy | what the upper layer gives; nothing with the mount option `volatile` | containers: put persisted directories on a volume |
//! | NFS | link | the server's promise (`sync` exports keep it, `async` ones do not) | locks work with NFSv4, or with `lockd`; do not map, since other hosts may change or remove files (`MappedCodec::heap()` reads them) |
//! | SMB, FUSE, 9p | link where links exist, else a copy | what the server or program does with an fsync; some ignore it | try it; as with NFS, do not map |
//! | FAT, exFAT | copy: there are no links | the disk's flush; without a journal, the tables themselves may be torn | for transport, not for safety |
//! | macOS (APFS) | link | `F_FULLFSYNC` | |
//! | Windows (NTFS) | link | `FlushFileBuffers` on each file; names are in the journal | files are read, not mapped |
//!
//! A **reflink** shares the blocks of the original and costs about as much as a link. A
//! **copy** moves every byte, and is synced before it gets its name.
//! [`Transfer`](crate::backing_store::Transfer) reports which of them was used, and
//! [`stats`](crate::FBPool::stats) counts them.
//!
//! # When the disk lies or dies
//!
//! * **Full disk**: a value that cannot be written stays in memory and readable. The
//!   error is [`is_storage_full`](crate::Error::is_storage_full),
//!   [`reserve`](crate::FBPool::reserve) returns it, and writing resumes when there is
//!   room. [`free_space`](crate::fbstore::PreparedPath::free_space) returns how much room
//!   there is.
//! * **Failed fsync**: the kernel reports it once and may then drop the pages, so a
//!   second fsync may succeed although the bytes are lost. That file is therefore never
//!   trusted again: `sync` names it until it is deleted, and persisting it again is
//!   refused. Insert the value again. A file that an earlier commit of a dataset made
//!   durable fails only the commit that syncs it again after a restart, and that needs it.
//! * **An error reported to another program**, such as after its fsync of the same file,
//!   may not be reported again. No program can detect this.
//! * **Disks that acknowledge a flush without doing it** break every promise here. So do
//!   virtual machines with `cache=unsafe`.
