//! The arguments of the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::Printable;

use super::found::Found;
use super::output;

const EXIT_CODES: &str = "\
Exit codes:
  0   everything inspected is present and intact; also if there are no items yet
  1   something is damaged or missing, even if something else is unreadable
  2   the command failed: wrong arguments, unknown key, not a file_backed
      directory, or something that is unreadable or was written by a newer release
  hold: the exit code of COMMAND, once it runs

`file_backed COMMAND --help` has an example of each.";

/// Inspects, verifies or copies a directory that file_backed persisted items to.
/// The directory is never changed, and it may be in use meanwhile.
#[derive(Parser)]
#[command(name = "file_backed", bin_name = "file_backed", version, after_help = EXIT_CODES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Options {
    /// Print one JSON value (ls: one per line)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Summarize it: items, bytes, codecs, sizes
    #[command(after_help = "Example:\n  file_backed info album")]
    Info(Directory),
    /// List each item: key, bytes, codec, schema id
    #[command(after_help = "Example:\n  file_backed ls album")]
    Ls(Directory),
    /// Read all items, or only these, and compare them with their checksums
    #[command(
        after_help = "Examples:\n  file_backed verify album\n  file_backed verify album 3f2a9c0e5d1b4a7f8e6c2b1a0d9f8e7c"
    )]
    Verify(Verify),
    #[command(after_help = COPY)]
    Copy(Copy),
    #[command(after_help = HOLD)]
    Hold(Hold),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  file_backed completions bash > ~/.local/share/bash-completion/completions/file_backed"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args)]
pub(crate) struct Directory {
    /// The directory that items were persisted to
    #[arg(value_name = "DIR")]
    pub(crate) path: PathBuf,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// Only the items of these keys
    #[arg(value_name = "KEY", value_parser = key)]
    pub(crate) keys: Vec<Uuid>,
}

const COPY: &str = "\
The copy shares its blocks with DIR where the file system can do that (a reflink). Every
file is compared with its checksums. Another call completes an interrupted copy.

With --link, the files of DIR and TO are the same ones. That takes no room and little time,
but it is no backup against a failing disk. Of a linked file only the footer is read. A file
that cannot be linked, as on another file system, is copied.

Examples:
  file_backed copy album /backup/album
  file_backed copy album experiment --link";

/// Copy the current generation of a dataset, even if others are committed meanwhile
#[derive(Args)]
pub(crate) struct Copy {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// The directory of the copy, which is created
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
    /// Make hard links instead of copies
    #[arg(long)]
    pub(crate) link: bool,
}

const HOLD: &str = "\
COMMAND gets the names of the files on its standard input, one per line and relative to DIR.

Examples:
  file_backed hold album -- rsync -a --files-from=- album /backup/album
  file_backed hold album -- tar -C album -cf album.tar -T -";

/// Pin the current generation of a dataset while COMMAND runs
#[derive(Args)]
pub(crate) struct Hold {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// The command, with its arguments
    #[arg(value_name = "COMMAND", required = true)]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

fn key(word: &str) -> Result<Uuid, String> {
    Uuid::try_parse(word).map_err(|error| format!("{error}: `ls` lists the keys"))
}

/// Reads the arguments of the process. In place of a command there may be a question, or a
/// mistake, to which this prints the answer and returns the exit code.
pub(crate) fn read() -> Result<Options, ExitCode> {
    Options::try_parse().map_err(|error| {
        let mut error = error;
        escape_arguments(&mut error);
        let text = output::lines(&error.render().to_string());
        let found = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match output::text(&text) {
                Ok(()) => Found::Whole,
                Err(error) if output::is_closed(&error) => Found::Whole,
                Err(_) => Found::Unreadable,
            },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                eprint!("file_backed: no command given\n\n{text}");
                Found::Unreadable
            }
            _ => {
                let text = text.strip_prefix("error: ").unwrap_or(&text);
                eprint!("file_backed: {text}");
                Found::Unreadable
            }
        };
        found.into()
    })
}

/// Escapes the arguments that an error repeats, also their newlines.
fn escape_arguments(error: &mut clap::Error) {
    let escaped = |text: &String| Printable(text).to_string();
    let mut contexts: Vec<_> = Vec::new();
    for (kind, value) in error.context() {
        let value = match value {
            ContextValue::String(text) => ContextValue::String(escaped(text)),
            ContextValue::Strings(texts) => {
                ContextValue::Strings(texts.iter().map(escaped).collect())
            }
            ContextValue::StyledStrs(texts) => {
                let escaped = texts.iter().map(|text| escaped(&text.to_string()).into());
                ContextValue::StyledStrs(escaped.collect())
            }
            _ => continue,
        };
        contexts.push((kind, value));
    }
    for (kind, value) in contexts {
        error.insert(kind, value);
    }
}

/// The script that completes the arguments in this shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let mut command = Options::command();
    clap_complete::generate(shell, &mut command, "file_backed", &mut script);
    script
}
