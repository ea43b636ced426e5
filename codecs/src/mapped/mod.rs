//! Values as rkyv archives, used in place: in a mapped file, or in memory with the same
//! layout.

mod archivable;
mod checker;
mod codec;
mod format;
mod native;
mod numbers;
mod tables;
mod trees;
mod trust;
mod value;
mod writer;

pub use archivable::Archivable;
pub use checker::ArchiveChecker;
pub use codec::MappedCodec;
pub use native::{ArchivedNumber, NativeLayout, NativeSlice};
pub use value::Mapped;
pub use writer::ArchiveWriter;
