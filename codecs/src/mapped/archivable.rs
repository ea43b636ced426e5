//! Types that can be archived and used as archives.

use bytecheck::CheckBytes;
use rkyv::api::high::HighSerializer;
use rkyv::rancor::{BoxedError, Strategy};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::{Archive, Serialize};

use super::{ArchiveChecker, ArchiveWriter};

/// The context that archives are validated in.
pub(super) type Validator<'a> = Strategy<ArchiveChecker<'a>, BoxedError>;

/// Types that [`Mapped`](super::Mapped) can hold.
///
/// Implemented for all types that derive [`rkyv::Archive`] and [`rkyv::Serialize`] and
/// whose archived form can be validated and shared between threads. Do not implement it
/// by hand.
///
/// It abbreviates a longer list of bounds, so that generic code can name a single one:
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{Archivable, CodecError, Mapped, MappedCodec, frame};
///
/// fn round_trip<T: Archivable>(value: &T) -> Result<Mapped<T>, CodecError> {
///     let mut file = Vec::new();
///     frame::write_file(&MappedCodec::heap(), &Mapped::new(value)?, &mut file)?;
///     frame::read_file(&MappedCodec::heap(), &file)
/// }
///
/// fn spread<T: Archivable>(value: Mapped<T>) -> impl Send + Sync {
///     value
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be archived for `Mapped`",
    label = "not a type that `Mapped` can hold",
    note = "derive `rkyv::Archive` and `rkyv::Serialize` for it and for the types it contains; without a dependency on rkyv, write `use file_backed::fbstore::rkyv;` and `#[rkyv(crate = file_backed::fbstore::rkyv)]`",
    note = "its archived form must be `Send`, `Sync` and `'static`, and valid for rkyv's `bytecheck`"
)]
// `BoxedError` instead of rkyv's `Error`, which has no message in an optimized build.
pub trait Archivable:
    Archive<Archived: for<'a> CheckBytes<Validator<'a>> + Send + Sync + 'static>
    + for<'w, 'a> Serialize<HighSerializer<ArchiveWriter<'w>, ArenaHandle<'a>, BoxedError>>
    + 'static
{
}

impl<T> Archivable for T where
    T: Archive<Archived: for<'a> CheckBytes<Validator<'a>> + Send + Sync + 'static>
        + for<'w, 'a> Serialize<HighSerializer<ArchiveWriter<'w>, ArenaHandle<'a>, BoxedError>>
        + 'static
{
}
