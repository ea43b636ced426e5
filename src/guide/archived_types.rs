//! Types for [`MappedCodec`]: what they cost, and how they change.
//!
//! The archive is the format of the file, so that the type decides what a load costs and
//! which program can read it.
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use file_backed::FBPool;
//! use file_backed::fbstore::{Mapped, MappedCodec, rkyv};
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(crate = file_backed::fbstore::rkyv)] // not needed if you depend on rkyv
//! struct Track {
//!     name: String,
//!     /// One column for each quantity: validating it costs nothing.
//!     seconds: Vec<f64>,
//!     metres: Vec<f32>,
//! }
//!
//! // SAFETY: nobody but this pool touches the files of the temporary directory that
//! // it makes for itself.
//! let codec = unsafe { MappedCodec::new() }.schema::<Track>(1);
//! let pool = FBPool::temp(codec, 10).await?;
//! let track = Track {
//!     name: "Ridge".into(),
//!     seconds: vec![0.5; 9],
//!     metres: vec![2.0; 9],
//! };
//! let item = pool.insert(Mapped::new(&track)?);
//!
//! let track = item.read().await?;
//! assert_eq!(track.name, "Ridge");
//! assert_eq!(track.metres[8], 2.0);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "mappedcodec"))]
//! # fn main() {}
//! ```
//!
//! # What validation costs
//!
//! Each new read or map is validated before it is trusted; a map that was kept is not
//! validated again.
//!
//! | in the type | cost |
//! |---|---|
//! | numbers, and arrays, `Vec`s and structs of them | nothing for each element |
//! | `bool`, `char`, `NonZero`, enums, `Option` | a check for each: it touches all of the bytes |
//! | `String`, `Vec` or `Box` within a `Vec` | some nanoseconds for each, and a look through the text of each string |
//!
//! Columns (a `Vec` for each field) load faster than rows with pointers in them: one
//! string of all names and a `Vec<u32>` of where each begins, in place of a
//! `Vec<String>`. [`trusting`] leaves validation out; it is `unsafe`, and
//! its promise is that each file holds an archive of this very type.
//!
//! # What validation does not cover
//!
//! An archive that passes validation can be read by safe code without undefined
//! behaviour, also if its file was made by an attacker. That includes what rkyv 0.8.18
//! itself leaves unchecked of its B-trees and hash tables (see
//! `fbstore::ArchiveChecker`). Validation does not cover:
//!
//! **Values.** Damage or an attacker may leave a valid archive of other values: a map
//! whose keys are out of order or under the wrong hash, so that a lookup does not find
//! them; an `IndexMap` or `IndexSet` whose table leads to other entries, or to none, in
//! which case a lookup panics. Accidental damage is found by the checksum: when a file is
//! read, and with `Verify::Always` also where it is mapped.
//!
//! **Implementations that lie.** `LayoutRaw` and `ArchivePointee` are safe traits of
//! rkyv, and its validation trusts what they say of a type behind a pointer. An
//! implementation that states a wrong size or wrong metadata defeats any validation.
//! Derived types and those of rkyv state the right ones, so this takes code in your
//! program: no file can bring it about. Implementations of `CheckBytes` and `Verify` are
//! `unsafe`, and promise it.
//!
//! # `Option`, niches and other wrappers
//!
//! An `Option` in an archive has a byte of its own, and the gap that alignment puts
//! behind it: 8 bytes for an `Option<u32>`. A *niche* takes a value that does not occur
//! for `None`. That and more is said of a field with `#[rkyv(with = ..)]`, which changes
//! how it is archived and not its type:
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # fn main() -> Result<(), file_backed::fbstore::BoxError> {
//! use std::path::PathBuf;
//!
//! use file_backed::fbstore::{Mapped, rkyv};
//! use rkyv::niche::niching::NaN;
//! use rkyv::with::{AsString, Niche, NicheInto, Skip};
//!
//! #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
//! # #[rkyv(crate = file_backed::fbstore::rkyv)]
//! struct Sample {
//!     #[rkyv(with = NicheInto<NaN>)]
//!     celsius: Option<f32>, // 4 bytes in place of 8
//!     #[rkyv(with = Niche)]
//!     note: Option<Box<str>>, // 8 bytes in place of 12
//!     #[rkyv(with = AsString)]
//!     source: PathBuf, // has no archived form of its own
//!     #[rkyv(with = Skip)]
//!     index: Vec<usize>, // not in the file; empty when it is deserialized
//! }
//!
//! let sample = Sample {
//!     celsius: Some(21.5),
//!     note: None,
//!     source: "station/7".into(),
//!     index: vec![1, 2],
//! };
//! let archived = Mapped::new(&sample)?;
//! assert_eq!(archived.celsius.as_ref().map(|it| it.to_native()), Some(21.5));
//! assert!(archived.note.is_none());
//! assert_eq!(archived.source, "station/7");
//! assert!(archived.deserialize()?.index.is_empty());
//! # use rkyv::Archived;
//! # assert_eq!(size_of::<Archived<Option<f32>>>(), 8);
//! # assert_eq!(size_of_val(&archived.celsius), 4);
//! # assert_eq!(size_of::<Archived<Option<Box<str>>>>(), 12);
//! # assert_eq!(size_of_val(&archived.note), 8);
//! # assert_eq!(size_of::<Archived<Option<u32>>>(), 8);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "mappedcodec"))]
//! # fn main() {}
//! ```
//!
//! A wrapper is part of the format: to add one or take one away makes another type of
//! the file. For a type of another crate that rkyv does not know, write a wrapper of your
//! own: `ArchiveWith`, `SerializeWith` and `DeserializeWith`.
//!
//! # When a type changes
//!
//! An archive has no field names and no version. A field that is added, removed, moved
//! or given another type makes another format. The footer holds the size and the
//! alignment of the root, which finds many such changes; two types that agree in both
//! may still be taken for each other, for the bytes of the one are often a valid archive
//! of the other. The schema id is what tells them apart: give each type that is persisted
//! one with [`schema`], and choose another when the type changes. A file with
//! another id, or none, is refused.
//!
//! To carry files over, keep the old type under its old id, read with it, and insert the
//! new one: two pools on one store, with one codec that has both ids. What changes often
//! is better kept with `BinCodec` or `ProstCodec`.
//!
//! # Versions in an enum
//!
//! A type that is known to change can say so from the start: an enum of versions, each
//! **in a `Box`**, under one schema id. The box keeps the root the same size whatever a
//! version holds, so that files of the old program fit the new one.
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # fn main() -> Result<(), file_backed::fbstore::BoxError> {
//! use file_backed::fbstore::{Mapped, MappedCodec, frame, rkyv};
//!
//! /// As it was in last year's program.
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = file_backed::fbstore::rkyv)]
//! enum OldTrack {
//!     V1(Box<V1>),
//! }
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = file_backed::fbstore::rkyv)]
//! enum Track {
//!     V1(Box<V1>),
//!     V2(Box<V2>), // at the end: the place of a variant stands in the file
//! }
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = file_backed::fbstore::rkyv)]
//! struct V1 {
//!     metres: Vec<f32>,
//! }
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = file_backed::fbstore::rkyv)]
//! struct V2 {
//!     name: String,
//!     metres: Vec<f64>,
//! }
//!
//! impl ArchivedTrack {
//!     fn name(&self) -> &str {
//!         match self {
//!             Self::V1(_) => "without a name",
//!             Self::V2(track) => &track.name,
//!         }
//!     }
//! }
//!
//! let old = OldTrack::V1(Box::new(V1 { metres: vec![2.0; 9] }));
//! let mut file = Vec::new();
//! let codec = MappedCodec::heap().schema::<OldTrack>(7);
//! frame::write_file(&codec, &Mapped::new(&old)?, &mut file)?;
//!
//! let codec = MappedCodec::heap().schema::<Track>(7);
//! let track: Mapped<Track> = frame::read_file(&codec, &file)?;
//! assert_eq!(track.name(), "without a name");
//! # let new = Track::V2(Box::new(V2 { name: "Ridge".into(), metres: vec![] }));
//! # file.clear();
//! # frame::write_file(&codec, &Mapped::new(&new)?, &mut file)?;
//! # let track: Mapped<Track> = frame::read_file(&codec, &file)?;
//! # assert_eq!(track.name(), "Ridge");
//! # let codec = MappedCodec::heap().schema::<OldTrack>(7);
//! # let refused = frame::read_file::<Mapped<OldTrack>, _>(&codec, &file).unwrap_err();
//! # let refused = refused.downcast::<frame::FrameError>()?;
//! # assert!(refused.is_damage(), "{refused}");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "mappedcodec"))]
//! # fn main() {}
//! ```
//!
//! Versions are added at the end and never changed or removed. The old program takes a
//! file of a version that it does not know for damaged, since nothing tells it that the
//! file is newer.
//!
//! # Values over 2 GiB
//!
//! rkyv's pointers have 32 bits unless it is told otherwise. An archive can have
//! 2 130 706 431 bytes then, a little less than 2 GiB, and one that would be larger is
//! refused, with nothing left of it:
//!
//! ```
//! # #[cfg(all(feature = "mappedcodec", target_pointer_width = "64"))]
//! # #[tokio::main]
//! # async fn main() -> file_backed::Result<()> {
//! use std::sync::Arc;
//!
//! use file_backed::FBPool;
//! use file_backed::fbstore::{Mapped, MappedCodec};
//!
//! let codec = MappedCodec::heap();
//! let pool: Arc<FBPool<Mapped<Vec<u8>>, _>> = FBPool::temp(codec, 10).await?;
//! let refused = pool.insert_archived(vec![0_u8; 1 << 31]).await.expect_err("2 GiB");
//! assert_eq!(
//!     refused.get_ref().to_string(),
//!     "the archive would have more than 2130706431 bytes, the most that rkyv's \
//!      compiled pointer width can address: switch on rkyv's feature `pointer_width_64`"
//! );
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "mappedcodec", target_pointer_width = "64")))]
//! # fn main() {}
//! ```
//!
//! Split such a value into several items: each is then loaded, kept and let go of by
//! itself. Where it has to be one, turn on wide pointers in your own `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! rkyv = { version = "0.8", features = ["pointer_width_64"] }
//! ```
//!
//! * rkyv's format features (pointer width, byte order, alignment) hold for the whole
//!   program, whichever crate turns them on. The footer records them, and a file of
//!   another format is refused as a [mismatch](crate::Error::is_mismatch), so turn them
//!   on before there are files to keep.
//! * **With 32 bits, rkyv cuts a larger `usize` without a word**; write `u64` where a
//!   number may be large, and `u32` where it may not. A `String` of 1 GiB and more is
//!   refused with an error.
//! * [`Mapped::new`] makes the archive in memory.
//!   [`insert_archived`](crate::FBPool::insert_archived) writes it to the file as it is
//!   made, so that memory holds the value and what rkyv notes down meanwhile: nothing
//!   for a `Vec` of numbers, a few bytes an element for a `Vec<String>`, more for a
//!   `HashMap`, whose table it puts together first. (rkyv keeps the largest block of
//!   that with the thread.) A `with` wrapper that serializes piece by piece spares even
//!   the value. `codecs/large` in the repository does so: it writes an archive of more
//!   than 4 GiB without having it in memory, maps it, and reads what stands on both
//!   sides of the boundary.
//! * A huge file that cannot be mapped is read into memory, as with `heap()`.
//!
//! # Alignment
//!
//! A map begins at a page, and memory that a file is read into is aligned as the type
//! asks, up to 4096 bytes; more is refused. rkyv itself leaves gaps of at most 31 bytes
//! between the parts of an archive, and panics where it needs a larger one: elements
//! aligned to 64 bytes or more behind a pointer (in a `Vec` or a `Box`) must be the
//! first thing that is archived. The root is free of that.
//!
//! # Large roots
//!
//! rkyv puts each value together on the stack before it writes it, and so the root with
//! all that lies in it inline: a `[f32; 1 << 20]` takes 4 MiB of stack, and tokio's
//! threads have 2 MiB unless it is told otherwise, so that the process would end. Put
//! what is large behind a `Vec` or a `Box<[f32]>`.
//!
//! # Deep types
//!
//! Validation calls itself for each pointer, so that a list of boxes needs stack for
//! each link. More than 128 pointers in a row are refused as
//! [`FrameError::TooDeep`](crate::fbstore::FrameError::TooDeep), which is no damage;
//! [`max_depth`] raises that for threads that have the stack, at 100 to 200 bytes a
//! pointer in an optimized build and 1 to 2 KiB in a debug build. Better is a `Vec` of
//! nodes that name each other by index: flat, and quick to validate.
//!
//! # Pitfalls
//!
//! * The archived type is another type: `ArchivedString`, `ArchivedVec<f32_le>`. Compare
//!   and compute through `as_str`, `as_slice` and `to_native`, and deserialize only what
//!   you are going to change ([`Fb::update`]).
//! * A `Vec<f32>` lies in an archive as `f32_le`s, which on a little-endian machine have
//!   the bytes of `f32`s. Where a `&[f32]` is wanted, [bytemuck](https://docs.rs/bytemuck)
//!   gives it without a copy, `bytemuck::cast_slice(tile.heights.as_slice())`, if your
//!   `Cargo.toml` names the crate of rkyv's numbers:
//!   `rend = { version = "0.5", features = ["bytemuck-1"] }`.
//! * A `HashMap` is archived in the order in which it iterates, so that archives of equal
//!   maps may differ in their bytes. Those of a `BTreeMap` or a sorted `Vec` do not.
//! * An archive is read only. Atomics, locks and whatever else changes behind a shared
//!   reference have no place in one.
//! * An `Archive` implementation of your own can write nonsense: it is found when it is
//!   validated, and not at all with validation left out.
//!
// Links to what the feature gives; without it, to the features.
#![cfg_attr(
    feature = "mappedcodec",
    doc = "[`MappedCodec`]: crate::fbstore::MappedCodec
[`schema`]: crate::fbstore::MappedCodec::schema
[`trusting`]: crate::fbstore::MappedCodec::trusting
[`max_depth`]: crate::fbstore::MappedCodec::max_depth
[`Mapped::new`]: crate::fbstore::Mapped::new
[`Fb::update`]: crate::Fb::update"
)]
#![cfg_attr(
    not(feature = "mappedcodec"),
    doc = "[`MappedCodec`]: crate#features
[`schema`]: crate#features
[`trusting`]: crate#features
[`max_depth`]: crate#features
[`Mapped::new`]: crate#features
[`Fb::update`]: crate#features"
)]
