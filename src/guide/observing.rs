//! What the library tells of its work, through [`tracing`] and through counts.
//!
//! # Spans and events
//!
//! Everything has a target that begins with `file_backed`, which is all that a
//! filter needs: `RUST_LOG=file_backed=debug`. The rest of the target is the
//! module, and may change. A hit says nothing and costs nothing. What is said at
//! `DEBUG` costs some nanoseconds (4 to 10 were measured) for each operation on a
//! file while nobody listens.
//!
//! | level | what | fields |
//! |---|---|---|
//! | `DEBUG` | span `store`: one operation of the store, a load, write, persist, register, deletion, sync or scan | `operation`; `key` if it is about one item; `path`, the persisted directory, if it is about one |
//! | `DEBUG` | a value was read from its file, was written to it | `path` of the file |
//! | `DEBUG` | a value leaves memory | `key` |
//! | `DEBUG` | what a process that died has left was swept | `path`, `removed` |
//! | `WARN` | a write-back failed: the item stays in memory, and the write is tried again | `key`, `path`, `error` |
//! | `WARN` | an outage begins; an outage ends | `error`, at its begin |
//! | `WARN` | a cache file could not be deleted; something left could not be removed | `key` or `path`, `error` |
//! | `WARN` | a task that nobody waits for failed | `key`, `path`, `error` |
//! | `WARN` | a name that is not of an item was found, and is left alone | `path` |
//! | `WARN` | a directory without a mark is used | `path` |
//! | `WARN` | the runtime has no thread for background work | |
//! | `ERROR` | a persisted file could not be made durable | `path`, `error` |
//! | `ERROR` | a background job, or the drop of a value, panicked | `error` |
//!
//! A failure that somebody waits for is returned and not logged, but for the
//! writes, which are tried again. Spans of background work have no parent: the
//! job may serve many callers.
//!
//! # When the disk fills up
//!
//! The first write that the system refuses begins an *outage*. Values that cannot
//! be written stay in memory, above the budget, and every value stays readable;
//! one write at a time is tried, after 100 ms and then less and less often, up to
//! every 5 s. The first that goes well ends the outage, and the others follow.
//! The example `disk_full` shows it (`cargo run --example disk_full`):
//!
//! ```text
//! WARN file_backed::backing_store::failures: a write-back failed: the item
//!     stays in memory, and the write is tried again key=6f0e… path=/cache/6f/6f0e…
//!     error=could not write item 6f0e… (/cache/6f/6f0e…): No space left on device
//!     (os error 28): make room, and try again: the value stays in memory
//! WARN file_backed::backing_store::outage: an outage begins: the disk refuses
//!     writes, and values stay in memory until it takes them again
//!     error=could not write item 6f0e… (/cache/6f/6f0e…): No space left on device
//!     (os error 28): make room, and try again: the value stays in memory
//! WARN file_backed::backing_store::outage: an outage ends: the disk takes writes
//!     again, or nothing waits for it
//! ```
//!
//! A program that produces without end asks with
//! [`FBPool::reserve`](crate::FBPool::reserve), which fails as long as an
//! outage lasts; [`Error::is_storage_full`](crate::Error::is_storage_full) says that
//! it is the disk.
//!
//! # Counts
//!
//! [`FBPool::stats`](crate::FBPool::stats) gives what a dashboard wants. To watch:
//!
//! | count | grows or holds when |
//! |---|---|
//! | `misses` against `hits` | the budget is small for what is used |
//! | `writes_waiting`, `writes_waiting_bytes` | the disk is slower than who inserts |
//! | `bytes_written`, `bytes_read` | values go to the disk and come back |
//! | `pinned_over_budget`, `pinned_over_budget_bytes` | guards are held for long |
//! | `store_failing` | there is an outage |
//! | `write_failures`, `failed_deletions`, `failed_tasks` | the log has a line for each |
//! | `copies` | the cache and the persisted directory are not on one file system |
//! | `map_fallbacks` | more maps are wanted than the system allows a process |
