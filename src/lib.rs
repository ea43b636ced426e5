//! Owning handles to more large values than fit in memory.
//!
//! A program holds an [`Fb`] for each value. An [`FBPool`] keeps the recently
//! used values in memory and each other value in its own file. A guard borrows a
//! value, and loads it first if necessary. Dropping the last handle deletes the
//! file in the background; persisting an item keeps its file across restarts.
//!
//! The design serves three uses:
//!
//! 1. **Load large read-mostly blobs with zero copies.** [`MappedCodec`] stores
//!    [rkyv](https://rkyv.org) archives. A load maps the file, and a read guard
//!    borrows the archived data; nothing is deserialized.
//! 2. **Mutable items with ordinary codecs**: [`BinCodec`] for serde types and
//!    [`ProstCodec`] for protobuf messages, in one store if you like.
//! 3. **Datasets that outlive the process**: items and a root value that names
//!    them are committed atomically to a permanent directory. They are found
//!    again after a restart, and other processes can read them meanwhile.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "bincodec")]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//!
//! use file_backed::FBPool;
//! use file_backed::fbstore::BinCodec;
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let path = dir.path().join("cache");
//! // At most 100 values in memory, the others in files under `path`.
//! let pool: Arc<FBPool<Vec<f64>, _>> = FBPool::open(BinCodec, path, 100).await?;
//! let series = (0..1000).map(|n| pool.insert(vec![n as f64; 64]));
//! let mut series: Vec<_> = series.collect();
//!
//! let sum: f64 = series[17].read().await?.iter().sum();
//! assert_eq!(sum, 17.0 * 64.0);
//! series[17].write().await?.push(0.5);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bincodec"))]
//! # fn main() {}
//! ```
//!
//! # What to choose
//!
//! | your values | codec |
//! |---|---|
//! | large, read much more often than written | [`MappedCodec`] |
//! | often changed, or only serializable by serde | [`BinCodec`] |
//! | protobuf messages | [`ProstCodec`] |
//! | plain bytes, to be sent or passed on | [`BytesCodec`] |
//! | several of these kinds in one store | [`MixedCodec`] |
//! | anything else | [one of your own](fbstore::Codec) |
//!
//! | what is in the pool | how to bound its memory |
//! |---|---|
//! | values of similar size | a number of items: [`FBPool::new`], [`FBPool::open`] |
//! | values of very different sizes | bytes and a weigher: [`PoolBuilder::bytes`], on a [`BackingStore::open`] |
//! | values that are read in scans of more than fits | one of these, and a [`Policy`] |
//! | mapped values | items; maps use no memory of the process and are not counted |
//! | values produced faster than the disk writes | one of these, and [`FBPool::reserve`] |
//! | more values than may take disk space | a [quota](StoreBuilder::quota) of the store, and [`FBPool::reserve`] |
//!
//! | your code is | call |
//! |---|---|
//! | async | [`read`](Fb::read), [`write`](Fb::write) |
//! | on a dedicated thread, in rayon or `spawn_blocking` | [`blocking_read`](Fb::blocking_read), [`blocking_write`](Fb::blocking_write) |
//! | not allowed to wait | [`try_load`](Fb::try_load) |
//! | passing the value to another task | [`read_owned`](Fb::read_owned) |
//!
//! | the value must survive | call |
//! |---|---|
//! | nothing | nothing: the cache is swept at the next start |
//! | the end of the process | [`persist`](Fb::persist) |
//! | a power cut | [`persist`](Fb::persist), then [`sync`](BackingStore::sync) |
//! | a power cut, together with other values and their index | [`convenience::blocking_save`], or a [`dataset`] |
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | handles and guards | [`Fb`], [`ReadGuard`], [`OwnedReadGuard`], [`WriteGuard`] |
//! | what stays in memory, and the cost | [`FBPool`] |
//! | background work, persisted directories | [`BackingStore`], [`backing_store`] |
//! | files and codecs | [`fbstore`] |
//! | saving many items at once | [`convenience`] |
//! | items by keys of your own, computed once for all callers | [`convenience::WeakMap`] |
//! | committing items with a root value; restarts; other processes | [`dataset`] |
//! | what is guaranteed, and what is not | [`guide::guarantees`] |
//! | what "saved" means, and on which file system | [`guide::durability`] |
//! | who may use a directory, and what happens when it is deleted | [`guide::directories`] |
//! | when to map files, and what that requires | [`guide::zero_copy`] |
//! | types for `MappedCodec` | [`guide::archived_types`] |
//! | serving values over HTTP from a dataset | [`guide::serving`] |
//! | backup, salvage, moving a directory, a full disk | [`guide::operations`] |
//! | what things cost by the number of items | [`guide::costs`] |
//! | logs, spans and counts; the signs of a full disk | [`guide::observing`] |
//! | the command-line tool | [`guide::tool`] |
//! | migrating from the published 0.6 | [`guide::migrating`] |
//!
//! # Features
//!
//! No feature is on by default. Features are additive.
//!
//! | feature | gives | pulls in |
//! |---|---|---|
//! | `bincodec` | [`BinCodec`] | bincode, serde |
//! | `prostcodec` | [`ProstCodec`] | prost |
//! | `mappedcodec` | [`MappedCodec`], `Mapped<T>` | rkyv, bytecheck, bytemuck, memmap2 |
//! | `bytescodec` | [`BytesCodec`], `MappedBytes` | bytes, memmap2 |
//! | `bincodec` and `mappedcodec` | [`MixedCodec`]; with `bytescodec` it takes `MappedBytes` too | |
//! | `dataset` | [`dataset`]`::Dataset` | serde, serde_json, crc32fast |
//! | `cli` | the command-line tool `file_backed` | cap-std, clap, indicatif, `dataset` |
//! | `dupe` | `dupe::Dupe` for [`Fb`] | dupe |
//! | `fbstore` | nothing; kept for users of the published 0.6, which had it | |
//!
//! # Costs
//!
//! A hit takes no lock and allocates nothing. An item whose value is not in memory
//! uses 72 bytes, and up to 20 more once its key is registered or persisted. A
//! handle uses 16 bytes, and a tracked path about 60 for each key. The guide
//! [`costs`](guide::costs) has the other figures.
//!
//! # Errors and panics
//!
//! Everything that can fail returns [`Result`], except for a few methods whose
//! signatures this API has always had and that leave no room for an error. Those
//! panic with the error's text and say so under "Panics". Each has a counterpart
//! that returns the error.
//!
//! | panics | returns |
//! |---|---|
//! | [`load`](Fb::load), [`blocking_load`](Fb::blocking_load), [`load_owned`](Fb::load_owned) | [`read`](Fb::read), [`blocking_read`](Fb::blocking_read), [`read_owned`](Fb::read_owned) |
//! | [`load_mut`](Fb::load_mut), [`blocking_load_mut`](Fb::blocking_load_mut) | [`write`](Fb::write), [`blocking_write`](Fb::blocking_write) |
//! | [`make_mut`](Fb::make_mut), [`blocking_make_mut`](Fb::blocking_make_mut) | [`make_write`](Fb::make_write), [`blocking_make_write`](Fb::blocking_make_write) |
//! | [`PreparedPath::new`](fbstore::PreparedPath::new), [`blocking_new`](fbstore::PreparedPath::blocking_new) | [`PreparedPath::open`](fbstore::PreparedPath::open), [`blocking_open`](fbstore::PreparedPath::blocking_open) |
//! | [`FBStore::new`](fbstore::FBStore::new) | [`FBStore::open`](fbstore::FBStore::open) |
//!
//! # Async and blocking
//!
//! Operations have both forms. Async calls never block the executor: their
//! file work runs in the background. Blocking calls do their file work on the
//! calling thread, so call them from threads that may block. They need no running
//! executor, and also work after the runtime has been shut down. Every future is
//! cancel-safe: dropping it loses no data and no finished work.
//!
//! # Forks
//!
//! After a `fork` without an `exec`, stores, pools, datasets and handles still
//! belong to the parent. In the child, values in memory can still be read, and
//! everything can be dropped: this deletes no file and releases no lock. Operations
//! that need a file or background work fail at once ([`Error::is_forked`]), and
//! [`BackingStore::finished`] returns. Changes and inserts stay in the child's
//! memory. In the child, open a new store on another directory or a temporary one;
//! data that the parent persisted can be opened read-only. The child keeps the
//! parent's directories locked, even after the parent has ended, until it ends or
//! drops its copies of the parent's handles.
//!
//! In-memory locks that other threads hold at the moment of the fork stay locked in
//! the child, as with any library. Fork while no other thread is using the store.
//!
//!
// Links to the item if the feature is on, and to the feature table otherwise.
#![cfg_attr(feature = "bincodec", doc = "[`BinCodec`]: fbstore::BinCodec")]
#![cfg_attr(not(feature = "bincodec"), doc = "[`BinCodec`]: #features")]
#![cfg_attr(feature = "prostcodec", doc = "[`ProstCodec`]: fbstore::ProstCodec")]
#![cfg_attr(not(feature = "prostcodec"), doc = "[`ProstCodec`]: #features")]
#![cfg_attr(feature = "mappedcodec", doc = "[`MappedCodec`]: fbstore::MappedCodec")]
#![cfg_attr(not(feature = "mappedcodec"), doc = "[`MappedCodec`]: #features")]
#![cfg_attr(feature = "bytescodec", doc = "[`BytesCodec`]: fbstore::BytesCodec")]
#![cfg_attr(not(feature = "bytescodec"), doc = "[`BytesCodec`]: #features")]
#![cfg_attr(
    all(feature = "bincodec", feature = "mappedcodec"),
    doc = "[`MixedCodec`]: fbstore::MixedCodec"
)]
#![cfg_attr(
    not(all(feature = "bincodec", feature = "mappedcodec")),
    doc = "[`MixedCodec`]: #features"
)]
#![cfg_attr(not(feature = "dataset"), doc = "[`dataset`]: #features")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

// The files of `testing` that the tests of `tests/` compile too name the crate as those do.
#[cfg(test)]
extern crate self as file_backed;

pub mod backing_store;
mod compat;
mod computations;
pub mod convenience;
#[cfg(feature = "dataset")]
pub mod dataset;
mod error;
pub mod fbstore;
pub mod guide;
mod handle;
mod hash;
mod key;
mod lock_timeout;
mod pool;
mod process;
mod residency;
mod save;
mod stripes;
mod sync;
#[cfg(test)]
mod testing;

#[doc(inline)]
pub use backing_store::{BackingStore, BackingStoreT};
pub use error::{Error, Result};
pub use fbstore::StoreBuilder;
pub use handle::{Fb, MappedReadGuard, OwnedReadGuard, ReadGuard, WriteGuard};
pub use pool::{FBPool, Permit, Policy, PoolBuilder, Prefetched, Stats};
#[doc(no_inline)]
pub use uuid;

/// Compiles and runs the code of the README.
#[cfg(all(doctest, feature = "bincodec", feature = "mappedcodec"))]
#[doc = include_str!("../README.md")]
struct Readme;
