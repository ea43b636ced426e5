//! A file system that records all operations.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::Source;
use parking_lot::Mutex;

use super::FaultyFiles;
use crate::backing_store::ManifestWatch;
use crate::fbstore::Readers;
use crate::fbstore::file_ref::FileRef;
use crate::fbstore::files::{Files, Identity, NameChanged, Ownership, SyncError};

/// The operations in their order. A file is identified by a number, because its names
/// change.
#[derive(Clone, Debug)]
pub(super) enum Event<A> {
    MakeDirectory(PathBuf),
    /// A name of a file, which was created or linked.
    Name(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
    Write(usize, Vec<u8>),
    SyncFile(usize),
    SyncDirectory(PathBuf),
    SyncAll,
    /// Something that the program was told, such as that a file is durable.
    Told(A),
}

/// Forwards every operation, and records it. Clones share one log.
pub(crate) struct Recorder<A> {
    files: FaultyFiles,
    log: Arc<Mutex<Log<A>>>,
}

pub(super) struct Log<A> {
    pub(super) events: Vec<Event<A>>,
    names: HashMap<PathBuf, usize>,
    files: usize,
}

impl<A> Recorder<A> {
    pub(super) fn new(files: FaultyFiles) -> Self {
        let log = Log {
            events: Vec::new(),
            names: HashMap::new(),
            files: 0,
        };
        Self {
            files,
            log: Arc::new(Mutex::new(log)),
        }
    }

    /// Records that the program was told `what`, after all operations so far.
    pub(crate) fn tell(&self, what: A) {
        self.log.lock().events.push(Event::Told(what));
    }

    pub(super) fn take_events(&self) -> Vec<Event<A>> {
        std::mem::take(&mut self.log.lock().events)
    }
}

impl<A> Log<A> {
    fn name(&mut self, path: &Path, file: usize) {
        self.names.insert(path.to_owned(), file);
        self.events.push(Event::Name(path.to_owned(), file));
    }

    fn new_file(&mut self, path: &Path) -> usize {
        let file = self.files;
        self.files += 1;
        self.name(path, file);
        file
    }
}

impl<A> Clone for Recorder<A> {
    fn clone(&self) -> Self {
        Self {
            files: self.files.clone(),
            log: self.log.clone(),
        }
    }
}

/// The log is locked while an operation runs, so that its order is the order of the
/// effects.
impl<A: Send + 'static> Files for Recorder<A> {
    fn create_dir(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
        let mut log = self.log.lock();
        let path = &*file_ref.path();
        let missing = path.ancestors().take_while(|path| !path.exists());
        let missing: Vec<_> = missing.map(Path::to_owned).collect();
        self.files.create_dir(file_ref, readers)?;
        let made = missing.into_iter().rev().map(Event::MakeDirectory);
        log.events.extend(made);
        Ok(())
    }

    fn list(&self, file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
        self.files.list(file_ref, each)
    }

    fn open_up(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
        self.files.open_up(file_ref, readers)
    }

    fn ownership(&self, file_ref: &FileRef<'_>) -> io::Result<Ownership> {
        self.files.ownership(file_ref)
    }

    fn create(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Write + Send>> {
        let mut log = self.log.lock();
        let target = self.files.create(file_ref)?;
        let file = log.new_file(&file_ref.path());
        let recorder = self.clone();
        Ok(Box::new(Recorded {
            recorder,
            file,
            target,
        }))
    }

    fn open_cached(&self, file_ref: &FileRef<'_>) -> Option<Box<dyn Source>> {
        self.files.open_cached(file_ref)
    }

    fn open(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Source>> {
        self.files.open(file_ref)
    }

    fn link(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        let mut log = self.log.lock();
        self.files.link(from, to)?;
        let file = log.names[&*from.path()];
        log.name(&to.path(), file);
        Ok(())
    }

    fn reflink(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        let mut log = self.log.lock();
        self.files.reflink(from, to)?;
        let file = log.new_file(&to.path());
        let bytes = std::fs::read(to.path())?;
        log.events.push(Event::Write(file, bytes));
        Ok(())
    }

    fn rename_new(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        let mut log = self.log.lock();
        self.files.rename_new(from, to)?;
        let (from, to) = (from.path().into_owned(), to.path().into_owned());
        let file = log.names.remove(&from).expect("it had a name");
        log.names.insert(to.clone(), file);
        log.events.push(Event::Rename(from, to, file));
        Ok(())
    }

    fn remove(&self, file_ref: &FileRef<'_>) -> io::Result<()> {
        let mut log = self.log.lock();
        self.files.remove(file_ref)?;
        log.names.remove(&*file_ref.path());
        log.events.push(Event::Remove(file_ref.path().into_owned()));
        Ok(())
    }

    fn identity(&self, file_ref: &FileRef<'_>) -> io::Result<Identity> {
        self.files.identity(file_ref)
    }

    fn length(&self, file_ref: &FileRef<'_>) -> io::Result<u64> {
        self.files.length(file_ref)
    }

    fn sync(&self, file_ref: &FileRef<'_>) -> Result<(), SyncError> {
        let mut log = self.log.lock();
        self.files.sync(file_ref)?;
        let path = file_ref.path();
        let synced = match log.names.get(&*path) {
            Some(file) => Event::SyncFile(*file),
            None => Event::SyncDirectory(path.into_owned()),
        };
        log.events.push(synced);
        Ok(())
    }

    fn syncfs_handle(&self, path: &Path) -> io::Result<Option<File>> {
        self.files.syncfs_handle(path)
    }

    fn sync_file_system(&self, _: &File) -> io::Result<()> {
        // The real call would take time, and its effect is not checked.
        self.log.lock().events.push(Event::SyncAll);
        Ok(())
    }

    fn open_lock(&self, file_ref: &FileRef<'_>) -> io::Result<File> {
        let mut log = self.log.lock();
        let path = file_ref.path();
        let is_new = !path.exists();
        let file = self.files.open_lock(file_ref)?;
        if is_new {
            log.new_file(&path);
        }
        Ok(file)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        self.files.try_lock(file)
    }

    fn open_pin(&self, file_ref: &FileRef<'_>) -> io::Result<File> {
        self.files.open_pin(file_ref)
    }

    fn try_lock_shared(&self, file: &File) -> io::Result<bool> {
        self.files.try_lock_shared(file)
    }

    fn watch_names(
        &self,
        file_ref: &FileRef<'_>,
        changed: NameChanged,
    ) -> io::Result<Option<Box<dyn ManifestWatch>>> {
        self.files.watch_names(file_ref, changed)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.files.free_space(path)
    }
}

struct Recorded<A> {
    recorder: Recorder<A>,
    file: usize,
    target: Box<dyn Write + Send>,
}

impl<A> Write for Recorded<A> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut log = self.recorder.log.lock();
        let written = self.target.write(data)?;
        let data = data[..written].to_owned();
        log.events.push(Event::Write(self.file, data));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}
