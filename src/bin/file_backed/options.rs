//! The arguments of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use file_backed::uuid::Uuid;
use file_backed_codecs::printable::Printable;
use lexopt::prelude::*;

use super::Result;

const USAGE: &str = "\
Looks into a directory that items of file_backed were persisted to, or copies it.
Nothing in it is changed, and it may be in use.

Usage:
  file_backed info DIR              what is in it: items, bytes, codecs, sizes
  file_backed ls DIR                each item: key, bytes, codec, schema id
  file_backed verify DIR [KEY...]   reads everything, or these items, and
                                    compares it with the checksums
  file_backed copy DIR TO           copies the current commit of a dataset,
                                    whatever is committed meanwhile
  file_backed hold DIR -- COMMAND.. holds the current commit of a dataset while
                                    COMMAND runs, with the names of its files on
                                    the standard input, relative to DIR:
                                      ... -- rsync -a --files-from=- DIR TO
                                      ... -- tar -C DIR -cf FILE -T -

Options:
  --json      one JSON value (ls: one a line)
  --help      this text
  --version   the version

Exit codes:
  0   all that was looked at is there and whole; also if there are no items yet
  1   something is damaged or missing, whatever else could not be read
  2   what was asked for could not be done: wrong words, no such key, nothing of
      file_backed in the directory, or something that cannot be read or was
      written by a newer release
  hold: that of COMMAND, once it runs
";

const VERSION: &str = concat!("file_backed ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) enum Command {
    Info,
    Ls,
    /// These items, or all if the list is empty.
    Verify(Vec<Uuid>),
    /// The target directory.
    Copy(PathBuf),
    Hold {
        program: OsString,
        words: Vec<OsString>,
    },
}

pub(crate) struct Options {
    /// `None` if only `answer` is to be printed.
    pub(crate) command: Option<Command>,
    pub(crate) answer: &'static str,
    pub(crate) directory: PathBuf,
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn read() -> Result<Self> {
        let mut parser = lexopt::Parser::from_env();
        let (mut words, mut json) = (Vec::new(), false);
        while let Some(argument) = parser.next().map_err(printable)? {
            match argument {
                Long("json") => json = true,
                Long("help") | Short('h') => return Ok(Self::answer(USAGE)),
                Long("version") | Short('V') => return Ok(Self::answer(VERSION)),
                Value(word) => words.push(word),
                other => {
                    return Err(format!("{}\n{SEE_HELP}", printable(other.unexpected())).into());
                }
            }
        }
        let mut words = words.into_iter();
        let Some(name) = words.next() else {
            return Err(format!("what is to be done?\n\n{USAGE}").into());
        };
        let Some(directory) = words.next() else {
            return Err(format!("which directory?\n{SEE_HELP}").into());
        };
        Ok(Self {
            command: Some(command(&name, words.collect())?),
            answer: "",
            directory: directory.into(),
            json,
        })
    }

    fn answer(answer: &'static str) -> Self {
        Self {
            command: None,
            answer,
            directory: PathBuf::new(),
            json: false,
        }
    }
}

/// Escapes the error's text, in which options appear as they were given.
fn printable(error: lexopt::Error) -> String {
    Printable(error).to_string()
}

const SEE_HELP: &str = "`file_backed --help` tells what there is";

fn command(name: &OsString, mut rest: Vec<OsString>) -> Result<Command> {
    let command = match name.to_str() {
        Some("copy") if rest.is_empty() => {
            return Err(format!("copy it to which directory?\n{SEE_HELP}").into());
        }
        Some("copy") => Command::Copy(rest.remove(0).into()),
        Some("hold") if rest.is_empty() => {
            return Err(format!("hold it for which command?\n{SEE_HELP}").into());
        }
        Some("hold") => {
            let program = rest.remove(0);
            return Ok(Command::Hold {
                program,
                words: rest,
            });
        }
        Some("verify") => {
            let keys: Result<_> = rest.iter().map(key).collect();
            return Ok(Command::Verify(keys?));
        }
        Some("info") => Command::Info,
        Some("ls") => Command::Ls,
        _ => {
            let name = name.to_string_lossy();
            return Err(format!("there is no command {name:?}\n{SEE_HELP}").into());
        }
    };
    match rest.first() {
        None => Ok(command),
        Some(word) => {
            let word = word.to_string_lossy();
            Err(format!("one directory at a time: {word:?} is too much\n{SEE_HELP}").into())
        }
    }
}

fn key(word: &OsString) -> Result<Uuid> {
    let word = word.to_string_lossy();
    let key = Uuid::try_parse(&word);
    Ok(key.map_err(|error| format!("{word:?} is no key ({error}): `ls` shows them"))?)
}
