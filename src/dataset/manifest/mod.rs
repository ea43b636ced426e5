//! The encoding of the generations of a dataset.

mod sealed;
mod whole;

pub(crate) use whole::{ItemRecord, Manifest, bytes_of, encode_root, find};
