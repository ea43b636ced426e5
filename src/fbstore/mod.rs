//! One directory of sharded files, and the codecs that encode values into them.
//!
//! [`FBStore`] stores each value in a separate file, at
//! `root/<first two hex digits of the key>/<32 hex digits>`. A [`Codec`] defines how a
//! value is encoded in its file:
//!
//! | codec | for | cost of a load |
//! |---|---|---|
//! | [`BinCodec`] | any [serde](https://serde.rs) type | one read and a decode |
//! | [`ProstCodec`] | protobuf messages | one read and a decode |
//! | [`MappedCodec`] | `Mapped<T>`: rkyv archives | a map and a validation; bytes are read when they are accessed |
//! | [`BytesCodec`] | `MappedBytes`: plain bytes, as `bytes::Bytes` | a map; bytes are read when they are accessed |
//! | [`MixedCodec`] | serde types, `Mapped<T>` and `MappedBytes` in one store | that of the codec for the type |
//! | [a custom codec](Codec) | whatever it encodes | whatever it does |
//!
//! Each codec requires a [feature](crate#features) of the crate.
//!
// Without its feature, a codec's link leads to the list of features.
#![cfg_attr(not(feature = "bincodec"), doc = "[`BinCodec`]: crate#features")]
#![cfg_attr(not(feature = "prostcodec"), doc = "[`ProstCodec`]: crate#features")]
#![cfg_attr(not(feature = "mappedcodec"), doc = "[`MappedCodec`]: crate#features")]
#![cfg_attr(not(feature = "bytescodec"), doc = "[`BytesCodec`]: crate#features")]
#![cfg_attr(
    not(all(feature = "bincodec", feature = "mappedcodec")),
    doc = "[`MixedCodec`]: crate#features"
)]

mod archiving;
mod builder;
mod check;
#[cfg(feature = "dataset")]
mod copying;
pub mod descriptor_budget;
mod directory;
mod durability;
pub(crate) mod file_ref;
#[cfg(target_os = "linux")]
mod file_systems;
pub(crate) mod files;
mod foreign;
mod handles;
#[cfg(target_os = "linux")]
mod inotify;
mod kept_file;
mod layout;
mod lock;
mod manifests;
mod meter;
#[cfg(unix)]
mod names_by_handle;
#[cfg(not(unix))]
mod names_by_path;
mod open;
mod packs;
mod prepared_path;
mod quota;
mod readers;
pub(crate) mod real_files;
mod role;
mod scan;
mod store;
mod sweep;
mod temporary;
mod temporary_dir;
#[cfg(test)]
mod tests;
mod transfer;

pub use crate::compat::sanitize_path;
pub use builder::StoreBuilder;
#[cfg(feature = "dataset")]
pub(crate) use check::Stamped;
#[cfg(feature = "bincodec")]
pub use file_backed_codecs::BinCodec;
#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
pub use file_backed_codecs::MixedCodec;
#[cfg(feature = "prostcodec")]
pub use file_backed_codecs::ProstCodec;
#[cfg(feature = "mappedcodec")]
#[doc(no_inline)]
pub use file_backed_codecs::bytemuck;
#[cfg(feature = "bytescodec")]
#[doc(no_inline)]
pub use file_backed_codecs::bytes;
#[cfg(feature = "prostcodec")]
#[doc(no_inline)]
pub use file_backed_codecs::prost;
#[cfg(feature = "mappedcodec")]
#[doc(no_inline)]
pub use file_backed_codecs::rkyv;
#[cfg(any(feature = "mappedcodec", feature = "bytescodec"))]
pub use file_backed_codecs::{
    Access, Map, MapAttempt, MapLicence, MaybeMapped, Prefault, Verify, map_budget,
};
#[cfg(feature = "mappedcodec")]
pub use file_backed_codecs::{
    Archivable, ArchiveChecker, ArchiveWriter, ArchivedNumber, Mapped, MappedCodec, NativeLayout,
    NativeSlice,
};
pub use file_backed_codecs::{
    ArchiveInto, BoxError, Codec, CodecError, CodecId, Footprint, FrameError, Load, Payload,
    PayloadWriter, ReadAhead, Source, frame, pack, read_limit,
};
#[cfg(feature = "bytescodec")]
pub use file_backed_codecs::{BytesCodec, MappedBytes};
#[cfg(feature = "dataset")]
pub(crate) use layout::pack_path;
pub use layout::{RESERVED, key_path};
#[cfg(feature = "dataset")]
pub(crate) use manifests::Manifests;
#[cfg(feature = "dataset")]
pub(crate) use prepared_path::on_a_thread;
pub use prepared_path::{PathBuilder, PreparedPath};
pub use readers::Readers;
pub(crate) use scan::keys_in;
pub use store::FBStore;
