//! What the library guarantees, and what it does not.
//!
//! # Memory
//!
//! * A pool keeps as many items, or as many bytes, resident as its builder allows, and
//!   evicts the least recently used, or by another [`Policy`](crate::Policy). Maps of
//!   files do not count: they are page cache, which the kernel reclaims, and they show in
//!   RSS. [`stats`](crate::FBPool::stats) reports what is where.
//! * [`insert`](crate::FBPool::insert) never waits and never fails. A value stays in
//!   memory until it is written. While the disk refuses writes, the value stays
//!   readable and the write is retried.
//! * `insert` therefore applies no back-pressure: a producer that is faster than the
//!   disk fills memory with dirty values. Producers that can outrun the disk call
//!   [`reserve`](crate::FBPool::reserve) first, and insert or
//!   [change](crate::Permit::write) a value with the permit. Memory then holds at most the pool's
//!   budget, the backlog (128 values and 256 MiB unless the builder says otherwise),
//!   and one value for each permit that is held. Without a weigher, the bytes of values
//!   that are not written yet are [estimated](crate::Stats#what-bytes-are-exact).
//! * A value stays in memory while a guard pins it, and is not loaded a second time
//!   meanwhile.
//!
//! # Concurrency
//!
//! * Concurrent loads of one item share one load. A load during a write-back succeeds.
//! * Background work never depends on the runtime alone: blocking callers run queued
//!   jobs themselves, and a thread of the store's own steps in for others. So a runtime
//!   without a free blocking thread, or one that has been shut down, still makes
//!   progress.
//! * A codec that waits for its own item, or for room in the backlog, gets an error
//!   ([`is_deadlock`](crate::Error::is_deadlock)) on the thread that runs it. A
//!   cycle of waits through several threads is not detected.
//! * A mutation gives the item a new key, and no other handle sees it.
//! * Every future can be dropped at any time. No data and no finished work is lost.
//!
//! # Files
//!
//! * A file that is truncated, damaged, of another codec, of another type or of another
//!   schema is a typed error that names the key and the path.
//! * Whatever is read is compared with its checksum before it is decoded, unless the
//!   codec is configured otherwise. A mapped payload is validated as an archive, and
//!   compared with its checksum only with `Verify::Always`, since that reads every byte.
//! * After [`sync`](crate::BackingStore::sync), everything persisted before is on the
//!   disk, as far as the kernel reports the truth. A file that could not be synced is
//!   never trusted again, unless an earlier commit of a dataset made it durable. See [`durability`](super::durability).
//! * Persisting links a file if the cache and the persisted directory are on one file
//!   system. Otherwise the file is cloned (a reflink) or copied, and `stats` counts
//!   those.
//!
//! # Directories
//!
//! * A cache is worth nothing after a restart. The next start deletes what a crashed
//!   process left in it.
//! * A cache belongs to one store of one process, and one process at a time persists to
//!   a directory. The second opener gets an error
//!   ([`is_in_use`](crate::Error::is_in_use)). Other processes can read a persisted
//!   directory meanwhile, with
//!   [`track_read_only`](crate::BackingStore::track_read_only).
//! * Within one process, a second store can take over a cache in which the first has no
//!   files; the first store then gets the error.
//! * The first use marks a directory as a cache or as persisted (`file_backed.role`),
//!   and it never becomes the other.
//! * Files that are not the library's are reported and left alone. See
//!   [`directories`](super::directories).
