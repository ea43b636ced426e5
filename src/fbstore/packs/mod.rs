//! The packs of a directory.
//!
//! They are in the directory `file_backed.packs`, and each is named by its id, 32 hex digits.
//! [`pack`](file_backed_codecs::pack) describes their format. Which items they have is known
//! from the manifest of a dataset ([`PackLocator`]) or, where there is none, from the indexes
//! of the packs themselves ([`FoundPacks`]). An item takes one read of its pack.

mod found;
mod open;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::frame::{FOOTER_LEN, Footer};
use file_backed_codecs::pack::{ItemSource, Pack, PackIdentity, PackWriter, PackedItem};
use file_backed_codecs::{CodecError, FrameError, Payload, Source};
use uuid::Uuid;

use super::directory::{Directory, at};
use super::file_ref::FileRef;
use super::layout::{PACKS, id_name_of};
use super::prepared_path::PreparedPath;
use super::role::Role;
use super::store::FBStore;
use super::transfer::Original;
use crate::backing_store::{PackLocator, PackedAt, ToPack, Transfer, WrittenPack};
use crate::error::StoreError;
use crate::hash::HashMap;
pub(super) use found::FoundPacks;
use open::OpenPack;
pub(super) use open::OpenPacks;

/// How the items of a path are found that are in packs.
pub(super) enum ItemsInPacks {
    Found(FoundPacks),
    Located(Arc<dyn PackLocator>),
}

/// An item of a pack that is open.
pub(super) struct PackedFile {
    pack: Arc<OpenPack>,
    /// Where the payload begins in the pack.
    offset: u32,
    footer: Footer,
}

impl ItemsInPacks {
    /// The item of this key, if it is in a pack of the directory. Opens the pack.
    pub(super) fn find(
        &self,
        directory: &Directory,
        key: Uuid,
    ) -> Result<Option<PackedFile>, StoreError> {
        self.find_in(key, |pack| directory.open_packs().get(directory, pack))
    }

    /// The same, but only if the pack is open, so that nothing waits for the disk. An error
    /// stands for a pack that is not open.
    pub(super) fn find_open(
        &self,
        directory: &Directory,
        key: Uuid,
    ) -> Result<Option<PackedFile>, NotOpen> {
        self.find_in(key, |pack| {
            directory.open_packs().get_open(pack).ok_or(NotOpen)
        })
    }

    fn find_in<E>(
        &self,
        key: Uuid,
        open: impl FnOnce(&PackIdentity) -> Result<Arc<OpenPack>, E>,
    ) -> Result<Option<PackedFile>, E> {
        let locator = match self {
            Self::Found(packs) => return Ok(packs.find(key)),
            Self::Located(locator) => locator,
        };
        let Some(at) = locator.locate(key) else {
            return Ok(None);
        };
        Ok(Some(PackedFile {
            pack: open(&at.pack)?,
            offset: at.offset,
            footer: at.footer,
        }))
    }

    /// The path of the pack that an item is in.
    #[cfg(feature = "dataset")]
    pub(super) fn path_of(&self, directory: &Directory, key: Uuid) -> Option<PathBuf> {
        match self {
            Self::Found(packs) => Some(packs.find(key)?.path().to_owned()),
            Self::Located(locator) => {
                let at = locator.locate(key)?;
                Some(path_of(directory, Uuid::from_bytes(at.pack.id)))
            }
        }
    }
}

/// A pack that has to be opened first.
pub(super) struct NotOpen;

/// The keys of the items whose packs are there.
pub(super) fn keys_that_are_there(directory: &Directory, locator: &dyn PackLocator) -> Vec<Uuid> {
    let (mut keys, mut packs) = (Vec::new(), HashMap::default());
    locator.keys(&mut |key, pack| {
        let is_there = packs.entry(pack).or_insert_with(|| {
            let opened = directory.open_packs().get(directory, &pack);
            let warn = |error: &StoreError| tracing::warn!(%error, "a pack is missing or damaged, and its items cannot be read");
            opened.inspect_err(warn).is_ok()
        });
        keys.extend(is_there.then_some(key));
    });
    keys
}

/// Opens a pack, and reads its index.
fn read_index(directory: &Directory, id: Uuid) -> Result<(Pack, Box<dyn Source>), CodecError> {
    let source = directory
        .files()
        .open(&file_ref(directory, &id_name_of(id)))?;
    let index = Pack::read(&*source)?;
    match index.identity().id == id.into_bytes() {
        true => Ok((index, source)),
        false => Err(FrameError::DamagedPack("it is another file").into()),
    }
}

/// What the index of a pack says.
pub(super) fn items_of(
    directory: &Directory,
    id: Uuid,
) -> Result<Vec<(Uuid, PackedAt)>, StoreError> {
    let read = read_index(directory, id);
    let (index, _) = read.map_err(|error| at(&path_of(directory, id), error))?;
    let located = |item: PackedItem| {
        let at = PackedAt {
            pack: index.identity(),
            offset: item.offset(),
            footer: item.footer().clone(),
        };
        (Uuid::from_bytes(item.key()), at)
    };
    Ok(index.items().map(located).collect())
}

/// The pack of this name.
fn file_ref<'a>(directory: &'a Directory, name: &'a str) -> FileRef<'a> {
    FileRef::Below(directory.shards(), PACKS, Path::new(name))
}

fn path_of(directory: &Directory, id: Uuid) -> PathBuf {
    let name = id_name_of(id);
    file_ref(directory, &name).path().into_owned()
}

impl PackedFile {
    /// The item as a file of its own.
    pub(super) fn source(&self) -> ItemSource<'_> {
        ItemSource::new(self.pack.source(), self.offset, &self.footer)
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
        Payload::open(&source, self.footer.codec())?.read_with(|_| Ok(()))
    }

    /// The path of the pack.
    pub(super) fn path(&self) -> &Path {
        self.pack.path()
    }
}

impl<C> FBStore<C> {
    /// The length of an item's file in bytes, or of the one that it would have.
    pub(super) fn len_of_item(&self, from: &PreparedPath, key: Uuid) -> Result<u64, StoreError> {
        let packed = from.packed(key)?;
        let file_ref = from.directory().file_ref(key);
        let original = Original::of(packed.as_ref(), &file_ref);
        original.len(from.directory().files())
    }

    /// The bytes of a pack of these items, whose payloads are compared with their checksums.
    pub(super) fn encode_pack(
        &self,
        id: Uuid,
        items: &[ToPack<PreparedPath>],
    ) -> Result<(Vec<u8>, WrittenPack), StoreError> {
        let (mut bytes, mut written, mut file) = (Vec::new(), Vec::new(), Vec::new());
        let mut writer = PackWriter::new(&mut bytes, id.into_bytes());
        for ToPack { key, from } in items {
            let from = from.as_deref().unwrap_or(self.path());
            let packed = from.packed(*key)?;
            let file_ref = from.directory().file_ref(*key);
            let original = Original::of(packed.as_ref(), &file_ref);
            let mut add = || -> Result<_, StoreError> {
                let source = original.open(from.directory().files())?;
                let len = usize::try_from(source.len()?).map_err(StoreError::value)?;
                file.clear();
                file.try_reserve_exact(len).map_err(StoreError::value)?;
                file.resize(len, 0);
                source.read_exact_at(&mut file, 0)?;
                let footer = Payload::read_footer(&file)?;
                let align = alignment_of(&footer);
                let payload = &file[..len.saturating_sub(FOOTER_LEN)];
                let offset = writer.add(key.into_bytes(), &footer, align, payload)?;
                Ok((offset, footer))
            };
            written.push(add().map_err(|error| at(&original.path(), error))?);
        }
        let pack = writer.finish()?;
        let items = written;
        Ok((bytes, WrittenPack { pack, items }))
    }
}

/// How a payload is aligned in a pack. A map of the pack provides it then.
fn alignment_of(footer: &Footer) -> usize {
    // That of the relative pointers and numbers of an archive, at least.
    const LEAST_OF_ARCHIVE: u32 = 16;
    const LARGEST: u32 = 4096;
    match footer.archive().root_align {
        0 => 1,
        align if align.is_power_of_two() => align.clamp(LEAST_OF_ARCHIVE, LARGEST) as usize,
        _ => LARGEST as usize,
    }
}
