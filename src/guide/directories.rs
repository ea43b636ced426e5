//! Who may use a directory, who may read it, and what happens when it is deleted.
//!
//! # One process, one use
//!
//! A directory is a *cache* or holds what was *persisted*. The first use writes
//! which into `file_backed.role`, durably and before the first item, and any other
//! use is [refused](crate::Error::is_wrong_role). A process that writes to a
//! directory locks it: `file_backed.lock`, and the directory itself where the file
//! system has locks of directories. A second process gets
//! [`is_in_use`](crate::Error::is_in_use). Readers of a persisted directory take no
//! lock.
//!
//! | at the next start, a cache | is |
//! |---|---|
//! | items that a store has written | deleted: they are worth nothing after a restart |
//! | items that were there before the directory became a cache, such as files of 0.6 | left alone; their keys are in `file_backed.foreign`, and a warning counts them |
//! | other names | reported, and left alone |
//!
//! # Who may read and write
//!
//! What the library makes is for its owner alone: directories have the permissions
//! 0700, files 0400. To share a dataset with other users, name them when the
//! directory is made:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use file_backed::fbstore::{PreparedPath, Readers};
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let path = dir.path().join("shared");
//! let shared = PreparedPath::builder().readers(Readers::Group).open(path).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A persisted directory remembers this, in the permissions of its role file.
//! Directories and files that exist keep theirs. A cache is never shared.
//!
//! Whoever may write to a directory may replace what is in it, so a directory is
//! refused for writing if it belongs to another user (unless the program
//! [accepts that](crate::fbstore::PathBuilder::any_owner)) or if every user may write
//! to it. If its group may, files are read into memory and not mapped, and a warning
//! says so. Symbolic links are followed on the way to a directory and never inside
//! it; shards must be on its file system and belong to its owner.
//!
//! # When it is deleted under a running process
//!
//! The process keeps the directory open, and reaches every file from there. If the
//! path leads to another directory later, nothing is written to that.
//!
//! | deleted | what follows |
//! |---|---|
//! | a shard, the lock file or the role file | the next write that needs a shard makes them again |
//! | a temporary cache ([`FBPool::temp`](crate::FBPool::temp)) | it is made again |
//! | a cache | an outage: values stay in memory, [`reserve`](crate::FBPool::reserve) returns the error, and [`Stats::store_failing`](crate::Stats::store_failing) is true. It ends when the directory is there again, by [`PreparedPath::open`](crate::fbstore::PreparedPath::open) or by other hands: the store takes its lock and goes on. It is not made again by itself, since its file system may have been unmounted |
//! | a persisted directory | errors of `persist`, `sync` and `commit`. Open it and track it again, and persist again what is to be there |
//! | files in a cache | [`is_not_found`](crate::Error::is_not_found) when their items are loaded; what was in memory then stays until it is evicted |
//!
//! # Temporary directories
//!
//! [`PreparedPath::temp`](crate::fbstore::PreparedPath::temp) makes a directory below
//! `TMPDIR` that is deleted with its store. A process that is killed leaves it; the
//! next call by the same user deletes such leftovers, for a tenth of a second at
//! most. Those of running processes are locked. `systemd-tmpfiles` leaves locked
//! directories alone too.
//!
//! # Descriptors
//!
//! Shards are kept open, as many as the
//! [`descriptor_budget`](crate::fbstore::descriptor_budget) allows: half of
//! `ulimit -n`, unless the program says otherwise. When the library finds none left,
//! it closes shards and goes on.
