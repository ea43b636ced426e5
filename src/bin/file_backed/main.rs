//! Inspects or copies a directory that items of `file_backed` were persisted to. It
//! changes nothing there, and the directory may be in use.

mod copy;
mod found;
mod hold;
mod info;
mod ls;
mod options;
mod output;
mod verify;

use std::process::ExitCode;

use file_backed::dataset::Inspection;
use file_backed::fbstore::RESERVED;
use file_backed_codecs::printable::PrintablePath;

use found::Found;
use options::{Command, Options};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(code) => code,
        Err(error) if output::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("file_backed: {error}");
            Found::of_directory(&*error).into()
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let (path, json) = (&options.directory, options.json);
    let inspect = || {
        let directory = Inspection::blocking_open(path)?;
        check_ours(&directory)?;
        Ok::<_, Box<dyn std::error::Error>>(directory)
    };
    let found = match &options.command {
        None => {
            output::text(options.answer)?;
            Found::Whole
        }
        Some(Command::Info) => info::run(&inspect()?, json)?,
        Some(Command::Ls) => ls::run(&inspect()?, json)?,
        Some(Command::Verify(keys)) => verify::run(&inspect()?, keys, json)?,
        Some(Command::Copy(to)) => {
            copy::run(path, to, json)?;
            Found::Whole
        }
        Some(Command::Hold { program, words }) => return hold::run(path, program, words),
    };
    Ok(found.into())
}

/// Fails for a directory that the library has apparently never used, so that a mistyped
/// name is not reported as intact.
fn check_ours(directory: &Inspection) -> Result<()> {
    let path = directory.path();
    let is_marked = || RESERVED.iter().any(|name| path.join(name).exists());
    if !directory.all_keys().is_empty() || is_marked() {
        return Ok(());
    }
    let path = PrintablePath(path);
    Err(format!(
        "{path} is not a file_backed directory: give a directory that items were persisted to"
    )
    .into())
}
