//! Finds the files, and keeps account of what is passed over.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::options::Usage;
use crate::phase::{Phase, Total};
use crate::report::Report;

/// What there is below a directory.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// In the order of their paths.
    pub(crate) files: Vec<Found>,
    pub(crate) skipped: Skipped,
}

/// A regular file, as it was when it was found.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

/// What was passed over.
#[derive(Default)]
pub(crate) struct Skipped {
    /// Links, pipes and other things that are neither file nor directory.
    pub(crate) not_regular: u64,
    /// More than an archive can hold.
    pub(crate) too_large: Vec<String>,
    pub(crate) unreadable: Vec<String>,
}

impl Skipped {
    pub(crate) fn too_large(&mut self, path: &Path, size: u64) {
        let size = indicatif::BinaryBytes(size);
        self.too_large.push(format!("{}: {size}", path.display()));
    }

    /// In words for the user, when no file is left.
    pub(crate) fn why_nothing(&self) -> String {
        match self.unreadable.iter().chain(&self.too_large).next() {
            Some(why) => format!("there is no file that could be taken in: {why}"),
            None => "there is no regular file below that directory".to_owned(),
        }
    }

    pub(crate) fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        self.unreadable.push(format!("{}: {error}", path.display()));
    }
}

/// Lists the regular files below `root`; follows no link but `root` itself.
///
/// # Errors
///
/// [`Usage`] if there are none.
pub(crate) fn walk(root: &Path, report: &mut Report) -> Result<Tree> {
    let phase = Phase::begin("list", "looking for files", Total::Unknown);
    let mut tree = Tree {
        root: root.to_owned(),
        files: Vec::new(),
        skipped: Skipped::default(),
    };
    // Not by recursion, so that no depth is too deep.
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        if let Err(error) = tree.list(&dir, &mut open, &phase)? {
            tree.skipped.unreadable(&dir, &error);
        }
    }
    if tree.files.is_empty() {
        return Err(Usage(tree.skipped.why_nothing()).into());
    }
    tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    report.end(phase)?;
    Ok(tree)
}

impl Tree {
    /// Size of all files, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Takes in what is directly in `dir`. The outer error ends the walk, the
    /// inner one this directory.
    fn list(
        &mut self,
        dir: &Path,
        open: &mut Vec<PathBuf>,
        phase: &Phase,
    ) -> Result<std::io::Result<()>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Ok(Err(error)),
            };
            let path = entry.path();
            // Of the entry itself, not of what a link leads to.
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(path),
                Ok(found) if found.is_file() => {
                    phase.advance(found.len())?;
                    let size = found.len();
                    self.files.push(Found { path, size });
                }
                Ok(_) => self.skipped.not_regular += 1,
                Err(error) => self.skipped.unreadable(&path, &error),
            }
        }
        Ok(Ok(()))
    }
}
