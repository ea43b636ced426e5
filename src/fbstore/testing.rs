//! A file system that fails when it is told to, and a codec that adds nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::{BoxError, Codec, CodecId, Payload, PayloadWriter, Source};
use parking_lot::Mutex;

use super::files::{Files, Identity, Listed, RealFiles, SyncError};

/// The machine's file system, in which operations can be made to fail. Clones
/// count together.
#[derive(Clone, Default)]
pub(super) struct FaultyFiles(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    fault: Option<Planned>,
    /// Operations since the fault was planned.
    operations: u64,
    fired: Vec<&'static str>,
    /// What was made durable.
    synced: HashSet<PathBuf>,
}

#[derive(Clone, Copy)]
struct Planned {
    /// How many operations go well before.
    after: u64,
    /// How many fail then.
    lasts: u64,
    fault: Fault,
}

/// What happens to an operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It fails with this number; a write has written half of its bytes before.
    Error(i32),
    /// A write writes half of its bytes and says so; others go well.
    Short,
}

impl FaultyFiles {
    /// Lets `after` operations go well and `lasts` operations fail then.
    pub(super) fn plan(&self, after: u64, lasts: u64, fault: Fault) {
        *self.0.lock() = Plan {
            fault: Some(Planned {
                after,
                lasts,
                fault,
            }),
            ..Plan::default()
        };
    }

    /// Lets everything go well again. Tells which operations failed.
    pub(super) fn lift(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock()).fired
    }

    pub(super) fn is_synced(&self, path: &Path) -> bool {
        self.0.lock().synced.contains(path)
    }

    fn next(&self, operation: &'static str) -> Option<Fault> {
        let plan = &mut *self.0.lock();
        let Planned {
            after,
            lasts,
            fault,
        } = plan.fault?;
        if matches!(fault, Fault::Short) && operation != "write" {
            return None;
        }
        plan.operations += 1;
        let fires = (plan.operations - 1)
            .checked_sub(after)
            .is_some_and(|since| since < lasts);
        fires.then(|| plan.fired.push(operation))?;
        Some(fault)
    }

    fn check(&self, operation: &'static str) -> io::Result<()> {
        match self.next(operation) {
            Some(Fault::Error(number)) => Err(io::Error::from_raw_os_error(number)),
            _ => Ok(()),
        }
    }
}

impl Files for FaultyFiles {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.check("create_dir")?;
        RealFiles.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        self.check("list")?;
        RealFiles.list(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        self.check("create")?;
        let file = RealFiles.create(path)?;
        let files = self.clone();
        Ok(Box::new(FaultyWriter { files, file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Source>> {
        self.check("open")?;
        let file = RealFiles.open(path)?;
        let files = self.clone();
        Ok(Box::new(FaultySource { files, file }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check("link")?;
        RealFiles.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check("remove")?;
        RealFiles.remove(path)
    }

    fn identity(&self, path: &Path) -> io::Result<Identity> {
        self.check("identity")?;
        RealFiles.identity(path)
    }

    fn sync(&self, path: &Path) -> Result<(), SyncError> {
        self.check("sync").map_err(SyncError::Sync)?;
        // A disk takes its time, so that others get their turn.
        std::thread::yield_now();
        RealFiles.sync(path)?;
        self.0.lock().synced.insert(path.to_owned());
        Ok(())
    }

    fn anchor(&self, path: &Path) -> io::Result<Option<File>> {
        RealFiles.anchor(path)
    }

    fn sync_file_system(&self, anchor: &File) -> io::Result<()> {
        self.check("sync_file_system")?;
        RealFiles.sync_file_system(anchor)
    }

    fn open_lock(&self, path: &Path) -> io::Result<File> {
        self.check("open_lock")?;
        RealFiles.open_lock(path)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        self.check("try_lock")?;
        RealFiles.try_lock(file)
    }
}

struct FaultyWriter {
    files: FaultyFiles,
    file: Box<dyn Write + Send>,
}

impl Write for FaultyWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let half = &data[..data.len().div_ceil(2)];
        match self.files.next("write") {
            None => self.file.write(data),
            Some(Fault::Short) => self.file.write(half),
            Some(Fault::Error(number)) => {
                self.file.write_all(half)?;
                Err(io::Error::from_raw_os_error(number))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.files.check("flush")?;
        self.file.flush()
    }
}

struct FaultySource {
    files: FaultyFiles,
    file: Box<dyn Source>,
}

impl Source for FaultySource {
    fn len(&self) -> io::Result<u64> {
        self.files.check("len")?;
        self.file.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.files.check("read")?;
        self.file.read_exact_at(buf, offset)
    }

    fn file(&self) -> Option<&File> {
        self.file.file()
    }
}

/// A codec whose payload is the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain;

impl Codec<Vec<u8>> for Plain {
    const ID: CodecId = CodecId::user(1);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        payload.read_whole()
    }
}
