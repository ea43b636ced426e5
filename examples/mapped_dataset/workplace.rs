//! The directory that everything is done in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::library::CATALOGUE;
use crate::options::{Options, Usage};

/// Deleted when it is dropped, unless the user wants to keep it.
pub(crate) enum Workplace {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Workplace {
    /// Makes the directory.
    ///
    /// # Errors
    ///
    /// [`Usage`] if the user's choice will not do.
    pub(crate) fn make(options: &Options) -> Result<Self> {
        let Some(dir) = &options.keep else {
            let made = tempfile::Builder::new().prefix("mapped_dataset-").tempdir();
            return Ok(Self::Temporary(made.context("no temporary directory")?));
        };
        check(dir, &options.dir).map_err(Usage)?;
        std::fs::create_dir_all(dir).context(dir.display().to_string())?;
        Ok(Self::Kept(dir.clone()))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Kept(dir) => dir,
        }
    }

    /// Deletes it, or says where it is.
    pub(crate) fn leave(self) -> Result<Option<PathBuf>> {
        match self {
            Self::Temporary(dir) => {
                dir.close().context("the temporary directory")?;
                Ok(None)
            }
            Self::Kept(dir) => Ok(Some(dir)),
        }
    }
}

/// Whether `out` is ours to write to, and no part of what is to be read.
fn check(out: &Path, input: &Path) -> Result<(), String> {
    let shown = out.display();
    let fail = |error: std::io::Error| format!("{shown}: {error}");
    let absolute = std::path::absolute(out).map_err(fail)?;
    let there = absolute.ancestors().find_map(|dir| dir.canonicalize().ok());
    let input = input.canonicalize().map_err(fail)?;
    if there.is_some_and(|there| there.starts_with(&input)) {
        return Err(format!(
            "{shown} lies in {}, which is to be read: choose a place outside",
            input.display()
        ));
    }
    if !out.exists() || out.join(CATALOGUE).is_file() {
        return Ok(());
    }
    match out.read_dir().map_err(fail)?.next() {
        None => Ok(()),
        Some(_) => Err(format!(
            "{shown} has something else in it: choose a new or an empty directory"
        )),
    }
}
