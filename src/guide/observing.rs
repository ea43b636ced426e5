//! What the library reports about its work, through [`tracing`] and through counts.
//!
//! # Spans and events
//!
//! Every target begins with `file_backed`, which is all that a filter needs:
//! `RUST_LOG=file_backed=debug`. The rest of the target is the module, and may change. A
//! hit logs nothing and costs nothing. Without a subscriber, the `DEBUG` spans and events
//! cost some nanoseconds (measured: 4 to 10) for each operation on a file.
//!
//! | level | what | fields |
//! |---|---|---|
//! | `DEBUG` | span `store`: one operation of the store, such as a load, write, persist, register, deletion, sync or scan | `operation`; `key` if it concerns one item; `path` of the persisted directory, if it concerns one |
//! | `DEBUG` | a value was read from its file, or written to it | `path` of the file |
//! | `DEBUG` | a value leaves memory | `key` |
//! | `DEBUG` | leftovers of a crashed process were removed | `path`; `removed`, in a cache |
//! | `DEBUG` | a cache that was deleted is used again | `path` |
//! | `DEBUG` | a write-back failed because the system refuses writes: see the outage | `key`, `path`, `error` |
//! | `WARN` | an outage begins; an outage ends | `error`, when it begins |
//! | `WARN` | a write-back failed for another reason: the item stays in memory, and the write is tried again | `key`, `path`, `error` |
//! | `WARN` | a cache file could not be deleted; a leftover could not be removed | `key` or `path`, `error` |
//! | `WARN` | a task that no caller waits for failed | `key`, `path`, `error` |
//! | `WARN` | a name that is not of an item was found, and is left alone | `path` |
//! | `WARN` | a directory without a role file, which holds items, is marked as persisted | `path` |
//! | `WARN` | a cache holds items from before it became a cache | `path`, `items` |
//! | `WARN` | the group may write to a directory, so its files are not mapped | `path` |
//! | `WARN` | the lock of a directory could not be released | `error` |
//! | `WARN` | the runtime, or the system, has no thread for background work | `error`, from the system |
//! | `WARN` | an earlier generation of a dataset could not be read or removed; an unnamed file of a dataset could not be deleted | `error`, `generation` |
//! | `ERROR` | another process commits to a dataset that is open here | `error`, `generation` |
//! | `ERROR` | a persisted file could not be made durable | `path`, `error` |
//! | `ERROR` | a background job, or the drop of a value, panicked | `error` |
//!
//! A failure that a caller waits for is returned and not logged, except for writes, which
//! are tried again. Spans of background work have no parent, because one job may serve
//! many callers.
//!
//! # When the disk fills up
//!
//! The first write that the system refuses begins an *outage*. During an outage, values
//! that cannot be written stay in memory, above the budget, and every value stays
//! readable. The store tries one write at a time, first after 100 ms and then at growing
//! intervals of up to 5 s. The first write that succeeds ends the outage, and the other
//! writes follow. Run the example `disk_full` to see it (`cargo run --example
//! disk_full`):
//!
//! ```text
//! WARN file_backed::backing_store::outage: an outage begins: the disk refuses
//!     writes, and values stay in memory until it takes them again
//!     error=could not write item 6f0e… (/cache/6f/6f0e…): No space left on device
//!     (os error 28): make room, and try again: the value stays in memory
//! WARN file_backed::backing_store::outage: an outage ends: the disk takes writes
//!     again, or nothing waits for it
//! ```
//!
//! A program that can outrun the disk calls [`FBPool::reserve`](crate::FBPool::reserve)
//! before each insert. `reserve` fails during an outage, and
//! [`Error::is_storage_full`](crate::Error::is_storage_full) tells whether a full disk is
//! the cause.
//!
//! # Counts
//!
//! [`FBPool::stats`](crate::FBPool::stats) returns the numbers for a dashboard. Watch
//! these:
//!
//! | count | what it means when it grows or stays high |
//! |---|---|
//! | `misses` against `hits` | the budget is too small for the working set |
//! | `writes_waiting`, `writes_waiting_bytes` | values are inserted faster than the disk writes them |
//! | `bytes_written`, `bytes_read` | values move to the disk and back |
//! | `pinned_over_budget`, `pinned_over_budget_bytes` | guards are held for a long time |
//! | `store_failing` | there is an outage |
//! | `write_failures`, `failed_deletions`, `failed_tasks` | the log has a line for each, at `DEBUG` for a write that the system refuses |
//! | `copies` | the cache and the persisted directory are on different file systems |
//! | `map_fallbacks` | the program needs more maps than the system allows a process |
