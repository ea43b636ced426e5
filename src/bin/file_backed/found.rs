//! The result of an inspection, and its exit code.
//!
//! Only `--help` documents the codes.

use std::process::ExitCode;

use file_backed::Error;

/// The arguments were wrong, or the request could not be carried out.
const FAILED: u8 = 2;
/// Part of the directory is damaged or missing.
const DAMAGED: u8 = 1;

/// The state of what was inspected. Later variants take precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// Everything is there and intact.
    Whole,
    /// Part of it cannot be read, so its state is unknown.
    Unreadable,
    /// Part of it is damaged or missing.
    Damaged,
}

impl Found {
    /// The state that an item's error implies.
    pub(crate) fn of(error: &Error) -> Self {
        match error.is_damaged() || error.is_not_found() {
            true => Self::Damaged,
            false => Self::Unreadable,
        }
    }

    /// The state that is implied by an error that ended the inspection.
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
