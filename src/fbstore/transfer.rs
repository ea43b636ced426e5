//! Gives a file a name in another directory.
//!
//! The first choice is a hard link. If a link is impossible (another file system, no
//! support for links, too many links, another user's file), the file is reflinked. If
//! that is impossible too, it is copied. Reflinks and copies are created under a
//! temporary name, and renamed without replacing anything once they are complete.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use file_backed_codecs::printable::PrintablePath;
use file_backed_codecs::{Payload, Source};
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::files::{Files, SyncError};
use super::packs::PackedFile;
use super::quota::{Arrival, Reservation};
use super::readers::Readers;
use super::role::Role;
use crate::backing_store::Transfer;
use crate::error::{Cause, StoreError};

/// Bytes that a copy moves at a time.
const CHUNK: usize = 1 << 20;

/// What a copy is made of.
#[derive(Clone, Copy)]
pub(super) enum Original<'a> {
    File(&'a FileRef<'a>),
    /// An item that has no file of its own.
    Packed(&'a PackedFile),
}

impl<'a> Original<'a> {
    /// The item of a pack, or the file if it is in none.
    pub(super) fn of(packed: Option<&'a PackedFile>, file_ref: &'a FileRef<'a>) -> Self {
        packed.map_or(Self::File(file_ref), Self::Packed)
    }

    pub(super) fn open(self, files: &dyn Files) -> Result<Box<dyn Source + 'a>, StoreError> {
        match self {
            Self::File(file_ref) => match files.open(file_ref) {
                Ok(source) => Ok(source),
                Err(error) => Err(of(file_ref, error)),
            },
            Self::Packed(packed) => Ok(Box::new(packed.source())),
        }
    }

    /// Length of the file in bytes, or of the one that an item of a pack would have.
    pub(super) fn len(self, files: &dyn Files) -> Result<u64, StoreError> {
        let len = match self {
            Self::File(file_ref) => files.length(file_ref),
            Self::Packed(packed) => packed.source().len(),
        };
        len.map_err(|error| at(&self.path(), error))
    }

    pub(super) fn path(self) -> Cow<'a, Path> {
        match self {
            Self::File(file_ref) => file_ref.path(),
            Self::Packed(packed) => Cow::Borrowed(packed.path()),
        }
    }
}

/// How a file got a name in another directory.
pub(super) struct Taken {
    pub(super) transfer: Transfer,
    /// Both names are of one file.
    pub(super) is_one: bool,
}

impl Directory {
    /// Takes a file in, or an item of a pack as a file.
    pub(super) fn take_original(
        &self,
        from: Original<'_>,
        key: Uuid,
        role: Role,
        arrival: Option<&mut Arrival<'_>>,
    ) -> Result<Taken, StoreError> {
        match from {
            Original::File(file_ref) => self.take_in(file_ref, key, role, arrival),
            Original::Packed(_) => self.copy_in(from, key, role, arrival),
        }
    }

    /// Gives the file `from`, which may belong to any user, the name of `key` in this
    /// directory. An existing name is success if it refers to the same file, or, among
    /// persisted items, to a file with an equal footer.
    ///
    /// A copy to be persisted is synced before it gets its name. A copy for a cache is
    /// not, because a cache is not read after a power cut. A file with an equal footer
    /// in a cache may therefore be torn. A copy into a cache with a quota stays within it,
    /// as an `arrival` there.
    pub(crate) fn take_in(
        &self,
        from: &FileRef<'_>,
        key: Uuid,
        role: Role,
        arrival: Option<&mut Arrival<'_>>,
    ) -> Result<Taken, StoreError> {
        let (files, to) = (self.files(), self.file_ref(key));
        let mut linked = files.link(from, &to);
        if is_missing(&linked) {
            // What is missing may be the shard of the new name.
            files.identity(from).map_err(|error| of(from, error))?;
            self.restore(key)?;
            linked = files.link(from, &to);
        }
        let Err(error) = linked else {
            self.open_up(&to, role)?;
            return Ok(Taken {
                transfer: Transfer::Linked,
                is_one: true,
            });
        };
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let present = is_present(files, Original::File(from), &to, role)?;
                // The process that linked it may have died before it opened the file
                // up.
                self.open_up(&to, role)?;
                Ok(present)
            }
            io::ErrorKind::NotFound => Err(of(&to, Cause::DirectoryGone)),
            _ if cannot_be_linked(&error) => self.copy_in(Original::File(from), key, role, arrival),
            _ => Err(of(from, error)),
        }
    }

    /// A linked file keeps the permissions that it has elsewhere. The readers of this
    /// directory must be able to read it too.
    fn open_up(&self, to: &FileRef<'_>, role: Role) -> Result<(), StoreError> {
        if role == Role::Cache || to.readers() == Readers::Owner {
            return Ok(());
        }
        match self.files().open_up(to, to.readers()) {
            // The file belongs to another user, who decides who may read it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            opened => opened.map_err(|error| of(to, error)),
        }
    }

    /// Creates an independent file for `key` with the bytes of the file `from`, or of the item
    /// of a pack.
    pub(super) fn copy_in(
        &self,
        from: Original<'_>,
        key: Uuid,
        role: Role,
        mut arrival: Option<&mut Arrival<'_>>,
    ) -> Result<Taken, StoreError> {
        let (files, to, temporary) = (self.files(), self.file_ref(key), self.temporary_ref(key));
        match files.identity(&to) {
            Ok(_) => return is_present(files, from, &to, role),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(of(&to, error)),
            Err(_) => {}
        }
        remove_left_over(files, &temporary)?;
        if let Some(arrival) = &mut arrival {
            arrival.removed_left_over();
            arrival.reserve().map_err(|cause| of(&to, cause))?;
        }
        let mut unfinished = Unfinished {
            files,
            file_ref: &temporary,
            arrival,
        };
        let transfer = match copy(files, from, &temporary, unfinished.room()) {
            Err(error) if error.is_not_found() && error.path() == Some(&*temporary.path()) => {
                self.restore(key)?;
                copy(files, from, &temporary, unfinished.room())?
            }
            copied => copied?,
        };
        if role == Role::Persisted {
            let sync = files.sync(&temporary).map_err(SyncError::into_io);
            sync.map_err(|error| of(&temporary, error))?;
        }
        match files.rename_new(&temporary, &to) {
            Ok(()) => std::mem::forget(unfinished),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return is_present(files, from, &to, role);
            }
            Err(error) => return Err(of(&to, error)),
        }
        Ok(Taken {
            transfer,
            is_one: false,
        })
    }
}

/// Removes the temporary file of an earlier copy that could not be removed then.
pub(super) fn remove_left_over(
    files: &dyn Files,
    temporary: &FileRef<'_>,
) -> Result<(), StoreError> {
    match files.remove(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(of(temporary, error)),
        _ => Ok(()),
    }
}

fn is_missing<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Checks that the existing file `to` can stand in for `from`; otherwise the error is a
/// conflict.
fn is_present(
    files: &dyn Files,
    from: Original<'_>,
    to: &FileRef<'_>,
    role: Role,
) -> Result<Taken, StoreError> {
    let is_one = are_one(files, from, to)?;
    match is_one || role == Role::Persisted && footers_equal(files, from, to)? {
        true => Ok(Taken {
            transfer: Transfer::Present,
            is_one,
        }),
        false => Err(of(to, Cause::Conflict)),
    }
}

/// Whether two whole files are one, or have equal footers.
pub(super) fn are_equal(
    files: &dyn Files,
    one: Original<'_>,
    other: &FileRef<'_>,
) -> Result<bool, StoreError> {
    Ok(are_one(files, one, other)? || footers_equal(files, one, other)?)
}

/// Whether two names are of one file.
fn are_one(files: &dyn Files, one: Original<'_>, other: &FileRef<'_>) -> Result<bool, StoreError> {
    let Original::File(one) = one else {
        return Ok(false);
    };
    let identity = |file_ref| {
        files
            .identity(file_ref)
            .map_err(|error| of(file_ref, error))
    };
    Ok(identity(one)? == identity(other)?)
}

fn footers_equal(
    files: &dyn Files,
    one: Original<'_>,
    other: &FileRef<'_>,
) -> Result<bool, StoreError> {
    let footer = |original: Original<'_>| {
        let source = original.open(files)?;
        Ok::<_, StoreError>(Payload::read_footer(&*source).ok())
    };
    let one = footer(one)?;
    Ok(one.is_some() && one == footer(Original::File(other))?)
}

/// Creates an independent file with the same bytes.
fn copy(
    files: &dyn Files,
    from: Original<'_>,
    to: &FileRef<'_>,
    room: Option<&mut Reservation>,
) -> Result<Transfer, StoreError> {
    // Any failure of a reflink leads to a copy, which reports what is wrong.
    if let Original::File(file_ref) = from
        && files.reflink(file_ref, to).is_ok()
    {
        room.into_iter().for_each(Reservation::fill);
        return Ok(Transfer::Cloned);
    }
    let source = from.open(files)?;
    let mut target = files.create(to).map_err(|error| of(to, error))?;
    let len = source.len().map_err(|error| at(&from.path(), error))?;
    if let Some(room) = room {
        room.set_len(len).map_err(|cause| of(to, cause))?;
    }
    let mut chunk = vec![0; usize::try_from(len).map_or(CHUNK, |len| len.min(CHUNK))];
    for start in (0..len).step_by(CHUNK) {
        let chunk = &mut chunk[..(len - start).min(CHUNK as u64) as usize];
        let read = source.read_exact_at(chunk, start);
        read.map_err(|error| at(&from.path(), error))?;
        target.write_all(chunk).map_err(|error| of(to, error))?;
    }
    target.flush().map_err(|error| of(to, error))?;
    Ok(Transfer::Copied)
}

/// Whether a link is impossible, but a copy may not be.
fn cannot_be_linked(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | TooManyLinks | Unsupported) || is_refusal(error)
}

/// The file system has no links, or the file belongs to another user. The error's kind
/// alone does not distinguish this from a directory without write permission.
#[cfg(unix)]
fn is_refusal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let number = error.raw_os_error();
    [Errno::PERM, Errno::OPNOTSUPP, Errno::NOTSUP]
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()))
}

/// The file system has no links.
#[cfg(not(unix))]
fn is_refusal(error: &io::Error) -> bool {
    /// The error of Windows on file systems without links.
    const INVALID_FUNCTION: i32 = 1;
    error.raw_os_error() == Some(INVALID_FUNCTION)
}

fn of(file_ref: &FileRef<'_>, error: impl Into<StoreError>) -> StoreError {
    at(&file_ref.path(), error)
}

/// A temporary file. Dropping it removes the file.
struct Unfinished<'a, 'b> {
    files: &'a dyn Files,
    file_ref: &'a FileRef<'a>,
    /// Its room is given back later, after the file is removed.
    arrival: Option<&'a mut Arrival<'b>>,
}

impl Unfinished<'_, '_> {
    fn room(&mut self) -> Option<&mut Reservation> {
        self.arrival.as_mut().and_then(|arrival| arrival.room())
    }
}

impl Drop for Unfinished<'_, '_> {
    fn drop(&mut self) {
        match self.files.remove(self.file_ref) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %PrintablePath(&self.file_ref.path()), %error, "could not remove the leftovers of a failed copy");
                if let Some(arrival) = &mut self.arrival {
                    arrival.leave_over();
                }
            }
            _ => {}
        }
    }
}
