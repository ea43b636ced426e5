//! Giving a file a name in another directory.
//!
//! A hard link where that can be. Where it cannot (another file system, no links
//! there, too many of them, somebody else's file), a reflink, and where that
//! cannot be, a copy: made under a temporary name, and renamed without replacing
//! anything when it is whole.

use std::io;

use file_backed_codecs::Payload;
use file_backed_codecs::printable::PrintablePath;
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::files::{Files, SyncError};
use super::readers::Readers;
use super::role::Role;
use crate::backing_store::Transfer;
use crate::error::{Cause, StoreError};

/// Bytes that a copy moves at a time.
const CHUNK: usize = 1 << 20;

impl Directory {
    /// Gives the file at `from`, whoever's it is, the name of `key` in this
    /// directory. A name that is there already is success if it stands for the
    /// same file, and among persisted ones for one of equal footer.
    ///
    /// A copy to be persisted is synced before it has its name. One for a cache
    /// is not, since nothing of a cache is looked at after a power cut; and so a
    /// file of equal footer that is found there may be torn.
    pub(crate) fn take_in(
        &self,
        from: &FileRef<'_>,
        key: Uuid,
        role: Role,
    ) -> Result<Transfer, StoreError> {
        let (files, to) = (self.files(), self.file_ref(key));
        let mut linked = files.link(from, &to);
        if is_missing(&linked) {
            // The name that is not there may be the new one's directory.
            files.identity(from).map_err(|error| of(from, error))?;
            self.restore(key)?;
            linked = files.link(from, &to);
        }
        let Err(error) = linked else {
            self.open_up(&to, role)?;
            return Ok(Transfer::Linked);
        };
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let present = is_present(files, from, &to, role)?;
                // The process that linked it may have died right after.
                self.open_up(&to, role)?;
                Ok(present)
            }
            io::ErrorKind::NotFound => Err(of(&to, Cause::DirectoryGone)),
            _ if cannot_be_linked(&error) => self.copy_in(from, key, role),
            _ => Err(of(from, error)),
        }
    }

    /// A linked file keeps the permissions that it has elsewhere; those who may read
    /// what is persisted here are to read it too.
    fn open_up(&self, to: &FileRef<'_>, role: Role) -> Result<(), StoreError> {
        if role == Role::Cache || to.readers() == Readers::Owner {
            return Ok(());
        }
        match self.files().open_up(to, to.readers()) {
            // The file is another user's, who says who may read it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            opened => opened.map_err(|error| of(to, error)),
        }
    }

    /// Makes a file of its own for `key` with the bytes of the file at `from`.
    pub(crate) fn copy_in(
        &self,
        from: &FileRef<'_>,
        key: Uuid,
        role: Role,
    ) -> Result<Transfer, StoreError> {
        let (files, to, temporary) = (self.files(), self.file_ref(key), self.temporary_ref(key));
        match files.identity(&to) {
            Ok(_) => return is_present(files, from, &to, role),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(of(&to, error)),
            Err(_) => {}
        }
        let unfinished = Unfinished(files, &temporary);
        let transfer = match copy(files, from, &temporary) {
            Err(error) if error.is_not_found() && error.path() == Some(&*temporary.path()) => {
                self.restore(key)?;
                copy(files, from, &temporary)?
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
        Ok(transfer)
    }
}

fn is_missing<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether the file there is as good as the one that should get its name.
fn is_present(
    files: &dyn Files,
    from: &FileRef<'_>,
    to: &FileRef<'_>,
    role: Role,
) -> Result<Transfer, StoreError> {
    let same = files.identity(from).map_err(|error| of(from, error))?
        == files.identity(to).map_err(|error| of(to, error))?;
    if same || (role == Role::Persisted && footers_equal(files, from, to)?) {
        return Ok(Transfer::Present);
    }
    Err(of(to, Cause::Conflict))
}

fn footers_equal(
    files: &dyn Files,
    one: &FileRef<'_>,
    other: &FileRef<'_>,
) -> Result<bool, StoreError> {
    let footer = |file_ref: &FileRef<'_>| {
        let source = files.open(file_ref).map_err(|error| of(file_ref, error))?;
        Ok::<_, StoreError>(Payload::read_footer(&*source).ok())
    };
    let one = footer(one)?;
    Ok(one.is_some() && one == footer(other)?)
}

/// Makes a file of its own with the same bytes.
fn copy(files: &dyn Files, from: &FileRef<'_>, to: &FileRef<'_>) -> Result<Transfer, StoreError> {
    match files.remove(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(of(to, error)),
        _ => {}
    }
    // Whatever the reason is that it cannot: a copy tells what is wrong.
    if files.reflink(from, to).is_ok() {
        return Ok(Transfer::Cloned);
    }
    let source = files.open(from).map_err(|error| of(from, error))?;
    let mut target = files.create(to).map_err(|error| of(to, error))?;
    let len = source.len().map_err(|error| of(from, error))?;
    let mut chunk = vec![0; usize::try_from(len).map_or(CHUNK, |len| len.min(CHUNK))];
    for start in (0..len).step_by(CHUNK) {
        let chunk = &mut chunk[..(len - start).min(CHUNK as u64) as usize];
        let read = source.read_exact_at(chunk, start);
        read.map_err(|error| of(from, error))?;
        target.write_all(chunk).map_err(|error| of(to, error))?;
    }
    target.flush().map_err(|error| of(to, error))?;
    Ok(Transfer::Copied)
}

/// Whether a link is not to be had, where a copy may be.
fn cannot_be_linked(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | TooManyLinks | Unsupported) || is_refusal(error)
}

/// The file system has no links, or the file is somebody else's. The kind of
/// the error does not tell it from a directory that may not be written to.
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
    /// What Windows says on file systems without links.
    const INVALID_FUNCTION: i32 = 1;
    error.raw_os_error() == Some(INVALID_FUNCTION)
}

fn of(file_ref: &FileRef<'_>, error: impl Into<StoreError>) -> StoreError {
    at(&file_ref.path(), error)
}

/// A temporary file; dropped, it is removed.
struct Unfinished<'a>(&'a dyn Files, &'a FileRef<'a>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Self(files, file_ref) = self;
        match files.remove(file_ref) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %PrintablePath(&file_ref.path()), %error, "what a failed copy left could not be removed");
            }
            _ => {}
        }
    }
}
