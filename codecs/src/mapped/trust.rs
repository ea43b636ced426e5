//! The only place that decides whether bytes are an archive.

use std::num::NonZeroUsize;

use rkyv::api::access_with_context;
use rkyv::rancor::BoxedError;

use super::tables::{BadTable, Suspects};
use super::{Archivable, ArchiveChecker};
use crate::BoxError;
use crate::frame::FrameError;

/// The default for the longest chain of pointers that validation follows. Validation
/// recurses for each pointer, and so do deserialization and drop later. Each call takes
/// stack: measured on an expression tree, 80 to 180 bytes in an optimized build and
/// 1.1 KiB in a debug build. 128 calls therefore fit a stack of 512 KiB, with room for
/// larger frames.
pub(super) const MAX_DEPTH: usize = 128;

/// Why bytes are accepted as an archive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust {
    /// They were validated, with at most this many pointers in a chain.
    Validated { max_depth: usize },
    /// The user promised it.
    Promised(Promise),
}

/// The user's promise that bytes are valid archives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise(());

impl Promise {
    /// # Safety
    ///
    /// All bytes that are accessed by virtue of this promise must end with a valid
    /// archive of the requested type, if they begin on a page boundary.
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

impl Trust {
    /// The default for values that are archived in memory.
    pub(super) const DEFAULT: Self = Self::Validated {
        max_depth: MAX_DEPTH,
    };

    /// Returns where the root of `bytes` begins.
    ///
    /// # Errors
    ///
    /// [`FrameError::InvalidArchive`] or [`FrameError::TooDeep`];
    /// [`std::io::ErrorKind::OutOfMemory`].
    pub(super) fn root_of<T: Archivable>(self, bytes: &[u8]) -> Result<usize, BoxError> {
        match self {
            Self::Validated { max_depth } => validate::<T>(bytes, max_depth),
            Self::Promised(_) => Ok(root_position::<T>(bytes)?),
        }
    }
}

/// The position of the root that `bytes` end with, if they are long enough for one and it
/// is aligned.
fn root_position<T: Archivable>(bytes: &[u8]) -> Result<usize, FrameError> {
    let root = bytes
        .len()
        .checked_sub(size_of::<T::Archived>())
        .ok_or_else(|| FrameError::InvalidArchive("it is shorter than its root".into()))?;
    let address = bytes.as_ptr().addr() + root;
    if address.is_multiple_of(align_of::<T::Archived>()) {
        Ok(root)
    } else {
        Err(FrameError::InvalidArchive("its root is not aligned".into()))
    }
}

/// Validates that `bytes` end with a `T::Archived`, and that everything it points to lies
/// inside them, is aligned and valid. Returns where the root begins.
///
/// Without a promise ([`Trust::Promised`]), no value is made of bytes that did not pass
/// this function, no matter what wrote them. A footer vouches for a file, but not for the
/// `Archive` implementation that filled it, which is safe code and may be wrong.
///
/// # Errors
///
/// [`FrameError::InvalidArchive`] or [`FrameError::TooDeep`];
/// [`std::io::ErrorKind::OutOfMemory`].
fn validate<T: Archivable>(bytes: &[u8], max_depth: usize) -> Result<usize, BoxError> {
    let root = root_position::<T>(bytes)?;
    let suspects = check::<T>(bytes, max_depth)?;
    let is_valid = |bytes: &[u8]| check::<T>(bytes, max_depth).is_ok();
    if suspects.is_empty() || suspects.are_none(bytes, is_valid)? {
        return Ok(root);
    }
    Err(FrameError::InvalidArchive(BadTable::Unrepeated.to_string()).into())
}

/// Validates everything except whether the returned suspects are hash tables.
fn check<T: Archivable>(bytes: &[u8], max_depth: usize) -> Result<Suspects, FrameError> {
    // The validator counts the root too, and fails when it reaches zero.
    let depth = NonZeroUsize::MIN.saturating_add(max_depth.saturating_add(1));
    let mut checker = ArchiveChecker::new(bytes, depth);
    access_with_context::<T::Archived, _, BoxedError>(bytes, &mut checker)
        .map_err(|error| refused(&error, max_depth))?;
    Ok(checker.into_suspects())
}

/// Converts rkyv's error. Only the trace in its `Debug` output says that an archive is
/// too deep; its message then concerns an `Option`. (rkyv's usual `Error` has no message
/// at all in an optimized build.)
fn refused(error: &BoxedError, max_depth: usize) -> FrameError {
    match format!("{error:?}").contains("ExceededMaximumSubtreeDepth") {
        true => FrameError::TooDeep { limit: max_depth },
        false => FrameError::InvalidArchive(error.to_string()),
    }
}
