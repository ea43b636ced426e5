//! Looks into a directory that items of `file_backed` were persisted to. It
//! changes nothing there, and the directory may be in use.

mod info;
mod ls;
mod options;
mod output;
mod verify;

use std::process::ExitCode;

use file_backed::dataset::Inspection;

use options::{Command, Options};

/// Something of the directory is damaged or missing.
const DAMAGED: u8 = 1;
/// The words were wrong, or the directory could not be looked at.
const FAILED: u8 = 2;

/// Whether everything that was looked at is there and whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Whole,
    Damaged,
}

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(Found::Whole) => ExitCode::SUCCESS,
        Ok(Found::Damaged) => ExitCode::from(DAMAGED),
        Err(error) if output::is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("file_backed: {error}");
            let known = error.downcast_ref::<file_backed::Error>();
            ExitCode::from(match known.is_some_and(|error| error.is_damaged()) {
                true => DAMAGED,
                false => FAILED,
            })
        }
    }
}

fn run(options: &Options) -> Result<Found> {
    let Some(command) = &options.command else {
        output::text(options.answer)?;
        return Ok(Found::Whole);
    };
    let directory = Inspection::blocking_open(&options.directory)?;
    match command {
        Command::Info => info::run(&directory, options.json),
        Command::Ls => ls::run(&directory, options.json),
        Command::Verify(keys) => verify::run(&directory, keys, options.json),
    }
}
