//! Values as rkyv archives, used where they lie: in a mapped file, or in memory
//! that looks like one.

mod archivable;
mod checker;
mod codec;
mod format;
mod numbers;
mod tables;
mod trees;
mod trust;
mod value;
mod writer;

pub use archivable::Archivable;
pub use checker::ArchiveChecker;
pub use codec::MappedCodec;
pub use value::Mapped;
pub use writer::ArchiveWriter;
