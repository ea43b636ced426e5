//! Types for [`MappedCodec`]: what they cost, and how they change.
//!
//! The archive is the file format, so the type decides what a load costs and which
//! programs can read the file.
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
//!     /// One column for each quantity: validation costs nothing.
//!     seconds: Vec<f64>,
//!     metres: Vec<f32>,
//! }
//!
//! // SAFETY: only this pool touches the files of the temporary directory that it
//! // creates.
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
//! Every read and every new map is validated before it is trusted. A map that was kept is
//! not validated again.
//!
//! | in the type | cost |
//! |---|---|
//! | numbers, and arrays, `Vec`s and structs of them | nothing for each element |
//! | `bool`, `char`, `NonZero`, enums, `Option` | one check for each, which touches all of the bytes |
//! | `String`, `Vec` or `Box` within a `Vec` | some nanoseconds for each, and a scan of the text of each string |
//!
//! Columns (one `Vec` for each field) load faster than rows that hold pointers. For
//! example, replace a `Vec<String>` with one string of all names and a `Vec<u32>` of the
//! offset of each name. [`trusting`] skips validation. It is `unsafe`: the caller
//! promises that each file holds an archive of exactly this type.
//!
//! # What validation does not cover
//!
//! Safe code can read a validated archive without undefined behaviour, even if an
//! attacker wrote the file. This includes the parts of B-trees and hash tables that rkyv
//! 0.8.18 itself does not check (see `fbstore::ArchiveChecker`). Validation does not
//! cover:
//!
//! **Values.** Damage or an attacker can leave a valid archive of different values. The
//! keys of a map may be out of order or under the wrong hash, so that a lookup misses
//! them. The table of an `IndexMap` or `IndexSet` may lead to the wrong entries, or to
//! none, and then a lookup panics. The checksum finds accidental damage: whenever a file
//! is read and, with `Verify::Always`, also when it is mapped.
//!
//! **Wrong trait implementations.** `LayoutRaw` and `ArchivePointee` are safe traits of
//! rkyv, and its validation trusts what they report about a type behind a pointer. An
//! implementation that reports a wrong size or wrong metadata defeats any validation.
//! Derived implementations and those of rkyv are correct, so only code in your program
//! can cause this; no file can. Implementations of `CheckBytes` and `Verify` are `unsafe`
//! and make that promise.
//!
//! # `Option`, niches and other wrappers
//!
//! An archived `Option` has a tag byte, followed by padding for alignment: an
//! `Option<u32>` takes 8 bytes. A *niche* represents `None` by a value that does not
//! otherwise occur. Select it with `#[rkyv(with = ..)]` on the field, which changes how
//! the field is archived but not its type. The same attribute selects other wrappers:
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # fn main() -> file_backed::Result<()> {
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
//!     celsius: Option<f32>, // 4 bytes instead of 8
//!     #[rkyv(with = Niche)]
//!     note: Option<Box<str>>, // 8 bytes instead of 12
//!     #[rkyv(with = AsString)]
//!     source: PathBuf, // rkyv does not archive a `PathBuf` itself
//!     #[rkyv(with = Skip)]
//!     index: Vec<usize>, // not in the file; empty once deserialized
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
//! A wrapper is part of the format: adding or removing one changes the type of the file.
//! For a foreign type that rkyv does not support, write your own wrapper with
//! `ArchiveWith`, `SerializeWith` and `DeserializeWith`.
//!
//! # Numbers as slices
//!
//! A `Vec<f32>` is archived as an `ArchivedVec<f32_le>`. On a little-endian machine its
//! elements have the bytes of `f32`s, and `NativeSlice` gives them as a `&[f32]`, in place,
//! for any code that takes one: ndarray, BLAS, SIMD, `bytemuck`.
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use file_backed::FBPool;
//! use file_backed::fbstore::{Mapped, MappedCodec, NativeSlice, bytemuck, rkyv};
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = file_backed::fbstore::rkyv)]
//! struct Document {
//!     title: String,
//!     embedding: Vec<f32>,
//!     boxes: Vec<[u16; 4]>,
//! }
//!
//! fn dot(a: &[f32], b: &[f32]) -> f32 {
//!     a.iter().zip(b).map(|(a, b)| a * b).sum()
//! }
//!
//! # // SAFETY: only this pool touches the files of its temporary directory.
//! # let pool = FBPool::temp(unsafe { MappedCodec::new() }, 10).await?;
//! # let document = Document {
//! #     title: "Ridge".into(),
//! #     embedding: vec![0.5, 0.25],
//! #     boxes: vec![[1, 2, 3, 4], [5, 6, 7, 8]],
//! # };
//! # let item = pool.insert(Mapped::new(&document)?);
//! let document = item.read().await?;
//! let query = [2.0, 4.0];
//!
//! // On any machine: a `Cow<[f32]>`, borrowed on a little-endian one.
//! assert_eq!(dot(&document.embedding.to_native(), &query), 2.0);
//!
//! # #[cfg(target_endian = "little")] {
//! // On a little-endian machine, or it does not compile: a `&[f32]`.
//! assert_eq!(dot(document.embedding.as_native(), &query), 2.0);
//!
//! let boxes: &[[u16; 4]] = document.boxes.as_native();
//! let edges: &[u16] = boxes.as_flattened();
//! let bytes: &[u8] = bytemuck::cast_slice(edges);
//! assert_eq!((edges.len(), bytes.len()), (8, 16));
//! # }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "mappedcodec"))]
//! # fn main() {}
//! ```
//!
//! | field | archived as | `as_native()` |
//! |---|---|---|
//! | `Vec<f32>`, `Box<[f32]>`, `[f32; N]` | `f32_le`s | `&[f32]` |
//! | `Vec<[f32; 3]>`, `[[f32; 3]; N]` | `[f32_le; 3]`s | `&[[f32; 3]]`; `as_flattened` makes it `&[f32]` |
//! | `Vec<usize>` | `u32_le`s | `&[u32]`; `&[u64]` with rkyv's feature `pointer_width_64` |
//! | `Vec<u8>` | `u8`s | not needed: it is a `&[u8]` |
//! | `Vec<bool>`, `Vec<char>`, `Vec<Option<f32>>` | | not numbers: use an integer, or a NaN |
//!
//! * `as_native` costs nothing, mapped or not, and the slice borrows from the guard. It is
//!   aligned for its elements, but no further: for SIMD use unaligned loads, or
//!   `slice::align_to`.
//! * Where the archive's numbers have another byte order than the machine (big-endian
//!   machines, rkyv's feature `big_endian`) or no alignment (rkyv's feature `unaligned`),
//!   `as_native` does not compile, and `to_native` copies. A program that is to run
//!   everywhere calls `to_native`.
//! * rkyv's numbers are `bytemuck::Pod`, so structs of numbers can be cast too, if they
//!   derive it in both forms (with `bytemuck`'s feature `derive` in your `Cargo.toml`).
//!   `bytemuck` compares sizes and not byte order, so do this for little-endian machines
//!   only:
//!
//! ```ignore
//! #[derive(Clone, Copy, Pod, Zeroable, rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(derive(Clone, Copy, Pod, Zeroable))]
//! #[repr(C)]
//! struct Point {
//!     x: f32,
//!     y: f32,
//! }
//!
//! #[cfg(target_endian = "little")]
//! fn points(points: &[ArchivedPoint]) -> &[Point] {
//!     bytemuck::cast_slice(points)
//! }
//! ```
//!
//! # When a type changes
//!
//! An archive has no field names and no version. Adding, removing or moving a field, or
//! changing its type, makes a new format. The footer records the size and alignment of
//! the root, which detects many such changes. Two types that agree in both can still be
//! confused, because the bytes of one are often a valid archive of the other. The schema
//! id tells them apart: give each persisted type one with [`schema`], and choose another
//! when the type changes. A file with another id, or with none, is refused.
//!
//! To migrate files, keep the old type under its old id, read with it, and insert the new
//! type: use two pools on one store, with one codec that has both ids. For types that
//! change often, prefer `BinCodec` or `ProstCodec`.
//!
//! # Versions in an enum
//!
//! If you expect a type to change, start with an enum of versions, each **in a `Box`**,
//! under one schema id. The box keeps the size of the root the same whatever a version
//! holds, so new programs can read the files of old ones.
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # fn main() -> file_backed::Result<()> {
//! use file_backed::fbstore::{Mapped, MappedCodec, frame, rkyv};
//!
//! /// The type in last year's program.
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
//!     V2(Box<V2>), // at the end: the file holds the variant's index
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
//! # let refused: &frame::FrameError = refused.downcast_ref().expect("it is typed");
//! # assert!(refused.is_damage(), "{refused}");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "mappedcodec"))]
//! # fn main() {}
//! ```
//!
//! Add versions at the end, and never change or remove one. An old program reports a file
//! of a version that it does not know as damaged, because nothing in the file says that
//! it is newer.
//!
//! # Values over 2 GiB
//!
//! rkyv's pointers have 32 bits by default. An archive is then limited to 2 130 706 431
//! bytes, slightly less than 2 GiB. A larger one is refused, and nothing of it is left
//! behind:
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
//!      compiled pointer width can address: enable rkyv's feature `pointer_width_64`"
//! );
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "mappedcodec", target_pointer_width = "64")))]
//! # fn main() {}
//! ```
//!
//! Split such a value into several items, each of which is then loaded, cached and
//! evicted separately. If it has to be one value, enable wide pointers in your own
//! `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! rkyv = { version = "0.8", features = ["pointer_width_64"] }
//! ```
//!
//! * rkyv's format features (pointer width, byte order, alignment) apply to the whole
//!   program, whichever crate enables them. The footer records them, and a file of
//!   another format is refused as a [mismatch](crate::Error::is_mismatch). Enable them
//!   before you have files to keep.
//! * **With 32 bits, rkyv silently truncates a larger `usize`.** Write `u64` where a
//!   number may be large, and `u32` where it may not. A `String` of 1 GiB or more is
//!   refused with an error.
//! * [`Mapped::new`] builds the archive in memory.
//!   [`insert_archived`](crate::FBPool::insert_archived) writes the archive to the file
//!   as it is built, so memory holds only the value and rkyv's working data: nothing for
//!   a `Vec` of numbers, a few bytes an element for a `Vec<String>`, more for a
//!   `HashMap`, whose table rkyv builds first. (rkyv keeps the largest block of that
//!   working data with the thread.) A `with` wrapper that serializes piece by piece
//!   avoids holding even the value. `codecs/large` in the repository does so: it writes
//!   an archive of more than 4 GiB without holding it in memory, maps it, and reads data
//!   on both sides of the boundary.
//! * A huge file that cannot be mapped is read into memory, as with `heap()`.
//!
//! # Alignment
//!
//! A map begins at a page boundary. Memory that a file is read into is aligned as the
//! type requires, up to 4096 bytes; a larger alignment is refused. rkyv itself inserts at
//! most 31 bytes of padding between the parts of an archive, and panics where it needs
//! more. Elements aligned to 64 bytes or more behind a pointer (in a `Vec` or a `Box`)
//! must therefore be archived first. This limit does not apply to the root.
//!
//! # Large roots
//!
//! rkyv builds each value on the stack before writing it, and so also the root with all
//! inline data: a `[f32; 1 << 20]` takes 4 MiB of stack. tokio's threads have 2 MiB by
//! default, so the process would abort. Put large data in a `Vec` or a `Box<[f32]>`.
//!
//! # Deep types
//!
//! Validation recurses for each pointer, so a list of boxes needs stack for each link.
//! More than 128 nested pointers are refused as
//! [`FrameError::TooDeep`](crate::fbstore::FrameError::TooDeep), which does not count as
//! damage. [`max_depth`] raises the limit for threads that have the stack: allow 100 to
//! 200 bytes a pointer in an optimized build, and 1 to 2 KiB in a debug build. Prefer a
//! `Vec` of nodes that refer to each other by index: it is flat and quick to validate.
//!
//! # Pitfalls
//!
//! * The archived type is a different type: `ArchivedString`, `ArchivedVec<f32_le>`.
//!   Compare and compute through `as_str`, `as_slice` and `to_native`, take
//!   [numbers as slices](#numbers-as-slices), and deserialize only what you are going to
//!   change ([`Fb::update`]).
//! * A `HashMap` is archived in its iteration order, so archives of equal maps may differ
//!   in their bytes. Archives of a `BTreeMap` or a sorted `Vec` do not.
//! * An archive is read-only. It cannot hold atomics, locks or anything else with
//!   interior mutability.
//! * Your own `Archive` implementation can write invalid data. Validation finds it;
//!   without validation, nothing does.
//!
// Link to the items of the feature or, without it, to the list of features.
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
