//! Packs that are kept open.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::Source;
use file_backed_codecs::pack::PackIdentity;
use lru::LruCache;
use parking_lot::Mutex;
use uuid::Uuid;

use super::file_ref;
use crate::backing_store::in_call;
use crate::error::StoreError;
use crate::fbstore::directory::{Directory, at};
use crate::fbstore::layout::id_name_of;

/// A directory keeps so many packs open.
const MOST_OPEN: NonZero<usize> = NonZero::new(64).expect("it is positive");

/// The packs of a directory that were used last. Opening one takes three calls, and reading an
/// item one.
pub(in crate::fbstore) struct OpenPacks(Mutex<LruCache<Uuid, Arc<OpenPack>>>);

/// It is read as long as it is open, also after it was deleted.
pub(in crate::fbstore) struct OpenPack {
    path: PathBuf,
    source: Box<dyn Source>,
    identity: PackIdentity,
}

impl Default for OpenPacks {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST_OPEN)))
    }
}

impl OpenPacks {
    /// The pack, if it is open.
    pub(super) fn get_open(&self, identity: &PackIdentity) -> Option<Arc<OpenPack>> {
        let id = Uuid::from_bytes(identity.id);
        let open = self.0.lock().get(&id).cloned();
        open.filter(|open| open.identity == *identity)
    }

    /// Closes a pack, unless it is being read.
    pub(in crate::fbstore) fn forget(&self, id: Uuid) {
        let open = self.0.lock().pop(&id);
        drop(open);
    }

    /// A pack of the directory, which was opened before if it is in use. Fails if the file of
    /// its name is another one.
    pub(in crate::fbstore) fn get(
        &self,
        directory: &Directory,
        identity: &PackIdentity,
    ) -> Result<Arc<OpenPack>, StoreError> {
        if let Some(open) = self.get_open(identity) {
            return Ok(open);
        }
        let id = Uuid::from_bytes(identity.id);
        let opened = Arc::new(OpenPack::open(directory, id, *identity)?);
        // Another thread may have been faster: its file is the same. A file is closed without
        // the lock.
        let before = self.0.lock().push(id, opened.clone());
        drop(before);
        Ok(opened)
    }
}

impl OpenPack {
    fn open(directory: &Directory, id: Uuid, identity: PackIdentity) -> Result<Self, StoreError> {
        let name = id_name_of(id);
        let file_ref = file_ref(directory, &name);
        let open = || {
            let _call = in_call();
            let source = directory.files().open(&file_ref)?;
            identity.check(&*source)?;
            Ok(source)
        };
        let source = open().map_err(|error: StoreError| at(&file_ref.path(), error))?;
        Ok(Self::of(file_ref.path().into_owned(), source, identity))
    }

    pub(super) fn of(path: PathBuf, source: Box<dyn Source>, identity: PackIdentity) -> Self {
        Self {
            path,
            source,
            identity,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn source(&self) -> &dyn Source {
        &*self.source
    }
}
