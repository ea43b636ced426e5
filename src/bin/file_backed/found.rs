//! How the directory was found, and the exit code that tells it.
//!
//! `--help` documents the codes, and no other place does.

use std::process::ExitCode;

use file_backed::Error;

/// The words were wrong, or what was asked for could not be done.
const FAILED: u8 = 2;
/// Something of the directory is damaged or missing.
const DAMAGED: u8 = 1;

/// How what was looked at was found; what comes later tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// It is all there.
    Whole,
    /// Some of it cannot be read, so that nobody knows.
    Unreadable,
    /// Some of it is damaged or missing.
    Damaged,
}

impl Found {
    /// What the error of an item of the directory tells.
    pub(crate) fn of(error: &Error) -> Self {
        match error.is_damaged() || error.is_not_found() {
            true => Self::Damaged,
            false => Self::Unreadable,
        }
    }

    /// What the error tells that looking into the directory ended with.
    pub(crate) fn of_directory(error: &(dyn std::error::Error + 'static)) -> Self {
        match error.downcast_ref::<Error>().is_some_and(Error::is_damaged) {
            true => Self::Damaged,
            false => Self::Unreadable,
        }
    }
}

impl From<Found> for ExitCode {
    fn from(found: Found) -> Self {
        match found {
            Found::Whole => Self::SUCCESS,
            Found::Unreadable => Self::from(FAILED),
            Found::Damaged => Self::from(DAMAGED),
        }
    }
}
