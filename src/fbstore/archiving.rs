//! Files that are written without the value in memory, and files from other
//! directories.

use std::fs;
use std::io;
use std::path::Path;

use file_backed_codecs::{ArchiveInto, Codec, Payload, frame};
use uuid::Uuid;

use super::FBStore;
use super::directory::at;
use super::file_ref::FileRef;
use super::role::Role;
use super::transfer::Original;
use crate::backing_store::{AdoptStrategy, ArchiveStrategy, Transfer};
use crate::error::StoreError;

impl<S: ?Sized, T, C: ArchiveInto<S, T>> ArchiveStrategy<S, T> for FBStore<C> {
    fn archive(&self, source: &S) -> Result<T, StoreError> {
        Ok(ArchiveInto::archive(self.codec(), source)?)
    }

    fn store_archived(&self, key: Uuid, source: &S) -> Result<(), StoreError> {
        self.write_new(key, |out| {
            frame::write_archive(self.codec(), source, out).map(drop)
        })
    }
}

impl<T, C: Codec<T>> AdoptStrategy<T> for FBStore<C> {
    fn adopt(&self, key: Uuid, file: &Path) -> Result<Transfer, StoreError> {
        let directory = self.writable_cache()?;
        let file = checked(self.codec(), file).map_err(|error| at(file, error))?;
        let from = FileRef::Path(&file);
        let by_link = self.codec().adopts_by_link();
        // The program may remove the original at any time.
        self.bring_in(key, Original::File(&from), None, |arrival| match by_link {
            true => directory.take_in(&from, key, Role::Cache, arrival),
            false => directory.copy_in(Original::File(&from), key, Role::Cache, arrival),
        })
    }
}

/// The canonical path of a file that `codec` can read, as far as its footer shows. (A
/// hard link to a symbolic link would be another symbolic link.)
fn checked<T>(codec: &impl Codec<T>, file: &Path) -> Result<std::path::PathBuf, StoreError> {
    let file = fs::canonicalize(file)?;
    // Opening anything else may block forever.
    if !fs::metadata(&file)?.is_file() {
        let text = "it is not a regular file: pass the path of a file that `frame::write_file` \
                    wrote";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
    }
    let source = fs::File::open(&file)?;
    accept(codec, &Payload::open(&source, id_of(codec))?)?;
    Ok(file)
}

fn id_of<T, C: Codec<T>>(_: &C) -> file_backed_codecs::CodecId {
    C::ID
}

fn accept<T>(codec: &impl Codec<T>, payload: &Payload<'_>) -> Result<(), StoreError> {
    payload
        .footer()
        .map_or(Ok(()), |footer| Ok(codec.accepts(footer)?))
}
