//! Inspects, copies and fills directories that items of `file_backed` were persisted to.
//! Only `import`, `gc` and `salvage` change a directory of items; all other commands work while
//! it is in use.

mod cat;
mod copy;
mod diff;
mod du;
mod export;
mod found;
mod gc;
mod hold;
mod import;
mod info;
mod ls;
mod options;
mod output;
mod progress;
mod root;
mod salvage;
mod select;
mod verify;
mod writer;

use std::path::Path;
use std::process::ExitCode;

use file_backed::dataset::Inspection;
use file_backed::fbstore::RESERVED;
use file_backed_codecs::printable::PrintablePath;

use found::Found;
use options::{Command, Directory, Options};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let options = match options::read() {
        Ok(options) => options,
        Err(code) => return code,
    };
    match run(&options) {
        Ok(code) => code,
        Err(error) if output::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("file_backed: {error}");
            match &options.command {
                // Its code for damage says that something differs.
                Command::Diff(_) => Found::Unreadable.into(),
                _ => Found::of_directory(&*error).into(),
            }
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let json = options.json;
    let found = match &options.command {
        Command::Info(directory) => info::run(&inspect(directory)?, json)?,
        Command::Ls(options) => ls::run(&inspect(&options.directory)?, options, json)?,
        Command::Cat(options) => cat::run(&inspect(&options.directory)?, options, json)?,
        Command::Du(options) => du::run(&inspect(&options.directory)?, options, json)?,
        Command::Diff(options) => return diff::run(options, json),
        Command::Root(options) => root::run(&inspect(&options.directory)?, options, json)?,
        Command::Verify(options) => {
            verify::run(&inspect(&options.directory)?, &options.keys, json)?
        }
        Command::Copy(options) => {
            copy::run(options, json)?;
            Found::Whole
        }
        Command::Hold(options) => return hold::run(&options.directory.path, &options.command),
        Command::Export(options) => export::run(&inspect(&options.directory)?, options, json)?,
        Command::Import(options) => {
            import::run(options, json)?;
            Found::Whole
        }
        Command::Gc(options) => gc::run(options, json)?,
        Command::Salvage(options) => salvage::run(options, json)?,
        Command::Completions { shell } => {
            output::bytes_as_they_are(&options::completions(*shell))?;
            Found::Whole
        }
    };
    Ok(found.into())
}

fn inspect(directory: &Directory) -> Result<Inspection> {
    let directory = Inspection::blocking_open(&directory.path)?;
    check_ours(&directory)?;
    Ok(directory)
}

/// Fails for a directory that the library has apparently never used, so that a mistyped
/// name is not reported as intact.
fn check_ours(directory: &Inspection) -> Result<()> {
    let path = directory.path();
    if !directory.all_keys().is_empty() || is_ours(path) {
        return Ok(());
    }
    Err(not_ours(path))
}

fn not_ours(path: &Path) -> Box<dyn std::error::Error> {
    let path = PrintablePath(path);
    format!("{path} is not a file_backed directory: give a directory that items were persisted to")
        .into()
}

/// Whether the library has used this directory.
fn is_ours(path: &Path) -> bool {
    RESERVED.iter().any(|name| path.join(name).exists())
}

/// Fails for a directory in which items were persisted without a dataset.
fn check_dataset(directory: &Inspection) -> Result<()> {
    if directory.generation().is_some() {
        return Ok(());
    }
    let path = PrintablePath(directory.path());
    Err(
        format!("there is no dataset in {path}, so its items have no names and no generations")
            .into(),
    )
}
