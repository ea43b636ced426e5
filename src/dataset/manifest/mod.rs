//! The encoding of the generations of a dataset.
//!
//! | file | holds | encoding |
//! |---|---|---|
//! | manifest of version 1 | all items of a generation, and its root | [`Manifest`] |
//! | delta, a manifest of version 3 | what a generation changes in an earlier one | [`Delta`] |
//! | base | all items and names of a generation, and its root | [`Base`] |

mod base;
mod changes;
mod delta;
mod file_id;
mod kind;
mod name;
mod place;
mod recorded;
mod sealed;
mod whole;

pub(crate) use base::{Base, encode_base};
pub(crate) use changes::{Changes, ItemEntry};
pub(crate) use delta::{Delta, encoded_len_of};
pub(crate) use file_id::{FileId, WrittenFile};
pub(crate) use kind::ItemKind;
pub(crate) use name::Name;
#[cfg(any(test, fuzzing))]
pub(crate) use place::PackedAt;
pub(crate) use place::{PackUse, Place};
pub(crate) use recorded::Recorded;
pub(crate) use whole::{ItemRecord, Manifest, bytes_of, encode_root};
