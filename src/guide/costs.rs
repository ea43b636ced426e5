//! What things cost, by the number of items: memory, descriptors, time and disk.
//!
//! Each item is one object in memory while it has a handle, and one file on the disk once
//! it is evicted or persisted. Costs are therefore proportional to the number of items,
//! except for descriptors and for opening a dataset to read.
//!
//! # Example
//!
//! The figures that are fixed by the formats and the types:
//!
//! ```
//! # #[cfg(all(feature = "bincodec", feature = "dataset"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::fs;
//! use std::sync::Arc;
//!
//! use file_backed::dataset::{Dataset, Key};
//! use file_backed::fbstore::{BinCodec, FBStore, PreparedPath, frame, key_path};
//! use file_backed::{Error, FBPool, Fb};
//!
//! type Store = FBStore<BinCodec>;
//! assert_eq!(size_of::<Fb<String, Store>>(), 2 * size_of::<usize>());
//!
//! let pool: Arc<FBPool<[u8; 16], Store>> = FBPool::temp(BinCodec, 100).await?;
//! let saved = PreparedPath::temp().await?;
//! let data: Dataset<Vec<Key<_>>, _> = Dataset::open(pool.store(), saved.clone()).await?;
//! let items = [[1; 16], [2; 16], [3; 16]].map(|value| pool.insert(value));
//! let save = items.iter();
//! data.commit(|saver| save.map(|item| saver.save(item)).collect::<Result<_, Error>>())
//!     .await?;
//!
//! // A file is the encoded value and a footer of 64 bytes.
//! let len = |path| fs::metadata(path).expect("it is there").len();
//! assert_eq!(len(key_path(&saved, items[0].key())), 16 + frame::FOOTER_LEN as u64);
//! // The manifest of a commit is 124 bytes, 28 for each combination of codec, layout and
//! // schema, 30 for each changed item, and the root as JSON, in which a key is 32 hex digits
//! // in quotes.
//! let root = 3 * 34 + "[,,]".len() as u64;
//! let manifest = saved.join("file_backed.manifest/0000000000000001");
//! assert_eq!(len(manifest), 124 + 28 + 3 * 30 + root);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "bincodec", feature = "dataset")))]
//! # fn main() {}
//! ```
//!
//! # For each item
//!
//! "Results" is `benches/RESULTS.md` of the repository: a quick run on tmpfs with 2 cores.
//! Its times are medians for files in the page cache, and the ranges are in that table:
//! compare the ratios.
//!
//! | memory | bytes | source |
//! |---|---|---|
//! | a handle | 16 | the example |
//! | an item that is absent (evicted) | 74 | results, `footprint, cache/100000`; the item itself is at most 72 (a test in `src/residency/item.rs`) |
//! | absent, registered from a persisted directory | 84 | results, `footprint, registered/100000` |
//! | absent and persisted | 86 | results, `footprint, persisted/100000` |
//! | of a dataset, or of a place that is tracked read-only | the same | the item names the place in bytes that it has anyway, `src/backing_store/sources.rs` |
//! | resident, in addition | the value, 16 for its `Arc`, and 50 to 70 for its place in the eviction list | `Slot` in `codecs/src/slot/mod.rs`; a node and a hash-table entry, `src/pool/order/queue.rs` |
//! | in an order that resists scans (`Policy::Dip`, and all maps), in addition | up to 4, from 512 values on | a table of evicted keys, `src/pool/order/duel.rs` |
//! | mapped, in addition | about 500 in the kernel, and page cache | [`zero_copy`](super::zero_copy) |
//! | a file in a cache with a [quota](super::operations#a-quota-for-the-cache), in addition | 38 to 76, and 24 to 48 for each persisted directory that has it too | an entry of 33 bytes in a hash table, and entries of 21 bytes in another, `src/fbstore/quota/state.rs` and `homes.rs` |
//! | a key of a [`WeakMap`](crate::convenience::WeakMap) | the key and 33; once the item has ended, 72 more until the entry is swept | `src/convenience/weak_map/entries.rs` |
//! | a key of a tracked path | about 60 | [`TrackedPath`](crate::backing_store::TrackedPath) |
//! | an item of a dataset that is open to commit | about 95, and the root: 60 for its key in the tracked path, up to 32 in a base | `dataset::Dataset`, `src/dataset/manifest/base/` |
//! | a changed item, until the next base | less than 430 | `src/dataset/contents/` |
//!
//! A hash table doubles when it is full, so the cost of an entry depends on the number of
//! items: a registered or persisted item costs 10 to 21 bytes more than another one, for its
//! place in the pool's index, and 10 to 12 in the results. While it has several owners, such as
//! a second pool, it costs 29 to 57 more.
//!
//! | time | µs | source |
//! |---|---|---|
//! | create a file (evict a dirty value) | 11.9 | results, `lifecycle, 3000`: `BinCodec`, 256 bytes, one thread |
//! | persist by a hard link | 3.74 | the same |
//! | scan, when a directory is tracked or a dataset is opened to commit | 1.45 (1.14 to 1.76), with a share of the 256 shards | the same |
//! | register by a hard link | 3.93 | the same |
//! | clean up (delete the cache file after the last handle) | 3.95 | the same |
//! | load a resident value | 0.022 to 0.069 | results, `hit`, `BinCodec`, blocking |
//!
//! | disk | | source |
//! |---|---|---|
//! | files | one, also if it is both in the cache and persisted on the same file system | [`durability`](super::durability) |
//! | names for each of the 256 shards | items / 256: 3 906 for a million | [`fbstore`](crate::fbstore) |
//! | bytes of the footer | 64 | the example |
//! | bytes of a manifest | 30 if the commit changes the item, and what the root says of it | the example |
//! | bytes of a base | 30 | `src/dataset/manifest/base/` |
//!
//! # For each operation
//!
//! | | costs | source |
//! |---|---|---|
//! | edit | a link and a read of the footer for each new item, a manifest of what changes and of the previous changes up to 12 KiB, one sync of what is new, one of the manifest and its name, one deletion for each file that is no longer named; the same for ten items and for a million | `src/dataset/commit.rs`, `editor.rs` |
//! | commit | the same, and in memory a search for each kept item | `src/dataset/commit.rs`, `saver.rs` |
//! | new base | 24 to 26 bytes for each item, and its names, once the manifests together are longer than 64 KiB and than half of the base before, or more than 64; in the background for short commits to more than 32 000 items and names, which until the next commit takes the memory of the items' records once more; otherwise within the commit that finds it due | `src/dataset/contents/chain.rs` |
//! | durable save of 800 items of 16 KiB | 0.157 ms if none has changed, 0.591 ms if 1 % have, 36.6 ms if all have (`blocking_save`, without a disk) | results, `save` |
//! | sync | an fsync for each new file, or one `syncfs` for more than 128 | [`durability`](super::durability) |
//! | open a dataset to commit | the scan, the base and the manifests since then | `src/dataset/open.rs` |
//! | open a dataset to read | the same without a scan | the same |
//! | move on to the latest commit | the same | `Dataset::latest` |
//! | wait for a commit | a thread and two descriptors for all waiters of a dataset that reads, and two lists of the manifests for each waiter and commit; where nothing notifies, one or two lists a second in place of the thread; nothing in a dataset that commits | `src/dataset/changed.rs`, `src/fbstore/inotify.rs` |
//! | verify | every byte, on as many threads as cores | `Dataset::verify` |
//!
//! # Exceptions
//!
//! * **Descriptors do not grow with the items.** A file is open only while it is read or
//!   written, and a map needs none. Each directory needs a few, and up to 256 for its
//!   shards within the [`descriptor_budget`](crate::fbstore::descriptor_budget).
//! * **Maps are limited** for each process to slightly less than half of about 65 000
//!   ([`zero_copy`](super::zero_copy#the-map-budget)). Beyond that, files are read.
//! * **The root is written whole** by each commit that changes it. Keep it small, and let it
//!   change rarely: `Dataset::edit` does not write one that stays.
//! * **A commit that writes a base** takes longer than the others, because it writes the
//!   records of all items. In a large dataset that is a commit that changes many items, or the
//!   first one after an open.
//! * **Millions of small values** cost an inode each: use a key-value store, or put many
//!   of them into one item.
