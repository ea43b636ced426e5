//! Values as rkyv archives, used where they lie: in a mapped file, or in memory
//! that looks like one.

mod archivable;
mod codec;
mod format;
mod trust;
mod value;
mod writer;

pub use archivable::Archivable;
pub use codec::MappedCodec;
pub use value::Mapped;
pub use writer::ArchiveWriter;
