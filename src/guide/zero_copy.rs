//! Loading without copying: what a map is, what it requires, and what it costs.
//!
//! # When to map, and when to read
//!
//! Mapping costs the same for a file of any size, and reads the bytes when they are
//! touched. Reading costs a copy, and is faster below about 256 KiB. [`MappedCodec`] and
//! [`BytesCodec`] therefore choose by the size of the payload:
//!
//! | payload | first load | loaded again after it left memory |
//! |---|---|---|
//! | 256 KiB and more (`crossover`) | map | map |
//! | 4 KiB and more (`map_on_reload`) | read | map, unless maps run short |
//! | less | read | read |
//!
//! The second load maps because a map can be kept. It does not count against the pool's
//! budget and stays while the process has maps to spare, so every later load is a hit.
//! When no map is left, the file is read; see [the map budget](#the-map-budget).
//!
//! * Values that are each loaded once, from end to end: keep the defaults.
//! * Small values that are loaded again and again: `crossover(0)` maps them at once.
//! * Arrays of numbers for ndarray, BLAS or SIMD: archive a `Vec<f32>` and borrow it from
//!   the map as a `&[f32]` (see
//!   [`archived_types`](super::archived_types#numbers-as-slices)).
//! * Values that change more often than they are read: use `BinCodec` or `ProstCodec`,
//!   which keep them ready to be changed.
//! * Files that others may change while they are in use: `heap()`, which never maps.
//!
//! ```
//! # #[cfg(feature = "bytescodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//! use file_backed::FBPool;
//! use file_backed::fbstore::{Access, BytesCodec, MappedBytes, Prefault};
//!
//! // SAFETY: only this pool touches the files of the temporary directory that it
//! // creates.
//! let codec = unsafe { BytesCodec::new() }
//!     .crossover(64 * 1024)
//!     .access(Access::Sequential)
//!     .prefault(Prefault::Populate);
//! let pool: Arc<FBPool<MappedBytes, _>> = FBPool::temp(codec, 1).await?;
//! let blobs = [1, 2].map(|byte| pool.insert(vec![byte; 100_000].into()));
//! pool.store().finished().await;
//!
//! let first = blobs[0].read().await?;
//! assert_eq!(first.is_mapped(), cfg!(unix));
//! assert_eq!(first[99_999], 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bytescodec"))]
//! # fn main() {}
//! ```
//!
//! # What the contract means in practice
//!
//! [`MapLicence::new`] and the constructors that imply it are `unsafe`, because no check
//! can prevent that a file changes while a value borrows from it. You keep the promise
//! if:
//!
//! * the cache directory belongs to this library alone, and to no tool that cleans up,
//!   syncs or repairs files (the usual mistake is `/tmp` with a cleaner that deletes by
//!   age);
//! * persisted files are replaced by a rename, never written to. `cp`, `>` and editors
//!   that write in place change the file itself, and so every hard link and map of it;
//!   `mv`, `rm`, `ln` and plain `rsync` (not `rsync --inplace`) do not;
//! * backups are restored into a new directory, not over one that is in use.
//!
//! The library creates its files without write permission, which stops accidents but not
//! root. A file that is adopted by a link is an exception: it keeps its mode and
//! stays reachable under its original name, even once the item is persisted. Remove its
//! write permission (`chmod a-w`) before you adopt it.
//!
//! # When the disk fails to write
//!
//! A cache file is mapped before it is on the disk. If the disk then fails to write a
//! page back, the kernel may drop the page when memory is short and later read older
//! bytes from the disk. A validated value then changes, although everyone kept the
//! promise, and a map that is kept is not checked again. [`sync`] reports such a failure
//! for files that were persisted before, and such a file is never trusted again (see
//! [`durability`](super::durability)); `persist` alone does not wait for the disk. If a
//! failing disk must not do this to your process, use `heap()`, which compares the
//! checksum at each read.
//!
//! # SIGBUS, and how it is excluded
//!
//! The kernel kills a process with SIGBUS if it touches a mapped page that the kernel
//! cannot supply. A program can do something about these causes:
//!
//! * **The file is shorter than the map.** The length is compared with the footer when a
//!   map is made, but not again for a map that is kept. The contract promises that the
//!   file is not truncated after that.
//! * **The file has a hole and is on a full tmpfs**, which allocates a page even for a
//!   read. The library writes its files whole before it maps them, so a lack of space is
//!   an error of the write. A sparse file that is adopted may have holes.
//! * **The disk cannot read the page.** With `Prefault::Populate` this is an error of the
//!   load. The guarantee covers only the load: the kernel may drop pages when memory is
//!   short, and read them again. If a failing disk must never end the process, use
//!   `heap()`.
//!
//! # Network file systems and containers
//!
//! Do not map on NFS, SMB, 9p and most FUSE mounts: another host can truncate a file, and
//! the server can disappear while a page is touched. Keep the cache on a local disk, and
//! read the persisted directory with `heap()`, which has the same types and reads the
//! same files. A program cannot reliably detect what file system a path is on, so make it
//! a setting for the administrator:
//!
//! ```
//! # #[cfg(feature = "bytescodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//! use file_backed::FBPool;
//! use file_backed::fbstore::{BytesCodec, MappedBytes};
//!
//! # struct Settings { blobs_are_local: bool }
//! fn codec(settings: &Settings) -> BytesCodec {
//!     match settings.blobs_are_local {
//!         // SAFETY: the manual allows this setting only for a local disk whose files
//!         // no other program touches.
//!         true => unsafe { BytesCodec::new() },
//!         false => BytesCodec::heap(),
//!     }
//! }
//!
//! # let settings = Settings { blobs_are_local: false };
//! let pool: Arc<FBPool<MappedBytes, _>> = FBPool::temp(codec(&settings), 0).await?;
//! # let blob = pool.insert(MappedBytes::from(vec![1; 1_000_000]));
//! # pool.store().finished().await;
//! # assert!(!blob.read().await?.is_mapped());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bytescodec"))]
//! # fn main() {}
//! ```
//!
//! In a container, the root file system is usually overlayfs. The library's own files are
//! in its upper layer, where maps are as good as on the underlying disk. Still, put the
//! cache on a volume, and check what the volume is: desktop virtual machines share
//! directories of the host by 9p, virtiofs or FUSE. tmpfs maps well, but its pages are
//! memory. The number of maps of a process is limited by the host's kernel; a container
//! can read this setting but not change it.
//!
//! # The map budget
//!
//! The kernel allows each process about 65 000 maps (`vm.max_map_count`). Allocators and
//! thread stacks use the same limit, and a process that has none left aborts on its next
//! small allocation. All codecs of a process therefore share one budget, slightly less
//! than half of the kernel's limit. [`map_budget`] reads and sets it.
//!
//! * When more than seven eighths of the budget are in use, the pools evict maps in the
//!   background, each in proportion to what it has. Maps that a guard pins stay.
//! * They evict by [`Policy::Dip`](crate::Policy::Dip), so most maps survive a scan over more
//!   files than the budget has maps: of a cycle of 1.5 times the budget, every second read is
//!   a hit, where least recently used order has none. A pool with fewer than 512 maps evicts
//!   the least recently used.
//! * When the budget is used up, files are read instead, up to the length that
//!   [`read_limit`](crate::fbstore::read_limit) allows. `fallbacks` counts them, and so
//!   does [`Stats::map_fallbacks`](crate::Stats). If it grows, raise the kernel's
//!   `vm.max_map_count`; each existing map costs the kernel about half a kilobyte.
//!
//! ```
//! # #[cfg(feature = "bytescodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//! use file_backed::FBPool;
//! use file_backed::fbstore::{BytesCodec, MappedBytes, map_budget};
//!
//! map_budget::set_limit(1); // of the whole process
//!
//! // SAFETY: only this pool touches the files of the temporary directory that it
//! // creates.
//! let codec = unsafe { BytesCodec::new() };
//! let pool: Arc<FBPool<MappedBytes, _>> = FBPool::temp(codec, 0).await?;
//! let blobs = [1, 2].map(|byte| pool.insert(vec![byte; 1_000_000].into()));
//! pool.store().finished().await;
//!
//! let first = blobs[0].read().await?;
//! let second = blobs[1].read().await?;
//! assert_eq!(first.is_mapped(), cfg!(unix));
//! assert!(!second.is_mapped());
//! assert_eq!(map_budget::fallbacks(), u64::from(cfg!(unix)));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bytescodec"))]
//! # fn main() {}
//! ```
//!
//! # What a map costs in memory
//!
//! Mapped pages belong to the page cache. They exist once, however many processes map the
//! file, and the kernel reclaims clean ones without writing.
//!
//! | figure | mapped pages in it |
//! |---|---|
//! | RSS (`VmRSS`, `top`) | each page that this process has touched, even if shared: it grows up to the size of the files, which is not a leak. `RssFile` is that part, `RssAnon` the heap's |
//! | PSS (`/proc/self/smaps_rollup`) | the same, divided by the number of processes that map the page |
//! | cgroup `memory.current` | the pages that this group was the first to read, mapped or not |
//! | cgroup `memory.high` | above it the group's threads are throttled and must reclaim pages; nothing is killed |
//! | cgroup `memory.max`, the OOM killer | clean pages are reclaimed before anything is killed; a group that is too small for its working set reads the same pages again and again, which `memory.pressure` shows |
//!
//! A budget of the pool, in items or in bytes
//! ([`PoolBuilder::bytes`](crate::PoolBuilder::bytes)), does not count maps: it bounds
//! the process's private memory. A group's `memory.max` needs room for that budget, for
//! the values that wait to be written, and for the mapped pages that are in use at one
//! time. [`stats`](crate::FBPool::stats) reports what a pool holds. On tmpfs, pages are
//! never clean: they are swapped out or stay.
//!
//! # Prefault and advice
//!
//! With [`Prefault::Lazy`], the default, the thread that touches a missing page waits for
//! the disk, and in async code it blocks its executor. `Populate` moves that wait into
//! the load, which [`read`](crate::Fb::read) runs on another thread. It reads the whole
//! file, so use it for values that are used whole. `WillNeed` starts the read without
//! waiting for it. `Access::Sequential` and `Access::Random` advise the kernel how far to
//! read ahead. Where the kernel cannot populate (Linux before 5.14, and every other
//! system) the file is read instead of mapped.
//!
//! These settings belong to the codec and apply to the load that makes the map. A map
//! that was kept may have lost pages since. [`read_prefaulted`] brings them back for one
//! access, and waits for them on another thread. (It fails where the kernel cannot
//! populate.)
//!
//! ```
//! # #[cfg(all(feature = "bytescodec", target_os = "linux"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! # use file_backed::FBPool;
//! # use file_backed::fbstore::{BytesCodec, MappedBytes};
//! use file_backed::fbstore::Prefault;
//!
//! # // SAFETY: only this pool touches the files of its temporary directory.
//! # let pool = FBPool::temp(unsafe { BytesCodec::new() }, 0).await?;
//! # let blob = pool.insert(MappedBytes::from(vec![1; 1_000_000]));
//! # pool.store().finished().await;
//! let blob = blob.read_prefaulted(Prefault::Populate).await?;
//! let ones = blob.iter().filter(|byte| **byte == 1).count(); // waits for no disk
//! assert_eq!(ones, 1_000_000);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "bytescodec", target_os = "linux")))]
//! # fn main() {}
//! ```
//!
//! `examples/serve_blobs` is an HTTP server built on this.
//!
//! [`sync`]: crate::BackingStore::sync
//!
// Link to the items of a feature or, without it, to the list of features.
#![cfg_attr(
    feature = "mappedcodec",
    doc = "[`MappedCodec`]: crate::fbstore::MappedCodec"
)]
#![cfg_attr(not(feature = "mappedcodec"), doc = "[`MappedCodec`]: crate#features")]
#![cfg_attr(
    feature = "bytescodec",
    doc = "[`BytesCodec`]: crate::fbstore::BytesCodec"
)]
#![cfg_attr(not(feature = "bytescodec"), doc = "[`BytesCodec`]: crate#features")]
#![cfg_attr(
    any(feature = "mappedcodec", feature = "bytescodec"),
    doc = "[`MapLicence::new`]: crate::fbstore::MapLicence::new
[`Prefault::Lazy`]: crate::fbstore::Prefault::Lazy
[`map_budget`]: crate::fbstore::map_budget
[`read_prefaulted`]: crate::Fb::read_prefaulted"
)]
#![cfg_attr(
    not(any(feature = "mappedcodec", feature = "bytescodec")),
    doc = "[`MapLicence::new`]: crate#features
[`Prefault::Lazy`]: crate#features
[`map_budget`]: crate#features
[`read_prefaulted`]: crate#features"
)]
