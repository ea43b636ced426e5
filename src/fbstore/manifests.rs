//! The manifests of a directory: one file for each generation, and the parts that they
//! refer to.
//!
//! They are in the directory `file_backed.manifest`. A manifest is named by the number of
//! its generation, 16 hex digits, and a part by its id, 32 hex digits. The highest
//! generation is the current one. A reader pins a generation by a shared
//! lock of its manifest. That needs only permission to read the manifest, and works on
//! a file system that is mounted read-only. The reader takes the lock and then checks
//! that the generation is still the highest:
//!
//! 1. The reader opens manifest N and locks it.
//! 2. The writer renames manifest N + 1 to its final name.
//! 3. The reader looks up the highest generation, and the writer tries to take an
//!    exclusive lock of manifest N.
//!
//! In whatever order these steps happen, either the reader sees N + 1 and starts over,
//! or the writer sees the lock and keeps what N names.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use file_backed_codecs::Source;
use file_backed_codecs::frame::Footer;
use file_backed_codecs::pack::PackIdentity;
use parking_lot::Mutex;
use uuid::Uuid;

use super::check::Stamped as _;
use super::directory::at;
use super::file_ref::FileRef;
use super::files::Files;
#[cfg(feature = "dataset")]
use super::files::len_if_present;
use super::layout::{PACKS, id_name_of, id_of_name, temporary_suffix};
use super::packs;
use super::prepared_path::PreparedPath;
use super::store::{FBStore, writable};
use crate::backing_store::{
    FileFingerprint, ManifestStore, ManifestWatch, PackLocator, PackStore, PackedAt, SyncScope,
    ToPack, WrittenPack,
};
use crate::error::{Cause, StoreError};
use crate::hash::HashSet;

/// The name of the directory of manifests.
const MANIFESTS: &str = "file_backed.manifest";

/// The start of a manifest's temporary name.
const UNFINISHED: &str = "new";

/// Hex digits of a generation.
const DIGITS: usize = 16;

/// What a path, and each item loaded from it, keeps alive.
pub(super) enum Keep {
    /// The shared lock of a manifest.
    Pin(#[expect(dead_code, reason = "closing the file releases the lock")] File),
    /// The claim of the only dataset of the process that commits there.
    Commits,
}

/// Bytes of a long manifest or part that are handed to the disk at a time. A file system
/// with a journal may make the sync of another file wait for all that is on its way.
const PORTION: usize = 1 << 20;

/// The temporary names that threads of this process are writing to.
#[derive(Default)]
pub(super) struct UnfinishedNames {
    names: Mutex<HashSet<String>>,
    next: AtomicU64,
}

/// Holds a temporary name.
struct UnfinishedName<'a> {
    names: &'a UnfinishedNames,
    name: String,
}

impl UnfinishedNames {
    /// A name that no other thread writes to. It contains a number of this process: even if two
    /// processes write at once, each renames only what it wrote.
    fn add(&self) -> UnfinishedName<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{UNFINISHED}{number}{}", temporary_suffix());
        self.names.lock().insert(name.clone());
        UnfinishedName { names: self, name }
    }

    fn contains(&self, name: &str) -> bool {
        self.names.lock().contains(name)
    }
}

impl Drop for UnfinishedName<'_> {
    fn drop(&mut self) {
        self.names.names.lock().remove(&self.name);
    }
}

/// The manifests of one directory.
pub(crate) struct Manifests<'a> {
    path: &'a PreparedPath,
    files: &'a dyn Files,
    /// The name of their directory.
    directory: &'static str,
}

impl<'a> Manifests<'a> {
    pub(crate) fn of(path: &'a PreparedPath) -> Self {
        Self {
            path,
            files: path.directory().files(),
            directory: MANIFESTS,
        }
    }

    /// The packs of a directory, which are written, synced and removed as parts are.
    pub(crate) fn of_packs(path: &'a PreparedPath) -> Self {
        Self {
            directory: PACKS,
            ..Self::of(path)
        }
    }

    #[cfg(feature = "dataset")]
    pub(super) fn path(&self) -> &PreparedPath {
        self.path
    }

    pub(crate) fn path_of(&self, generation: u64) -> PathBuf {
        self.path.join(self.directory).join(name_of(generation))
    }

    /// The path of a manifest, relative to the directory of the dataset.
    #[cfg(feature = "dataset")]
    pub(crate) fn relative_path_of(generation: u64) -> PathBuf {
        [MANIFESTS, &name_of(generation)].iter().collect()
    }

    fn unfinished(&self) -> &'a UnfinishedNames {
        self.path.directory().unfinished()
    }

    fn directory(&self) -> FileRef<'a> {
        FileRef::Beside(self.path.directory().shards(), Path::new(self.directory))
    }

    fn file_ref<'b>(&'b self, name: &'b str) -> FileRef<'b> {
        FileRef::Below(
            self.path.directory().shards(),
            self.directory,
            Path::new(name),
        )
    }

    /// Removes leftovers of crashed processes and of failed commits. If one of those processes
    /// is still alive, its rename fails.
    fn remove_unfinished(&self) -> Result<(), StoreError> {
        let mut found = Vec::new();
        let mut note = |name: &OsStr, is_file: bool| {
            let name = name
                .to_str()
                .filter(|name| is_file && name.starts_with(UNFINISHED))
                .filter(|name| !self.unfinished().contains(name));
            found.extend(name.map(str::to_owned));
        };
        let directory = self.directory();
        match self.files.list(&directory, &mut note) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            listed => listed.map_err(|error| at(&directory.path(), error))?,
        }
        for name in found {
            let file_ref = self.file_ref(&name);
            match self.files.remove(&file_ref) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at(&file_ref.path(), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn generations(&self) -> Result<Vec<u64>, StoreError> {
        let (mut generations, mut in_the_way) = (Vec::new(), None);
        let mut note = |name: &OsStr, is_file: bool| match generation_of(name) {
            Some(generation) if is_file => generations.push(generation),
            Some(generation) => in_the_way = Some(generation),
            None => {}
        };
        let directory = self.directory();
        match self.files.list(&directory, &mut note) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            listed => listed.map_err(|error| at(&directory.path(), error))?,
        }
        if let Some(generation) = in_the_way {
            return Err(at(&self.path_of(generation), Cause::NotADirectory));
        }
        generations.sort_unstable();
        Ok(generations)
    }

    pub(crate) fn open(&self, generation: u64) -> Result<Box<dyn Source>, StoreError> {
        let name = name_of(generation);
        let file_ref = self.file_ref(&name);
        let opened = self.files.open(&file_ref);
        opened.map_err(|error| at(&file_ref.path(), error))
    }

    /// Creates the directory of manifests, durably: what is synced for a commit does not
    /// include its name.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        let shards = self.path.directory().shards();
        // If the sync below fails, that of the next commit includes the root.
        self.path.directory().durability().note_root_changed();
        let created = self.files.create_dir(&directory, shards.readers());
        created.map_err(|error| at(&directory.path(), error))?;
        let synced = self.files.sync(&FileRef::Root(shards));
        synced.map_err(|error| at(shards.root(), error.into_io()))
    }

    pub(crate) fn write(&self, generation: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_as(&name_of(generation), bytes, || Ok(()))
    }

    /// Makes items durable, and then writes a manifest. The disk already has the manifest's
    /// data by then, and the journal of the file system what was created with it, so that the
    /// manifest's own sync has little to wait for.
    fn write_after_items(
        &self,
        scope: SyncScope<'_>,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let sync_items = || self.path.directory().sync_created(scope);
        self.write_as(&name_of(generation), bytes, sync_items)
    }

    /// Writes a file under a temporary name, calls `before_sync`, makes the file durable, and
    /// gives it its name.
    fn write_as(
        &self,
        name: &str,
        bytes: &[u8],
        before_sync: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.remove_unfinished()?;
        let unfinished = self.unfinished().add();
        let (file_ref, unfinished) = (self.file_ref(name), self.file_ref(&unfinished.name));
        let written = self.write_and_rename(&unfinished, &file_ref, bytes, before_sync);
        if written.is_err() {
            // It may have filled the disk. If it cannot be removed, the next write does.
            let _ = self.files.remove(&unfinished);
        }
        written
    }

    fn write_and_rename(
        &self,
        unfinished: &FileRef<'_>,
        file_ref: &FileRef<'_>,
        bytes: &[u8],
        before_sync: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut written = self.write_data(unfinished, bytes);
        if written
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        {
            self.prepare()?;
            written = self.write_data(unfinished, bytes);
        }
        written.map_err(|error| at(&unfinished.path(), error))?;
        before_sync()?;
        let synced = self.files.sync(unfinished);
        synced.map_err(|error| at(&unfinished.path(), error.into_io()))?;
        self.files
            .rename_new(unfinished, file_ref)
            .map_err(|error| at(&file_ref.path(), error))
    }

    fn write_data(&self, file_ref: &FileRef<'_>, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.files.create(file_ref)?;
        let mut portions = bytes.chunks(PORTION).peekable();
        while let Some(portion) = portions.next() {
            file.write_all(portion)?;
            file.flush()?;
            match portions.peek() {
                Some(_) => self.files.write_back(file_ref)?,
                None => self.files.start_write_back(file_ref),
            }
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        let synced = self.files.sync(&directory);
        synced.map_err(|error| at(&directory.path(), error.into_io()))
    }

    fn sync_found(&self, generation: u64, parts: &[Uuid]) -> Result<(), StoreError> {
        let parts = parts.iter().map(|part| id_name_of(*part));
        let mut names = parts.chain([name_of(generation)]);
        names.try_for_each(|name| self.sync_file(&name))
    }

    pub(crate) fn part_path_of(&self, id: Uuid) -> PathBuf {
        self.path.join(self.directory).join(id_name_of(id))
    }

    /// The path of a part, relative to the directory of the dataset.
    #[cfg(feature = "dataset")]
    pub(crate) fn relative_path_of_part(id: Uuid) -> PathBuf {
        [MANIFESTS, &id_name_of(id)].iter().collect()
    }

    pub(crate) fn parts(&self) -> Result<Vec<Uuid>, StoreError> {
        let mut parts = Vec::new();
        let mut note = |name: &OsStr, is_file: bool| {
            parts.extend(id_of_name(name).filter(|_| is_file));
        };
        let directory = self.directory();
        match self.files.list(&directory, &mut note) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            listed => listed.map_err(|error| at(&directory.path(), error))?,
        }
        Ok(parts)
    }

    pub(crate) fn open_part(&self, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        let name = id_name_of(id);
        let file_ref = self.file_ref(&name);
        let opened = self.files.open(&file_ref);
        opened.map_err(|error| at(&file_ref.path(), error))
    }

    /// Writes a part. Its bytes are durable before its name, and its name when this
    /// returns, because a manifest that depends on it may be named next.
    pub(crate) fn write_part(&self, id: Uuid, bytes: &[u8]) -> Result<(), StoreError> {
        let name = id_name_of(id);
        match self.write_as(&name, bytes, || Ok(())) {
            // An attempt that failed later has left it.
            Err(_) if self.has_part(id, bytes) => self.sync_file(&name)?,
            written => written?,
        }
        self.sync()
    }

    /// Whether there is a part of these bytes.
    fn has_part(&self, id: Uuid, bytes: &[u8]) -> bool {
        let has_part = || {
            let part = self.files.open(&self.file_ref(&id_name_of(id)))?;
            let mut found = vec![0; bytes.len()];
            let is_as_long = part.len()? == bytes.len() as u64;
            part.read_exact_at(&mut found, 0)?;
            Ok::<_, io::Error>(is_as_long && found == bytes)
        };
        has_part().unwrap_or(false)
    }

    fn sync_file(&self, name: &str) -> Result<(), StoreError> {
        let file_ref = self.file_ref(name);
        let synced = self.files.sync(&file_ref);
        synced.map_err(|error| at(&file_ref.path(), error.into_io()))
    }

    /// Length of a manifest in bytes; `None` if there is none.
    #[cfg(feature = "dataset")]
    pub(crate) fn len_of(&self, generation: u64) -> Result<Option<u64>, StoreError> {
        len_if_present(self.files, &self.file_ref(&name_of(generation)))
    }

    /// Length of a part in bytes; `None` if there is none.
    #[cfg(feature = "dataset")]
    pub(crate) fn len_of_part(&self, id: Uuid) -> Result<Option<u64>, StoreError> {
        len_if_present(self.files, &self.file_ref(&id_name_of(id)))
    }

    #[cfg(feature = "dataset")]
    pub(crate) fn remove_parts(&self) -> Result<(), StoreError> {
        let mut parts = self.parts()?.into_iter();
        parts.try_for_each(|part| self.remove_part(part))
    }

    fn remove_part(&self, id: Uuid) -> Result<(), StoreError> {
        let name = id_name_of(id);
        let file_ref = self.file_ref(&name);
        match self.files.remove(&file_ref) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| at(&file_ref.path(), error)),
        }
    }

    pub(crate) fn is_pinned(&self, generation: u64) -> Result<bool, StoreError> {
        let name = name_of(generation);
        let file_ref = self.file_ref(&name);
        let is_pinned = || {
            let file = match self.files.open_pin(&file_ref) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                file => file?,
            };
            Ok::<_, io::Error>(!self.files.try_lock(&file)?)
        };
        is_pinned().map_err(|error| at(&file_ref.path(), error))
    }

    fn remove(&self, generation: u64) -> Result<bool, StoreError> {
        let name = name_of(generation);
        let file_ref = self.file_ref(&name);
        let is_removed = || {
            let file = match self.files.open_pin(&file_ref) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                file => file?,
            };
            if !self.files.try_lock(&file)? {
                return Ok(false);
            }
            self.files.remove(&file_ref)?;
            Ok::<_, io::Error>(true)
        };
        is_removed().map_err(|error| at(&file_ref.path(), error))
    }

    pub(crate) fn pin(&self, generation: u64) -> Result<Option<PreparedPath>, StoreError> {
        let name = name_of(generation);
        let file_ref = self.file_ref(&name);
        let pin = || {
            let file = match self.files.open_pin(&file_ref) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            let is_locked = self.files.try_lock_shared(&file)?;
            Ok::<_, io::Error>(is_locked.then_some(file))
        };
        let pinned: Option<File> = pin().map_err(|error| at(&file_ref.path(), error))?;
        Ok(pinned.map(|file| self.path.keeping(Arc::new(Keep::Pin(file)))))
    }

    fn watch(
        &self,
        changed: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Option<Box<dyn ManifestWatch>>, StoreError> {
        // A commit also makes a temporary file, and sometimes a part.
        let name_changed = move |name: Option<&OsStr>| {
            if name.is_none_or(|name| generation_of(name).is_some()) {
                changed();
            }
        };
        let directory = self.directory();
        let watch = self.files.watch_names(&directory, Box::new(name_changed));
        watch.map_err(|error| at(&directory.path(), error))
    }

    pub(crate) fn claim(&self) -> Result<PreparedPath, StoreError> {
        let claim = self.path.directory().claim_for_commits();
        let claim = claim.map_err(|error| at(self.path, error))?;
        Ok(self.path.keeping(claim))
    }
}

fn name_of(generation: u64) -> String {
    format!("{generation:0DIGITS$x}")
}

fn generation_of(name: &OsStr) -> Option<u64> {
    let name = name.to_str()?;
    let is_ours = name.len() == DIGITS && super::layout::is_hex(name);
    is_ours
        .then(|| u64::from_str_radix(name, 16).ok())
        .flatten()
}

impl<C: Send + Sync + 'static> ManifestStore for FBStore<C> {
    fn generations(&self, path: &PreparedPath) -> Result<Vec<u64>, StoreError> {
        Manifests::of(path).generations()
    }

    fn open_manifest(
        &self,
        path: &PreparedPath,
        generation: u64,
    ) -> Result<Box<dyn Source>, StoreError> {
        Manifests::of(path).open(generation)
    }

    fn write_manifest(
        &self,
        path: &PreparedPath,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of(path).write(generation, bytes)
    }

    fn write_manifest_after_items(
        &self,
        path: &PreparedPath,
        scope: SyncScope<'_>,
        generation: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of(path).write_after_items(scope, generation, bytes)
    }

    fn sync_items(&self, path: &PreparedPath, scope: SyncScope<'_>) -> Result<(), StoreError> {
        writable(path)?;
        path.directory().sync_created(scope)
    }

    fn sync_manifests(&self, path: &PreparedPath) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of(path).sync()
    }

    fn sync_found(
        &self,
        path: &PreparedPath,
        generation: u64,
        parts: &[Uuid],
    ) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of(path).sync_found(generation, parts)
    }

    fn remove_manifest(&self, path: &PreparedPath, generation: u64) -> Result<bool, StoreError> {
        writable(path)?;
        Manifests::of(path).remove(generation)
    }

    fn is_pinned(&self, path: &PreparedPath, generation: u64) -> Result<bool, StoreError> {
        Manifests::of(path).is_pinned(generation)
    }

    fn parts(&self, path: &PreparedPath) -> Result<Vec<Uuid>, StoreError> {
        Manifests::of(path).parts()
    }

    fn open_part(&self, path: &PreparedPath, id: Uuid) -> Result<Box<dyn Source>, StoreError> {
        Manifests::of(path).open_part(id)
    }

    fn write_part(&self, path: &PreparedPath, id: Uuid, bytes: &[u8]) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of(path).write_part(id, bytes)
    }

    fn remove_part(&self, path: &PreparedPath, id: Uuid) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of(path).remove_part(id)
    }

    fn claim_manifests(&self, path: &PreparedPath) -> Result<PreparedPath, StoreError> {
        writable(path)?;
        Manifests::of(path).claim()
    }

    fn pin(
        &self,
        path: &PreparedPath,
        generation: u64,
    ) -> Result<Option<PreparedPath>, StoreError> {
        Manifests::of(path).pin(generation)
    }

    fn watch_manifests(
        &self,
        path: &PreparedPath,
        changed: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Option<Box<dyn ManifestWatch>>, StoreError> {
        Manifests::of(path).watch(changed)
    }

    fn packs(&self) -> Option<&dyn PackStore<PreparedPath>> {
        Some(self)
    }

    fn fingerprint(&self, path: &PreparedPath, key: Uuid) -> Result<FileFingerprint, StoreError> {
        path.footer(key).map(|footer| footer.fingerprint())
    }

    fn inspect(
        &self,
        path: &PreparedPath,
        key: Uuid,
    ) -> Result<(FileFingerprint, Option<Footer>), StoreError> {
        let footer = path.footer(key)?;
        Ok((footer.fingerprint(), Some(footer)))
    }

    fn describe_manifest(&self, path: &PreparedPath, generation: u64) -> Option<PathBuf> {
        Some(Manifests::of(path).path_of(generation))
    }

    fn describe_part(&self, path: &PreparedPath, id: Uuid) -> Option<PathBuf> {
        Some(Manifests::of(path).part_path_of(id))
    }

    fn describe_item(&self, path: &PreparedPath, key: Uuid) -> Option<PathBuf> {
        Some(path.directory().path_of(key))
    }

    fn verify(
        &self,
        path: &PreparedPath,
        key: Uuid,
        read: &dyn Fn(u64),
    ) -> Result<FileFingerprint, StoreError> {
        path.verify(key, read).map(|footer| footer.fingerprint())
    }
}

impl<C: Send + Sync + 'static> PackStore<PreparedPath> for FBStore<C> {
    fn locate_by(&self, path: &PreparedPath, locator: Arc<dyn PackLocator>) -> PreparedPath {
        path.located_by(locator)
    }

    fn announce(&self, path: &PreparedPath) {
        path.announce_locator();
    }

    fn write(
        &self,
        path: &PreparedPath,
        id: Uuid,
        items: &[ToPack<PreparedPath>],
    ) -> Result<WrittenPack, StoreError> {
        writable(path)?;
        let (bytes, written) = self.encode_pack(id, items)?;
        Manifests::of_packs(path).write_part(id, &bytes)?;
        Ok(written)
    }

    fn sync(&self, path: &PreparedPath, ids: &[Uuid]) -> Result<(), StoreError> {
        writable(path)?;
        let packs = Manifests::of_packs(path);
        let names = ids.iter().map(|id| id_name_of(*id));
        names
            .into_iter()
            .try_for_each(|name| packs.sync_file(&name))?;
        match ids.is_empty() {
            true => Ok(()),
            false => packs.sync(),
        }
    }

    fn check(&self, path: &PreparedPath, pack: &PackIdentity) -> Result<(), StoreError> {
        let directory = path.directory();
        directory.open_packs().get(directory, pack).map(drop)
    }

    fn list(&self, path: &PreparedPath) -> Result<Vec<Uuid>, StoreError> {
        let packs = Manifests::of_packs(path);
        packs.remove_unfinished()?;
        packs.parts()
    }

    fn items(&self, path: &PreparedPath, id: Uuid) -> Result<Vec<(Uuid, PackedAt)>, StoreError> {
        packs::items_of(path.directory(), id)
    }

    fn remove(&self, path: &PreparedPath, id: Uuid) -> Result<(), StoreError> {
        writable(path)?;
        Manifests::of_packs(path).remove_part(id)?;
        path.directory().open_packs().forget(id);
        Ok(())
    }

    fn file_len(&self, from: Option<&PreparedPath>, key: Uuid) -> Result<u64, StoreError> {
        self.len_of_item(from.unwrap_or(self.path()), key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two processes that both believed that they owned the dataset used to write to the
    /// same temporary name, so one of them got an acknowledgement for the manifest of the
    /// other.
    #[test]
    fn a_manifest_is_renamed_by_the_process_that_wrote_it() {
        let place = PreparedPath::blocking_temp().expect("a temporary directory");
        let manifests = Manifests::of(&place);
        let kept = ["notes.txt", "0000000000000001"];
        std::fs::create_dir(place.join(MANIFESTS)).expect("it is made");
        for name in ["new", "new.0123456789abcdef.file_backed"]
            .into_iter()
            .chain(kept)
        {
            std::fs::write(place.join(MANIFESTS).join(name), "theirs").expect("it is written");
        }
        manifests.write(2, b"ours").expect("it is ours to write");
        let read = |name| std::fs::read_to_string(place.join(MANIFESTS).join(name));
        assert_eq!(read("0000000000000002").expect("it is there"), "ours");
        for name in kept {
            assert_eq!(read(name).expect("it is there"), "theirs");
        }
        let left = std::fs::read_dir(place.join(MANIFESTS)).expect("it is there");
        assert_eq!(left.count(), 3, "what others have left is gone");
        let error = manifests.write(2, b"ours").expect_err("it has one");
        let error = error.get_ref().downcast_ref::<io::Error>();
        let error = error.expect("the system's");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(manifests.generations().expect("they are listed"), [1, 2]);
    }

    /// A commit that failed later has left it.
    #[test]
    fn a_part_can_be_written_again_but_not_be_replaced() {
        let place = PreparedPath::blocking_temp().expect("a temporary directory");
        let (manifests, id) = (Manifests::of(&place), Uuid::from_u128(7));
        for _ in 0..2 {
            manifests.write_part(id, b"a part").expect("it is written");
        }
        for other in ["another", "a part and more", "a p"] {
            let written = manifests.write_part(id, other.as_bytes());
            written.expect_err("it has other bytes");
        }
        let part = std::fs::read(manifests.part_path_of(id)).expect("it is there");
        assert_eq!(part, b"a part");
        assert_eq!(manifests.parts().expect("they are listed"), [id]);
    }
}
