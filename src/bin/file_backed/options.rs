//! The arguments of the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
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
  diff: 0 if nothing differs, 1 if something does, 2 if it failed, also for damage
  hold: the exit code of COMMAND, once it runs

`file_backed COMMAND --help` has an example of each.";

/// Inspects, verifies, copies and fills directories that file_backed persisted items to.
/// Only import, gc and salvage change DIR, and all other commands work while it is in use; copy
/// and export write to TO.
#[derive(Parser)]
#[command(name = "file_backed", bin_name = "file_backed", version, after_help = EXIT_CODES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Options {
    /// Print one JSON value (ls, du and diff: one per line)
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
    #[command(after_help = LS)]
    Ls(Ls),
    #[command(after_help = CAT)]
    Cat(Cat),
    #[command(after_help = DU)]
    Du(Du),
    #[command(after_help = DIFF)]
    Diff(Diff),
    #[command(
        after_help = "Examples:\n  file_backed root album\n  file_backed root album --raw > root.json"
    )]
    Root(Root),
    /// Read all items, or only these, and compare them with their checksums
    #[command(
        after_help = "Examples:\n  file_backed verify album\n  file_backed verify album 3f2a9c0e5d1b4a7f8e6c2b1a0d9f8e7c"
    )]
    Verify(Verify),
    #[command(after_help = COPY)]
    Copy(Copy),
    #[command(after_help = HOLD)]
    Hold(Hold),
    #[command(after_help = EXPORT, override_usage = EXPORT_USAGE)]
    Export(Export),
    #[command(after_help = IMPORT)]
    Import(Import),
    #[command(after_help = GC)]
    Gc(Gc),
    #[command(after_help = SALVAGE)]
    Salvage(Salvage),
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

const LS: &str = "\
One line for each item: key, bytes of its file, codec, schema id and names. They are
those that the manifest records, so no file of an item is opened, and only missing ones
are reported. In a directory without a dataset, the footer of each file is read.

Examples:
  file_backed ls album
  file_backed ls album --prefix 2026/ --sort size --reverse --limit 10";

/// List each item: key, bytes, codec, schema id, names
#[derive(Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// Only items with names that begin with P, and only these names
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(crate) prefix: Option<String>,
    /// The order: with `name`, items without one come last; with `size`, large ones
    #[arg(long, value_name = "ORDER", default_value = "name")]
    pub(crate) sort: Sort,
    /// In the opposite order
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most N items
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Name,
    Size,
    Key,
}

const CAT: &str = "\
The payload is the file of the item without its footer of 64 bytes. It is read twice: it is
compared with its checksum before the first byte is written.

Examples:
  file_backed cat album 2026/sunset.jpg > sunset.jpg
  file_backed cat album 3f2a9c0e5d1b4a7f8e6c2b1a0d9f8e7c | xxd | head";

/// Write the payload of one item to the standard output
#[derive(Args)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// The name of the item or, if no item has this name, its key
    #[arg(value_name = "NAME-or-KEY")]
    pub(crate) item: String,
    /// Write it even to a terminal, which may interpret it
    #[arg(long)]
    pub(crate) force: bool,
}

const DU: &str = "\
A prefix ends with `/`. An item with several names counts once, for the first of them. The
lines in parentheses add up the lengths of the items, as the dataset records them, of its
manifests, and of files that are not in the current generation. Files that are missing are
counted too. With --prefix, only the first of these lines is printed.

Examples:
  file_backed du album
  file_backed du album --depth 1 --prefix 2026/";

/// Sum up the bytes of a dataset by the prefixes of names
#[derive(Args)]
pub(crate) struct Du {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// Only prefixes of at most N components, after P
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Only names that begin with P
    #[arg(long, value_name = "P", default_value = "")]
    #[arg(hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) prefix: String,
}

const DIFF: &str = "\
A generation is on the disk if it is the current one, or while a reader has it pinned.

One line for each difference:
  A  added: a name, or an item that has no name
  D  removed
  M  the name has other contents, or the key has another file
  K  the name has another item with the same contents: of equal length and checksum
  R  the root is another one

Examples:
  file_backed diff album 41 42
  file_backed diff album /backup/album";

/// Compare two generations, or the current ones of two datasets
#[derive(Args)]
pub(crate) struct Diff {
    /// The dataset, or the first of two
    #[arg(value_name = "DIR")]
    pub(crate) path: PathBuf,
    /// A generation of DIR, or with one argument another dataset
    #[arg(value_name = "GEN or DIR")]
    pub(crate) first: OsString,
    /// Another generation of DIR
    #[arg(value_name = "GEN")]
    pub(crate) second: Option<u64>,
}

/// Print the root of a dataset, which is JSON
#[derive(Args)]
pub(crate) struct Root {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// Byte by byte as it is stored, without a newline at the end
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
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

const EXPORT_USAGE: &str =
    "file_backed export [OPTIONS] <DIR> <TO> <NAME-or-KEY...|--prefix <P>|--all>";

const EXPORT: &str = "\
A file is named by the name of its item below TO; each `/` separates directories. An item
with several names becomes several files, and one without a name is named by its key.

Most names are good paths as they are. What is not is escaped, so that no file is outside of
TO and two names never share a file, on a file system that distinguishes upper and lower case:
  %=XX  the byte XX, in hex: a NUL, the first dot of `.` and `..`, and the `%` of what would
        look like an escape. On Windows also what its paths cannot hold.
  %=_   nothing: it stands for an empty component, and at the end of a file's name for the
        file, if other names have this one as a directory
  %=+   at the end of a directory's name: its next component continues it, because it has
        more than 255 bytes
  %=k   at the end of a key that is also a name
  %=t   begins the name of a file until it is complete: a killed export leaves one, and the
        next export that writes to the same directory removes it

No symbolic link in TO leads outside of it, and TO is not within a directory of file_backed,
where a name could be that of a manifest. A file that exists is refused, before anything is
written, unless --force is given. Each file gets its name when it is complete and its checksum
was right. Damaged items are reported, and the others are exported. At the end all files are
synced to the disk; a file that replaces another is synced before.

Examples:
  file_backed export album photos --all
  file_backed export album photos --prefix 2026/
  file_backed export album photos 2026/sunset.jpg 2026/sunrise.jpg";

/// Write the payloads of items as files, named by the names of the items
#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// The directory of the files, which is created
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Items by name or, if no item has this name, by key
    #[arg(value_name = "NAME-or-KEY")]
    pub(crate) items: Vec<String>,
    /// All names that begin with P
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(crate) prefix: Option<String>,
    /// All items, also those without a name
    #[arg(long)]
    pub(crate) all: bool,
}

const IMPORT: &str = "\
Each regular file becomes an item of plain bytes, which a program reads with `BytesCodec`. Its
name is its path within FOLDER, with `/`, after P. An item that had the name is replaced; all
others stay. Empty directories, permissions and times are not kept. All files are committed
at once, or none; there must be no symbolic link, no other special file, and no path that is
not UTF-8 or longer than 1024 bytes.

Files of any length are imported: they are read in pieces. Each is written once, to the
directory `.DIR.file_backed-import` beside DIR, and linked from there. That directory is deleted
at the end. A killed import leaves it, and the next import to DIR deletes it.

If there is no dataset in DIR, one is created; its root is `null`. DIR must not be open to
commit elsewhere. Programs that have it open to read see the commit.

Examples:
  file_backed import photos album
  file_backed import photos/2026 album --prefix 2026/";

/// Make each file of a folder an item, in one commit
#[derive(Args)]
pub(crate) struct Import {
    /// The folder
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The dataset
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// What all names begin with
    #[arg(long, value_name = "P", default_value = "")]
    #[arg(hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) prefix: String,
}

const GC: &str = "\
Programs do the same when they open a dataset to commit. Generations that a reader has pinned
stay, with their files. DIR must not be open to commit elsewhere. If a file of the current
generation is missing, nothing is deleted.

With --dry-run, DIR may be in use, but then the files of a commit in progress are listed too.

Examples:
  file_backed gc album --dry-run
  file_backed gc album";

/// Delete the files of a dataset that no generation needs
#[derive(Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// Only list the files; nothing is changed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

const SALVAGE: &str = "\
A dataset of which a file is missing, or whose manifest is damaged, can no longer be opened to
commit. This tells what is lost: each file is read and compared with its checksums. If the last
commit cannot be read, the latest earlier state that can be read takes its place, and items that
it does not have are included without names.

Nothing is changed without --commit. With it, what is left is committed, and everything else is
deleted: `cp -a` DIR first if you want to examine the damaged files. The exit code is 1 if something
is lost, whether or not the rest was committed. DIR must not be open to commit elsewhere.

A directory of persisted items without a dataset becomes one with --commit and --root.

Examples:
  file_backed salvage album
  file_backed salvage album --commit";

/// Tell what is lost of a damaged dataset, and commit what is left
#[derive(Args)]
pub(crate) struct Salvage {
    #[command(flatten)]
    pub(crate) directory: Directory,
    /// Commit what is left
    #[arg(long)]
    pub(crate) commit: bool,
    /// Only look for missing files, and read none
    #[arg(long)]
    pub(crate) quick: bool,
    /// The root to commit, as JSON: needed if no commit can be read
    #[arg(long, value_name = "FILE", requires = "commit")]
    pub(crate) root: Option<PathBuf>,
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
