//! The error of calls that make or read a value.

use std::error::Error;
use std::fmt;

use crate::{BoxError, FrameError};

/// Why a value could not be archived, encoded, deserialized or read.
///
/// It wraps the error of a codec, which is a [`BoxError`], in a type that implements
/// [`Error`], so that `?` converts it to `anyhow::Error` and to other error types. Its
/// message is that of the wrapped error.
///
/// A codec can pass a `CodecError` on with `?`, although its own methods return a
/// [`BoxError`]: the functions that call codecs unwrap it, so that the wrapped error is
/// found as if the codec had returned that.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// # #[cfg(feature = "mappedcodec")]
/// # fn main() -> Result<(), file_backed_codecs::CodecError> {
/// use file_backed::fbstore::{FrameError, Mapped, MappedCodec};
///
/// let archived = Mapped::new(&vec!["one".to_owned()])?;
/// assert_eq!(archived[0], "one");
///
/// let shallow = MappedCodec::heap().max_depth(1);
/// let error = shallow.archive(&vec![vec![vec![1]]]).expect_err("it is deeper");
/// assert!(matches!(error.downcast_ref(), Some(FrameError::TooDeep { .. })));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "mappedcodec"))]
/// # fn main() {}
/// ```
pub struct CodecError(BoxError);

impl CodecError {
    pub(crate) fn new(error: impl Into<BoxError>) -> Self {
        Self::from(error.into())
    }

    /// The wrapped error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// The wrapped error.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// The wrapped error, by value.
    pub fn into_inner(self) -> BoxError {
        self.0
    }
}

impl From<BoxError> for CodecError {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self(error),
        }
    }
}

impl From<FrameError> for CodecError {
    fn from(error: FrameError) -> Self {
        Self(error.into())
    }
}

impl From<std::io::Error> for CodecError {
    fn from(error: std::io::Error) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The message already contains the wrapped error, so `source` returns the cause of that.
impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
