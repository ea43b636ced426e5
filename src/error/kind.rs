//! What a caller may ask of an error.

use std::error::Error as StdError;
use std::io;

use file_backed_codecs::{CodecError, FrameError};

use super::store_error::Class;
use super::{Cause, Error, StoreError};

/// The answer to the `is_*` methods of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    Damaged,
    Mismatch,
    Conflict,
    InUse,
    WrongRole,
    LeakedGuard,
    Deadlock,
    Panicked,
    ShutDown,
    Forked,
    StorageFull,
    Other,
}

/// An error and the chain of its causes, outermost first.
pub(super) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        // `io::Error::source` skips the error that it carries.
        if let Some(error) = error.downcast_ref::<CodecError>() {
            return Some(error.get_ref());
        }
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), |error| cause(*error))
}

impl Kind {
    /// The first cause whose type is one of the library's decides. An `io::Error`
    /// counts only if the store reports it as the system's.
    pub(super) fn of(error: &StoreError) -> Self {
        if let Some(kind) = error.kind() {
            return kind;
        }
        let known = causes(error)
            .map(Self::of_one)
            .find(|kind| *kind != Self::Other);
        match (known, error.class()) {
            (Some(kind), _) => kind,
            (None, Class::NotFound) => Self::NotFound,
            (None, Class::System) if causes(error).any(is_storage_full) => Self::StorageFull,
            (None, _) => Self::Other,
        }
    }

    fn of_one(error: &(dyn StdError + 'static)) -> Self {
        if let Some(error) = error.downcast_ref::<Error>() {
            return error.0.kind;
        }
        if let Some(error) = error.downcast_ref::<FrameError>() {
            return match error {
                error if error.is_damage() => Self::Damaged,
                error if error.is_mismatch() => Self::Mismatch,
                _ => Self::Other,
            };
        }
        if let Some(cause) = error.downcast_ref::<Cause>() {
            return cause.kind();
        }
        Self::Other
    }
}

fn is_storage_full(error: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| matches!(error.kind(), StorageFull | QuotaExceeded))
}
