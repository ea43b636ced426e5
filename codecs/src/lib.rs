//! The codecs of `file_backed`: they turn one value into the payload of one file, and
//! back.
//!
//! Use this crate through `file_backed::fbstore`, which re-exports it. It deals with
//! files and values only; pools, directories and runtimes are out of its scope. All
//! `unsafe` code of the library is here, including the slot from which a pool reads values.
//!
//! | feature | provides | pulls in |
//! |---|---|---|
//! | `bincodec` | `BinCodec`: serde values through bincode | bincode, serde |
//! | `prostcodec` | `ProstCodec`: protobuf messages | prost |
//! | `mappedcodec` | `MappedCodec`, `Mapped<T>`: rkyv archives, mapped | rkyv, bytecheck, bytemuck, `map` |
//! | `bytescodec` | `BytesCodec`, `MappedBytes`: plain bytes, mapped | bytes, `map` |
//! | `bincodec` and `mappedcodec` | `MixedCodec`: both kinds in one store | |
//! | `map` | `MapLicence`, `Map`, `map_budget`: mapping for custom codecs | memmap2 |
//!
//! To write a custom codec, implement [`Codec`]. [`frame`] has functions that read and
//! write whole files, and [`pack`] the format of files that hold many small items.
//!
//! The crate re-exports bytemuck, bytes, prost and rkyv, whose types appear in its signatures.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aligned;
#[cfg(feature = "bincodec")]
mod bin;
#[cfg(feature = "bytescodec")]
mod blob;
#[cfg(feature = "bincodec")]
mod bounded;
mod codec;
mod error;
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
mod fetch;
mod footprint;
mod forks;
pub mod frame;
#[cfg(feature = "map")]
mod map;
#[cfg(feature = "mappedcodec")]
mod mapped;
#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
mod mixed;
pub mod pack;
// Used by the root crate and its command-line tool.
#[doc(hidden)]
pub mod printable;
#[cfg(feature = "prostcodec")]
mod protobuf;
pub mod read_limit;
// Used by the root crate.
#[doc(hidden)]
pub mod slot;
// Used by the root crate.
#[doc(hidden)]
pub mod write_back;

#[cfg(feature = "bincodec")]
pub use bin::BinCodec;
#[cfg(feature = "bytescodec")]
pub use blob::{BytesCodec, MappedBytes};
pub use codec::{ArchiveInto, Codec, CodecId};
pub use error::CodecError;
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub use fetch::Verify;
pub use footprint::Footprint;
pub use forks::forks;
#[doc(inline)]
pub use frame::{FrameError, Load, Payload, PayloadWriter, ReadAhead, Source};
#[cfg(feature = "map")]
pub use map::{Access, Map, MapAttempt, MapLicence, MaybeMapped, Prefault, budget as map_budget};
#[cfg(feature = "mappedcodec")]
pub use mapped::{
    Archivable, ArchiveChecker, ArchiveWriter, ArchivedNumber, Mapped, MappedCodec, NativeLayout,
    NativeSlice,
};
#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
pub use mixed::MixedCodec;
#[cfg(feature = "prostcodec")]
pub use protobuf::ProstCodec;

#[cfg(feature = "mappedcodec")]
#[doc(no_inline)]
pub use bytemuck;
#[cfg(feature = "bytescodec")]
#[doc(no_inline)]
pub use bytes;
#[cfg(feature = "prostcodec")]
#[doc(no_inline)]
pub use prost;
#[cfg(feature = "mappedcodec")]
#[doc(no_inline)]
pub use rkyv;

/// Any error that a codec can return.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The most threads that all stores of a process start to wait for disks. Memory maps are
/// left for them.
#[doc(hidden)]
pub const STORE_THREADS: usize = 512;
