//! The arguments of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use file_backed::uuid::Uuid;
use file_backed_codecs::printable::Printable;
use lexopt::prelude::*;

use super::Result;

const USAGE: &str = "\
Inspects, verifies or copies a directory that file_backed persisted items to.
The directory is never changed, and it may be in use meanwhile.

Usage:
  file_backed info DIR              summarize it: items, bytes, codecs, sizes
  file_backed ls DIR                list each item: key, bytes, codec, schema id
  file_backed verify DIR [KEY...]   read all items, or only these, and compare
                                    them with their checksums
  file_backed copy DIR TO           copy the current generation of a dataset,
                                    even if others are committed meanwhile
  file_backed hold DIR -- COMMAND.. pin the current generation of a dataset while
                                    COMMAND runs, with the names of its files on
                                    standard input, relative to DIR:
                                      ... -- rsync -a --files-from=- DIR TO
                                      ... -- tar -C DIR -cf FILE -T -

Options:
  --json      print one JSON value (ls: one per line)
  --help      print this text
  --version   print the version

Exit codes:
  0   everything inspected is present and intact; also if there are no items yet
  1   something is damaged or missing, even if something else is unreadable
  2   the command failed: wrong arguments, unknown key, not a file_backed
      directory, or something that is unreadable or was written by a newer release
  hold: the exit code of COMMAND, once it runs
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
            return Err(format!("no command given\n\n{USAGE}").into());
        };
        let Some(directory) = words.next() else {
            return Err(format!("no directory given\n{SEE_HELP}").into());
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

const SEE_HELP: &str = "see `file_backed --help`";

fn command(name: &OsString, mut rest: Vec<OsString>) -> Result<Command> {
    let command = match name.to_str() {
        Some("copy") if rest.is_empty() => {
            return Err(format!("no target directory given\n{SEE_HELP}").into());
        }
        Some("copy") => Command::Copy(rest.remove(0).into()),
        Some("hold") if rest.is_empty() => {
            return Err(format!("no command to run given\n{SEE_HELP}").into());
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
            return Err(format!("unknown command {name:?}\n{SEE_HELP}").into());
        }
    };
    match rest.first() {
        None => Ok(command),
        Some(word) => {
            let word = word.to_string_lossy();
            Err(
                format!("unexpected argument {word:?}: give one directory at a time\n{SEE_HELP}")
                    .into(),
            )
        }
    }
}

fn key(word: &OsString) -> Result<Uuid> {
    let word = word.to_string_lossy();
    let key = Uuid::try_parse(&word);
    Ok(key.map_err(|error| format!("{word:?} is not a key ({error}): `ls` lists the keys"))?)
}
