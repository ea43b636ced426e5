//! The codecs of `file_backed`: how one value becomes the payload of one file,
//! and back.
//!
//! This crate knows files and values, and nothing of pools, directories or
//! runtimes; use it through `file_backed::fbstore`, which re-exports it. All
//! `unsafe` of the library lives here.
//!
//! | feature | gives | pulls in |
//! |---|---|---|
//! | `bincodec` | `BinCodec`: serde values through bincode | bincode, serde |
//! | `prostcodec` | `ProstCodec`: protobuf messages | prost |
//! | `mappedcodec` | `MappedCodec`, `Mapped<T>`: rkyv archives, mapped | rkyv, bytecheck, `map` |
//! | `bytescodec` | `BytesCodec`, `MappedBytes`: plain bytes, mapped | bytes, `map` |
//! | `bincodec` and `mappedcodec` | `MixedCodec`: both kinds in one store | |
//! | `map` | `MapLicence`, `Map`, `map_budget`: mapping for codecs of your own | memmap2 |
//!
//! For codecs of your own there are [`Codec`] and, in [`frame`], reading and
//! writing of whole files.
//!
//! The crates whose types stand in signatures, bytes, prost and rkyv, are
//! re-exported.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aligned;
#[cfg(feature = "bincodec")]
mod bin;
#[cfg(feature = "bytescodec")]
mod blob;
#[cfg(feature = "bincodec")]
mod bounded;
mod codec;
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
// For the root crate and its tool.
#[doc(hidden)]
pub mod printable;
#[cfg(feature = "prostcodec")]
mod protobuf;
pub mod read_limit;

#[cfg(feature = "bincodec")]
pub use bin::BinCodec;
#[cfg(feature = "bytescodec")]
pub use blob::{BytesCodec, MappedBytes};
pub use codec::{ArchiveInto, Codec, CodecId};
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub use fetch::Verify;
pub use footprint::Footprint;
pub use forks::forks;
#[doc(inline)]
pub use frame::{FrameError, Load, Payload, PayloadWriter, ReadAhead, Source};
#[cfg(feature = "map")]
pub use map::{Access, Map, MapAttempt, MapLicence, MaybeMapped, Prefault, budget as map_budget};
#[cfg(feature = "mappedcodec")]
pub use mapped::{Archivable, ArchiveChecker, ArchiveWriter, Mapped, MappedCodec};
#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
pub use mixed::MixedCodec;
#[cfg(feature = "prostcodec")]
pub use protobuf::ProstCodec;

#[cfg(feature = "bytescodec")]
#[doc(no_inline)]
pub use bytes;
#[cfg(feature = "prostcodec")]
#[doc(no_inline)]
pub use prost;
#[cfg(feature = "mappedcodec")]
#[doc(no_inline)]
pub use rkyv;

/// Any error that a codec can fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;
