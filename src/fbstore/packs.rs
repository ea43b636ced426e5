//! The packs of a directory that is only read.
//!
//! They are in the directory `file_backed.packs`, and each is named by its id, 32 hex digits.
//! [`pack`](file_backed_codecs::pack) describes their format. A scan reads their indexes, and
//! keeps the packs open: an item takes one read of its pack, also after that was deleted.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::pack::{ItemSource, Pack, PackedItem};
use file_backed_codecs::printable::PrintablePath;
use file_backed_codecs::{CodecError, FrameError, Payload, Source};
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::layout::{PACKS, id_name_of, id_of_name};
use super::role::Role;
use super::transfer::Original;
use crate::backing_store::Transfer;
use crate::error::StoreError;
use crate::hash::HashSet;

/// The packs of one directory, as a scan has found them.
#[derive(Default)]
pub(super) struct Packs {
    packs: Vec<OpenPack>,
    /// The items that have no file of their own, with the indexes of their packs, in ascending
    /// order.
    items: Vec<(Uuid, u32)>,
    /// The packs that could not be read because they are damaged, and why.
    damaged: Vec<(PathBuf, &'static str)>,
}

struct OpenPack {
    path: PathBuf,
    index: Pack,
    source: Box<dyn Source>,
}

/// An item of a pack that is open.
pub(super) struct PackedFile {
    packs: Arc<Packs>,
    pack: u32,
    item: PackedItem,
}

impl Packs {
    /// Reads the indexes of all packs of a directory. An item that has a file too is read from
    /// that.
    ///
    /// A damaged pack is left out: the others are as good as before.
    pub(super) fn read(directory: &Directory, have_files: &[Uuid]) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let names = names_of(directory)?;
        for id in names {
            found.add(directory, id)?;
        }
        if found.packs.is_empty() {
            return Ok(found);
        }
        let have_files: HashSet<_> = have_files.iter().copied().collect();
        for (number, pack) in (0..).zip(&found.packs) {
            let keys = pack.index.items().map(|item| Uuid::from_bytes(item.key()));
            let keys = keys.filter(|key| !have_files.contains(key));
            found.items.extend(keys.map(|key| (key, number)));
        }
        found.items.sort_unstable();
        found.items.dedup_by_key(|(key, _)| *key);
        Ok(found)
    }

    fn add(&mut self, directory: &Directory, id: Uuid) -> Result<(), StoreError> {
        let name = id_name_of(id);
        let file_ref = FileRef::Below(directory.shards(), PACKS, Path::new(&name));
        let path = file_ref.path().into_owned();
        let read = || -> Result<_, CodecError> {
            let source = directory.files().open(&file_ref)?;
            let index = Pack::read(&*source)?;
            match index.identity().id == *id.as_bytes() {
                true => Ok((index, source)),
                false => Err(FrameError::DamagedPack("it is another file").into()),
            }
        };
        match read() {
            Ok((index, source)) => self.packs.push(OpenPack {
                path,
                index,
                source,
            }),
            Err(error) if is_not_found(&error) => {}
            Err(error) => match error.downcast_ref() {
                Some(FrameError::DamagedPack(why)) => {
                    tracing::warn!(path = %PrintablePath(&path), %error, "a pack is damaged, and its items cannot be read");
                    self.damaged.push((path, why));
                }
                _ => return Err(at(&path, error)),
            },
        }
        Ok(())
    }

    /// The keys of the items that have no file of their own.
    pub(super) fn keys(&self) -> impl Iterator<Item = Uuid> {
        self.items.iter().map(|(key, _)| *key)
    }

    pub(super) fn find(self: &Arc<Self>, key: Uuid) -> Option<PackedFile> {
        let found = self.items.binary_search_by_key(&key, |(key, _)| *key);
        let (_, pack) = self.items[found.ok()?];
        let item = self.packs[pack as usize].index.find(key.as_bytes())?;
        Some(PackedFile {
            packs: self.clone(),
            pack,
            item,
        })
    }

    /// The errors of the packs that are damaged.
    #[cfg(feature = "dataset")]
    pub(super) fn damage(&self) -> impl Iterator<Item = StoreError> {
        let damage = |why| CodecError::from(FrameError::DamagedPack(why));
        let damaged = self.damaged.iter();
        damaged.map(move |(path, why)| at(path, damage(why)))
    }
}

/// The ids of the files in the directory of packs, in ascending order.
fn names_of(directory: &Directory) -> Result<Vec<Uuid>, StoreError> {
    let mut ids = Vec::new();
    let mut note = |name: &OsStr, is_file: bool| ids.extend(id_of_name(name).filter(|_| is_file));
    let packs = FileRef::Beside(directory.shards(), Path::new(PACKS));
    match directory.files().list(&packs, &mut note) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        listed => listed.map_err(|error| at(&packs.path(), error))?,
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Whether a pack was deleted after it was listed.
fn is_not_found(error: &CodecError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

impl PackedFile {
    /// The item as a file of its own.
    pub(super) fn source(&self) -> ItemSource<'_> {
        self.item.open(&*self.pack().source)
    }

    /// Persists the item in `to`, as a file of its own.
    pub(super) fn persist(&self, to: &Directory, key: Uuid) -> Result<Transfer, StoreError> {
        self.check().map_err(|error| at(self.path(), error))?;
        let taken = to.copy_in(Original::Packed(self), key, Role::Persisted, None)?;
        to.durability().note_linked(key);
        Ok(taken.transfer)
    }

    /// Compares the payload with its checksum.
    fn check(&self) -> Result<(), CodecError> {
        let source = self.source();
        let footer = Payload::read_footer(&source)?;
        Payload::open(&source, footer.codec())?.read_with(|_| Ok(()))
    }

    /// The path of the pack.
    pub(super) fn path(&self) -> &Path {
        &self.pack().path
    }

    fn pack(&self) -> &OpenPack {
        &self.packs.packs[self.pack as usize]
    }
}

impl fmt::Debug for Packs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packs")
            .field("packs", &self.packs.len())
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}
