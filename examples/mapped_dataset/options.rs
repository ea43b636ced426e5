//! What the user asks for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Makes a persisted dataset of all files below DIR, and searches it.

Usage: mapped_dataset [OPTIONS] [DIR]

  DIR              Directory to take the files from; the Rust toolchain's own
                   (rustc --print sysroot) if none is given. Links are not
                   followed.
  --needle TEXT    What to search for [default: unsafe]
  --items N        How many files each pool keeps in memory [default: 64]
  --threads N      Threads that search [default: 1]
  --keep OUT       Work in the directory OUT and keep the dataset there; it must
                   be new, empty, or of an earlier run, and nobody else may
                   write to it. Without it, a temporary directory is used
                   (TMPDIR says where) and deleted at the end.
  --help           Show this text

On the disk it needs twice the size of DIR; in memory, N files and the one at
hand, twice. Exit code: 0 if all went well, 1 if not, 2 for a wrong command line,
130 after Ctrl-C.
";

/// What there is to do.
pub(crate) enum Command {
    Help,
    Run(Options),
}

pub(crate) struct Options {
    /// Is a directory.
    pub(crate) dir: PathBuf,
    /// Not empty.
    pub(crate) needle: String,
    /// Budget of each pool of files.
    pub(crate) items: usize,
    /// At least 1.
    pub(crate) threads: usize,
    pub(crate) keep: Option<PathBuf>,
}

/// A wish that cannot be met, in words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    ///
    /// [`Usage`].
    pub(crate) fn from_args() -> Result<Command> {
        Self::parse(lexopt::Parser::from_env()).map_err(|error| Usage(error.to_string()).into())
    }

    fn parse(mut args: lexopt::Parser) -> Result<Command, lexopt::Error> {
        let mut dir: Option<OsString> = None;
        let mut needle = "unsafe".to_owned();
        let mut items = 64;
        let mut threads = 1;
        let mut keep = None;
        while let Some(arg) = args.next()? {
            match arg {
                Long("help") | Short('h') => return Ok(Command::Help),
                Long("needle") => needle = args.value()?.string()?,
                Long("items") => items = args.value()?.parse()?,
                Long("threads") => threads = args.value()?.parse()?,
                Long("keep") => keep = Some(PathBuf::from(args.value()?)),
                Value(path) if dir.is_none() => dir = Some(path),
                other => return Err(other.unexpected()),
            }
        }
        if needle.is_empty() {
            return Err("--needle needs a text to search for".into());
        }
        if threads == 0 {
            return Err("--threads needs at least one thread".into());
        }
        let dir = match dir {
            Some(dir) => PathBuf::from(dir),
            None => sysroot()?,
        };
        check_directory(&dir)?;
        Ok(Command::Run(Self {
            dir,
            needle,
            items,
            threads,
            keep,
        }))
    }
}

fn check_directory(dir: &Path) -> Result<(), String> {
    match dir.metadata() {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", dir.display())),
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}

/// Where the Rust toolchain is installed: real data that whoever runs this has.
fn sysroot() -> Result<PathBuf, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let fail = |why: &str| {
        format!(
            "no directory was given, and the default, the Rust toolchain's own, was not found \
             (`{} --print sysroot`: {why}): give a directory",
            rustc.display()
        )
    };
    let output = std::process::Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| fail(&error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim_end() {
        path if output.status.success() && !path.is_empty() => Ok(path.into()),
        _ => Err(fail(&output.status.to_string())),
    }
}
