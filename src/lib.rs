//! Owning handles to more large values than fit in memory.
//!
//! A program keeps an [`Fb`] for each value. An [`FBPool`] keeps the recently
//! used values in memory and every other in one file of its own; a guard borrows
//! a value and loads it first where needed. Dropping the last handle deletes the
//! file in the background; persisting an item keeps its file across restarts.
//!
//! Three uses carry the design:
//!
//! 1. **Load large read-mostly blobs with zero copies.** [`MappedCodec`] stores
//!    [rkyv](https://rkyv.org) archives. A load maps the file, and a read guard
//!    borrows the archived data; nothing is deserialized.
//! 2. **Mutable items through the ordinary codecs**: [`BinCodec`] for serde types,
//!    [`ProstCodec`] for protobuf messages, in the same store if wanted.
//! 3. **Datasets that outlive the process**: items and a value that names them,
//!    committed atomically to a permanent directory, found again after a restart
//!    and read by other processes meanwhile.
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
//! // At most 100 values in memory, the others in files below `path`.
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
//! | change often, or only serde knows them | [`BinCodec`] |
//! | protobuf messages | [`ProstCodec`] |
//! | plain bytes, to be sent or handed on | [`BytesCodec`] |
//! | several of these kinds in one store | [`MixedCodec`] |
//! | anything else | [one of your own](fbstore::Codec) |
//!
//! | what bounds the memory | budget |
//! |---|---|
//! | values of about one size | a number of items: [`FBPool::new`], [`FBPool::open`] |
//! | values of many sizes | bytes, and a weigher: [`PoolBuilder::bytes`], on a [`BackingStore::open`] |
//! | mapped values | items; maps cost no memory of the process, and are not counted |
//! | a producer faster than the disk | one of these, and [`FBPool::reserve`] |
//!
//! | your code | calls |
//! |---|---|
//! | async | [`read`](Fb::read), [`write`](Fb::write) |
//! | a thread of its own, rayon, `spawn_blocking` | [`blocking_read`](Fb::blocking_read), [`blocking_write`](Fb::blocking_write) |
//! | must not wait at all | [`try_load`](Fb::try_load) |
//! | hands the value to another task | [`read_owned`](Fb::read_owned) |
//!
//! | the value is to outlive | do |
//! |---|---|
//! | nothing | nothing: a cache is swept at the next start |
//! | the process | [`spawn_persist`](Fb::spawn_persist) |
//! | a power cut | and then [`sync`](BackingStore::sync) |
//! | a power cut, together with others and what names them | [`convenience::blocking_save`], or a [`dataset`] |
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | handles and guards | [`Fb`], [`ReadGuard`], [`OwnedReadGuard`], [`WriteGuard`] |
//! | what stays in memory, and what it costs | [`FBPool`] |
//! | background work, persisted directories | [`BackingStore`], [`backing_store`] |
//! | files and codecs | [`fbstore`] |
//! | saving many items at once | [`convenience`] |
//! | committing items and what names them; restarts; other processes | [`dataset`] |
//! | what "saved" means, and on which file system | [`guide::durability`] |
//! | when to map files, and what that asks for | [`guide::zero_copy`] |
//! | types for `MappedCodec` | [`guide::archived_types`] |
//! | logs, spans and counts; what a full disk looks like | [`guide::observing`] |
//! | coming from the published 0.6 | [`guide::migrating`] |
//!
//! # Features
//!
//! None is on by default. They add up.
//!
//! | feature | gives | pulls in |
//! |---|---|---|
//! | `bincodec` | [`BinCodec`] | bincode, serde |
//! | `prostcodec` | [`ProstCodec`] | prost |
//! | `mappedcodec` | [`MappedCodec`], `Mapped<T>` | rkyv, bytecheck, memmap2 |
//! | `bytescodec` | [`BytesCodec`], `MappedBytes` | bytes, memmap2 |
//! | `bincodec` and `mappedcodec` | [`MixedCodec`] | |
//! | `dataset` | [`dataset`]`::Dataset` | serde, serde_json, crc32fast |
//! | `cli` | the command-line tool `file_backed` | indicatif, lexopt, `dataset` |
//! | `dupe` | `dupe::Dupe` for [`Fb`] | dupe |
//! | `fbstore` | nothing: users of the published 0.6 name it | |
//!
//! # Costs
//!
//! A hit takes no lock and allocates nothing. An item that is not in memory
//! costs 72 bytes of it, and about 60 more once its key is registered or
//! persisted; a handle costs 16, and a tracked path about 60 for each key.
//!
//! # Errors and panics
//!
//! Everything that can fail returns [`Result`], but for the names that this API
//! has always had and that leave no room for an error: they panic with the
//! error's text, say so under "Panics", and each has a twin that returns it.
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
//! Every operation has both forms. Async calls never block the executor: file
//! work runs in the background. Blocking calls do their file work on the calling
//! thread, and work without a running executor, also after the runtime has been
//! shut down; call them from threads that may block. Every future is
//! cancel-safe: dropping it loses no data and no finished work.
//!
//! # Forks
//!
//! After a `fork` without an `exec`, stores, pools, datasets and handles belong to
//! the parent. In the child, values in memory can still be read, and everything may
//! be dropped: no file is deleted and no lock given back. What needs a file or the
//! background returns an error at once ([`Error::is_forked`]), and
//! [`BackingStore::finished`] returns. Changes and inserts stay in the child's
//! memory. Open a store of its own in the child, on another directory or a temporary
//! one; what the parent has persisted can be opened read-only. The child keeps the
//! parent's directories locked, also beyond the parent's end, until it has ended or
//! has dropped what it has of them.
//!
//! Locks in memory that other threads have at the moment of the fork stay taken in
//! the child, as those of any library do: fork while no other thread works with the
//! store.
//!
// Links to what a feature gives; without it, to the features.
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

pub mod backing_store;
pub mod convenience;
#[cfg(feature = "dataset")]
pub mod dataset;
mod error;
pub mod fbstore;
pub mod guide;
mod handle;
mod key;
mod pool;
mod process;
mod residency;
mod sync;

#[doc(inline)]
pub use backing_store::{BackingStore, BackingStoreT};
pub use error::{Error, Result};
pub use handle::{Fb, MappedReadGuard, OwnedReadGuard, ReadGuard, WriteGuard};
pub use pool::{FBPool, Permit, PoolBuilder, Stats};
#[doc(no_inline)]
pub use uuid;

/// Compiles and runs the code of the README.
#[cfg(all(doctest, feature = "bincodec", feature = "mappedcodec"))]
#[doc = include_str!("../README.md")]
struct Readme;
