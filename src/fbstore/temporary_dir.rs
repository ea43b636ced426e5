//! A temporary directory that is deleted together with its store.

use std::io;

use tempfile::TempDir;

use crate::process::Process;

/// A temporary directory. Dropping it deletes it, except in a forked child, whose
/// parent owns it.
pub(super) struct TemporaryDir {
    /// `None` once it is deleted.
    directory: Option<TempDir>,
    process: Process,
}

impl TemporaryDir {
    pub(super) fn new(directory: TempDir) -> Self {
        Self {
            directory: Some(directory),
            process: Process::current(),
        }
    }

    pub(super) fn close(mut self) -> io::Result<()> {
        match self.directory.take() {
            Some(directory) if !self.process.is_forked() => directory.close(),
            left => {
                self.directory = left;
                Ok(())
            }
        }
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        if let Some(directory) = &mut self.directory {
            directory.disable_cleanup(self.process.is_forked());
        }
    }
}
