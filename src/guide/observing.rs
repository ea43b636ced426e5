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
//! | `DEBUG` | read a value from its file, or wrote one to it | `path` of the file |
//! | `DEBUG` | evicted a value | `key` |
//! | `DEBUG` | removed leftovers of a crashed process | `path`; `removed`, in a cache |
//! | `DEBUG` | recreated a deleted cache directory | `path` |
//! | `DEBUG` | could not watch a dataset for commits, and looks for them once a second | `error` |
//! | `DEBUG` | a write-back failed because the system refuses writes: see the outage | `key`, `path`, `error` |
//! | `WARN` | an outage began; the outage ended | `error`, when it began |
//! | `WARN` the first time, then `DEBUG` | no room in a cache with a quota | `error` |
//! | `DEBUG` | no write waits for room in the cache any more | |
//! | `WARN` | a write-back failed for another reason: the value stays in memory, and the write will be retried | `key`, `path`, `error` |
//! | `WARN` | could not delete a cache file; could not remove a leftover | `key` or `path`, `error` |
//! | `WARN` | a detached task failed, which no caller waits for | `key`, `path`, `error` |
//! | `WARN` | found a name that does not belong to an item, and left it alone | `path` |
//! | `WARN` | marking a directory as persisted: it has no role file, but already contains items | `path` |
//! | `WARN` | a cache directory contains items from before it became a cache | `path`, `items` |
//! | `WARN` | the group may write to a directory, so its files are not mapped | `path` |
//! | `WARN` | could not release the lock of a directory | `error` |
//! | `WARN` | the runtime could not start a thread for background work; could not start the store's own thread | `error`, from the system |
//! | `WARN` | could not read or remove an earlier generation of a dataset; could not write a new base of a dataset, or not build on it; could not delete a file that no commit names | `error`, `generation` |
//! | `ERROR` | another process committed to a dataset that is open here | `error`, `generation` |
//! | `ERROR` | could not make a persisted file durable | `path`, `error` |
//! | `ERROR` | a background job, or the drop of a value, panicked | `error` |
//!
//! A failure that a caller waits for is returned and not logged, except for writes, which
//! are retried. Spans of background work have no parent, because one job may serve
//! many callers.
//!
//! # When the disk fills up
//!
//! The first write that the system refuses begins an *outage*. During an outage, values
//! that cannot be written stay in memory, above the budget, and every value stays
//! readable. The store tries one write at a time, first after 100 ms and then at growing
//! intervals of up to 5 s. The first write that succeeds ends the outage, and the other
//! writes follow. Run the example `disk_full` to see it (`cargo run --example disk_full
//! --features=bincodec`):
//!
//! ```text
//! WARN file_backed::backing_store::outage: an outage began: the disk refuses
//!     writes, and values stay in memory until it accepts them again
//!     error=could not write item 6f0e… (/cache/6f/6f0e…): No space left on device
//!     (os error 28): free some space, and try again: the value stays in memory
//! WARN file_backed::backing_store::outage: the outage ended: the disk accepts
//!     writes again, or no write is waiting for it
//! ```
//!
//! A program that can outrun the disk calls [`FBPool::reserve`](crate::FBPool::reserve)
//! before each insert or change. `reserve` fails during an outage, and
//! [`Error::is_storage_full`](crate::Error::is_storage_full) tells whether a full disk is
//! the cause.
//!
//! In a store with a [quota](super::operations#a-quota-for-the-cache), an outage for lack of
//! room ends when no write waits for room any more, and the writes that fit are tried as soon
//! as something makes room. `reserve` waits for that while it is under way.
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
//! | `cache_bytes` against `cache_quota` | the cache is almost full: values will stay in memory |
//! | `write_failures`, `failed_deletions`, `failed_tasks` | the log has a line for each, at `DEBUG` for a write that the system refuses |
//! | `copies` | the cache and the persisted directory are on different file systems |
//! | `map_fallbacks` | the program needs more maps than the system allows a process |
