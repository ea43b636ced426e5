//! Who may use a directory, who may read it, and what happens when it is deleted.
//!
//! # One process, one use
//!
//! A directory is either a *cache* or holds *persisted* items. Its first use is recorded
//! in `file_backed.role`, durably and before the first item, and any other use is
//! [refused](crate::Error::is_wrong_role). A process that writes to a directory locks it:
//! it locks `file_backed.lock` and, where the file system supports it, the directory
//! itself. A second process gets [`is_in_use`](crate::Error::is_in_use). Readers of a
//! persisted directory take no lock.
//!
//! When a process opens a cache, its contents are treated as follows:
//!
//! | found in a cache | what happens |
//! |---|---|
//! | items that a store wrote | deleted: they are worthless after a restart |
//! | items from before the directory became a cache, such as files of 0.6 | left alone; their keys are in `file_backed.foreign`, and a warning counts them |
//! | other names | reported, and left alone |
//!
//! A cache may take as much of the disk as its handles need, unless it has a
//! [quota](super::operations#a-quota-for-the-cache).
//!
//! # Who may read and write
//!
//! By default only the owner has access: directories have mode 0700 and files 0400. To
//! share a dataset with other users, name them when you create the directory:
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
//! A persisted directory records this in the mode of its role file. Existing directories
//! and files keep their modes. A cache is never shared.
//!
//! A user who can write to a directory can replace its files. A directory is therefore
//! refused for writing if it belongs to another user (unless the program [accepts
//! that](crate::fbstore::PathBuilder::any_owner)) or if every user may write to it. If
//! its group may write to it, files are read into memory instead of mapped, and a warning
//! says so. Symbolic links are followed on the way to a directory, but never inside it.
//! Shards must be on the same file system as the directory and have the same owner.
//!
//! # When it is deleted under a running process
//!
//! The process keeps the directory open and reaches every file through it. If the path
//! later leads to another directory, the process writes nothing there.
//!
//! | deleted | what follows |
//! |---|---|
//! | a shard, the lock file or the role file | the next write that needs a shard creates them again |
//! | a temporary cache ([`FBPool::temp`](crate::FBPool::temp)) | it is created again |
//! | a cache | an outage: values stay in memory, [`reserve`](crate::FBPool::reserve) returns the error, and [`Stats::store_failing`](crate::Stats::store_failing) is true. The outage ends when the directory exists again, created by [`PreparedPath::open`](crate::fbstore::PreparedPath::open) or by other means: the store locks it and continues. The store does not create it, because its file system may have been unmounted |
//! | a persisted directory | `persist`, `sync` and `commit` fail. Open and track the directory again, and persist its items again |
//! | files in a cache | loading their items fails with [`is_not_found`](crate::Error::is_not_found); values in memory stay until they are evicted |
//!
//! # Temporary directories
//!
//! [`PreparedPath::temp`](crate::fbstore::PreparedPath::temp) creates a directory below
//! `TMPDIR` that is deleted with its store. A process that is killed leaves its directory
//! behind. The next call by the same user deletes such leftovers, for at most a tenth of
//! a second. Directories of running processes are locked and stay; `systemd-tmpfiles`
//! also leaves locked directories alone.
//!
//! # Descriptors
//!
//! The process keeps shards open, as many as the
//! [`descriptor_budget`](crate::fbstore::descriptor_budget) allows: by default half of
//! `ulimit -n`. When the library finds no descriptor left, it closes shards and
//! continues.
