//! Loading without copying: what a map is, what it asks for, and what it costs.
//!
//! # When to map, and when to read
//!
//! A map costs the same for any size, and its bytes are read when they are touched.
//! A read costs a copy, and is faster below about 256 KiB. So [`MappedCodec`] and
//! [`BytesCodec`] choose by the size of the payload:
//!
//! | payload | first load | loaded again after it left memory |
//! |---|---|---|
//! | 256 KiB and more (`crossover`) | map | map |
//! | 4 KiB and more (`map_on_reload`) | read | map, unless maps run short |
//! | less | read | read |
//!
//! The second load maps because a map is kept: it does not count against the pool's
//! budget, and stays as long as the process has maps to spare, so that each later load
//! is a hit. Where no map is left, a file is read; see [the map budget](#the-map-budget).
//!
//! * Values that are loaded once each, from end to end: leave the defaults.
//! * Small values that come again and again: `crossover(0)` maps them at once.
//! * Values that are changed more often than they are read: neither; `BinCodec` or
//!   `ProstCodec` keep them ready to be changed.
//! * Files that others may change while they are used: `heap()`, which never maps.
//!
//! ```
//! # #[cfg(feature = "bytescodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//! use file_backed::FBPool;
//! use file_backed::fbstore::{Access, BytesCodec, MappedBytes, Prefault};
//!
//! // SAFETY: nobody but this pool touches the files of the temporary directory that
//! // it makes for itself.
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
//! [`MapLicence::new`], and each constructor that stands for it, is `unsafe`, because
//! no check rules out that somebody changes a file while a value is made of it. You
//! keep the promise if:
//!
//! * the cache directory belongs to this library alone, and to no tool that cleans
//!   up, syncs or repairs (`/tmp` with a cleaner that deletes by age is the usual
//!   mistake);
//! * persisted files are replaced by a rename, never written to. `cp`, `>` and
//!   editors that write in place change the file itself, and so every hard link and
//!   map of it; `mv`, `rm`, `ln` and plain `rsync` (not `rsync --inplace`) do not;
//! * backups are restored into a new directory, not over one that is in use.
//!
//! The files that the library makes carry no write permission, which stops accidents, but
//! not root. A file that is adopted by a link is not one of them: it keeps its mode and
//! its own name, in the persisted directory too once the item is persisted. Take its
//! write permission away (`chmod a-w`) before you adopt it.
//!
//! # When the disk fails to write
//!
//! A file of the cache is mapped before the disk has it. If the disk then fails to write
//! a page back, the kernel may let go of the page when memory is short, and what it reads
//! in its place are older bytes of the disk: a value that was validated changes, though
//! nobody broke the promise. A map that is kept is not compared again. [`sync`] reports
//! such a failure for what was persisted before, and that file is never trusted again
//! (see [`durability`](super::durability)); `persist` alone waits for no disk. Where a
//! failing disk must not do that to a process, use `heap()`, which compares the checksum
//! at each read.
//!
//! # SIGBUS, and how it is excluded
//!
//! The kernel ends a process with SIGBUS that touches a mapped page it cannot supply.
//! The ways to that which a program can do something about:
//!
//! * **The file is shorter than the map.** The length is compared with the footer
//!   when a map is made, and not again for one that is kept; that nobody truncates the
//!   file after that is the promise.
//! * **The file has a hole, and it lies on a full tmpfs**, which makes a page even for
//!   reading. The library writes its files whole before it maps them, so that no room
//!   is an error of the write; a sparse file that is adopted may have holes.
//! * **The disk cannot read the page.** With `Prefault::Populate` that is an error
//!   of the load. It holds for the moment of the load: the kernel may drop pages when
//!   memory is short, and read them again. Where a failing disk must never end the
//!   process, use `heap()`.
//!
//! # Network file systems and containers
//!
//! On NFS, SMB, 9p and most FUSE mounts another host can truncate a file, or the
//! server can be gone when a page is touched: do not map there. Keep the cache on a
//! local disk, and read the persisted directory with `heap()`, which has the same
//! types and reads the same files. No program can tell for certain what a path lies on,
//! so let whoever installs it say:
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
//!         // SAFETY: the manual says when this may be set: for a local disk, whose
//!         // files nothing but this program touches.
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
//! In a container, the root file system is usually overlayfs. The library's own files
//! lie in its upper layer, where maps are as good as those of the disk below. Put the
//! cache on a volume all the same, and look what it is: desktop virtual machines share
//! their host's directories by 9p, virtiofs or FUSE. tmpfs maps well, but its pages are
//! memory. How many maps a process may have is a setting of the host's kernel, which a
//! container sees and cannot change.
//!
//! # The map budget
//!
//! The kernel gives each process some 65 000 maps (`vm.max_map_count`), and allocators
//! and thread stacks live from the same number: a process that has none left aborts on
//! its next small allocation. So all codecs of a process keep to one budget, a little
//! less than half of what the kernel allows. [`map_budget`] tells it and sets it.
//!
//! * A pool lets go of the least recent maps that nobody uses when more than seven
//!   eighths of the budget are in use, in the background.
//! * When it is used up, files are read, up to the length that
//!   [`read_limit`](crate::fbstore::read_limit) allows. `fallbacks` counts them,
//!   and so does [`Stats::map_fallbacks`](crate::Stats): if it grows, give the kernel a
//!   higher `vm.max_map_count`, which costs it about half a kilobyte for each map that
//!   is there.
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
//! // SAFETY: nobody but this pool touches the files of the temporary directory that
//! // it makes for itself.
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
//! Mapped pages are the page cache's. They are there once, however many processes map
//! the file, and the kernel takes clean ones back without writing.
//!
//! | figure | mapped pages in it |
//! |---|---|
//! | RSS (`VmRSS`, `top`) | each page that this process has touched, also if others share it: it grows up to the size of the files, and is no sign of a leak. `RssFile` is that part, `RssAnon` the heap's |
//! | PSS (`/proc/self/smaps_rollup`) | the same, divided by the number of processes that map the page |
//! | cgroup `memory.current` | the pages that this group was the first to read, mapped or not |
//! | cgroup `memory.high` | above it the group's threads are slowed down and made to give pages back, and nothing is killed |
//! | cgroup `memory.max`, the OOM killer | clean pages are taken back before anything is killed; a group that is too small for its working set reads the same pages again and again, which `memory.pressure` shows |
//!
//! A budget of the pool, in items or in bytes
//! ([`PoolBuilder::bytes`](crate::PoolBuilder::bytes)), does not count maps: it bounds
//! the process's own memory. So a group's `memory.max` wants room for that budget, for
//! what waits to be written, and for as many mapped pages as are in use at a time.
//! [`stats`](crate::FBPool::stats) tells what a pool has. On tmpfs pages are not clean:
//! they go to swap or stay.
//!
//! # Prefault and advice
//!
//! With [`Prefault::Lazy`], the default, whoever touches a missing page waits for the
//! disk, and async code then holds up its executor. `Populate` moves that wait into the
//! load, which [`read`](crate::Fb::read) does on another thread; it reads all of the
//! file, so that it is for values that are used whole. `WillNeed` starts the reading and
//! waits for none of it. `Access::Sequential` and `Access::Random` tell the kernel how
//! far to read ahead; both are advice. Where the kernel cannot populate (Linux before
//! 5.14, and every other system) the file is read instead.
//!
//! That is said once for a codec, and holds for the load that makes the map. A map that
//! was kept may have lost pages since: [`read_prefaulted`] brings them in for one access,
//! and waits for them on another thread. (It fails where the kernel cannot populate.)
//!
//! ```
//! # #[cfg(all(feature = "bytescodec", target_os = "linux"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! # use file_backed::FBPool;
//! # use file_backed::fbstore::{BytesCodec, MappedBytes};
//! use file_backed::fbstore::Prefault;
//!
//! # // SAFETY: nobody but this pool touches the files of its temporary directory.
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
//! `examples/serve_blobs` is an HTTP server made of this.
//!
//! [`sync`]: crate::BackingStore::sync
//!
// Links to what a feature gives; without it, to the features.
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
