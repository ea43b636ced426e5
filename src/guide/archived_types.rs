//! Types for `MappedCodec`: the archive is the format of the file, so that the type
//! decides what a load costs and which program can read it.
//!
//! ```
//! # #[cfg(feature = "mappedcodec")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use file_backed::FBPool;
//! use file_backed::fbstore::{Mapped, MappedCodec, rkyv};
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(crate = file_backed::fbstore::rkyv)]
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
//! let track = Track { name: "Ridge".into(), seconds: vec![0.5; 9], metres: vec![2.0; 9] };
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
//! # Alignment
//!
//! A map begins at a page, and memory that a file is read into is aligned as the type
//! asks, up to 4096 bytes; more is refused. rkyv itself leaves gaps of at most 31 bytes
//! between the parts of an archive, and panics where it needs a larger one: elements
//! aligned to 64 bytes or more behind a pointer (in a `Vec` or a `Box`) must be the
//! first thing that is archived. The root is free of that.
//!
//! # `usize`, pointers and 2 GiB
//!
//! * An archive reaches nearly 2 GiB with rkyv's pointers of 32 bits, and is refused
//!   with an error beyond. Split the value into several items, or turn on rkyv's feature
//!   `pointer_width_64` in your own `Cargo.toml`.
//! * **A `usize` above 32 bits is cut without a word** then, and so is the length of a
//!   `String` of 1 GiB and more. Write `u64` where a number may be large, and `u32`
//!   where it may not.
//! * rkyv's format features (pointer width, byte order, alignment) hold for the whole
//!   program, whichever crate turns them on. The footer records them, and a file of
//!   another format is refused as a [mismatch](crate::Error::is_mismatch).
//!
//! # When a type changes
//!
//! An archive has no field names and no version. A field that is added, removed, moved
//! or given another type makes another format. The footer holds the size and the
//! alignment of the root, which finds many such changes; two types that agree in both
//! may still be taken for each other, for the bytes of the one are often a valid archive
//! of the other. The schema id is what tells them apart: give each type that is persisted
//! one with `schema::<T>(id)`, and choose another when the type changes. A file with
//! another id, or none, is refused.
//!
//! To carry files over, keep the old type under its old id, read with it, and insert the
//! new one. What changes often is better kept with `BinCodec` or `ProstCodec`.
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
//! | `String`, `Vec` or `Box` within a `Vec` | some nanoseconds for each, and for the text of each string |
//!
//! Columns (a `Vec` for each field) load faster than rows with pointers in them: one
//! string of all names and a `Vec<u32>` of where each begins, in place of a
//! `Vec<String>`. `trusting` leaves validation out; it is `unsafe`, and
//! its promise is that each file holds an archive of this very type.
//!
//! # Deep types
//!
//! Validation calls itself for each pointer, so that a list of boxes needs stack for
//! each link. More than 128 pointers in a row are refused; `max_depth` raises that for
//! threads that have the stack, at 100 to 200 bytes a pointer in an optimized build and
//! 1 to 2 KiB in a debug build. Better is a `Vec` of nodes that name each other by index:
//! flat, and quick to validate.
//!
//! # Pitfalls
//!
//! * The archived type is another type: `ArchivedString`, `ArchivedVec<f32_le>`. Compare
//!   and compute through `as_str`, `as_slice` and `to_native`, and deserialize only what
//!   you are going to change (`Fb::update`).
//! * A `HashMap` is archived in the order in which it iterates, so that archives of equal
//!   maps may differ in their bytes. Those of a `BTreeMap` or a sorted `Vec` do not.
//! * An archive is read only. Atomics, locks and whatever else changes behind a shared
//!   reference have no place in one.
//! * An `Archive` implementation of your own can write nonsense: it is found when it is
//!   validated, and not at all with validation left out.
