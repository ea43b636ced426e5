//! The error type of stores.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use file_backed_codecs::printable::{Printable, PrintablePath};
use file_backed_codecs::{BoxError, CodecError, FrameError};

use super::{Cause, Error, Kind};

/// Why a store operation failed, and which file or directory it concerns.
///
/// A store classifies its failures: the *system* failed, which may affect other values
/// too, or one *value* is at fault. The pool relies on that. While the system refuses
/// writes, all writes wait and one at a time is retried
/// ([`Stats::store_failing`](crate::Stats::store_failing)). A value that cannot be
/// written is retried by itself and delays nothing else.
///
/// `?` converts the most common errors of a store:
///
/// | from | becomes |
/// |---|---|
/// | [`std::io::Error`] of kind `NotFound` | [`not_found`](Self::not_found) |
/// | one of kind `InvalidData`, `InvalidInput`, `Unsupported` or `FileTooLarge` | [`value`](Self::value) |
/// | any other [`std::io::Error`] | [`system`](Self::system) |
/// | [`BoxError`], the error of a codec; [`FrameError`]; `&str` and `String` | [`value`](Self::value) |
///
/// An I/O error of the store itself is thus a failure of the system, and one that a
/// codec returns is not.
///
/// # Examples
///
/// ```
/// use file_backed::backing_store::StoreError;
///
/// fn connect() -> Result<(), StoreError> {
///     Err(StoreError::system("the server does not answer"))
/// }
///
/// fn read(path: &std::path::Path) -> Result<Vec<u8>, StoreError> {
///     Ok(std::fs::read(path)?)
/// }
///
/// assert!(connect().expect_err("it fails").is_system());
/// assert!(read("/no such file".as_ref()).expect_err("it fails").is_not_found());
/// ```
pub struct StoreError {
    class: Class,
    /// Set by an upper layer for causes that this layer does not know.
    kind: Option<Kind>,
    path: Option<PathBuf>,
    source: BoxError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    NotFound,
    System,
    Value,
}

impl StoreError {
    /// The key or its file is missing.
    pub fn not_found(source: impl Into<BoxError>) -> Self {
        Self::new(Class::NotFound, source)
    }

    /// The system behind the store failed: a disk, a server, or a directory that is
    /// gone. Other values may fail in the same way.
    pub fn system(source: impl Into<BoxError>) -> Self {
        Self::new(Class::System, source)
    }

    /// This value or its file is at fault. Other values are not affected.
    pub fn value(source: impl Into<BoxError>) -> Self {
        Self::new(Class::Value, source)
    }

    fn new(class: Class, source: impl Into<BoxError>) -> Self {
        // The types that callers ask for are behind the wrapper.
        let source = CodecError::from(source.into()).into_inner();
        Self {
            class,
            kind: None,
            path: None,
            source,
        }
    }

    /// Names the file or directory that the error concerns. [`Error::path`] returns it,
    /// and the message contains it.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>) -> Self {
        match &self.path {
            None => self.path = Some(path.into()),
            // The path that was named first is the most precise: it stays in the text.
            Some(_) => {
                self = Self {
                    class: self.class,
                    kind: self.kind,
                    path: Some(path.into()),
                    source: Box::new(self),
                }
            }
        }
        self
    }

    /// Whether it was made with [`not_found`](Self::not_found).
    pub fn is_not_found(&self) -> bool {
        self.class == Class::NotFound
    }

    /// Whether it was made with [`system`](Self::system).
    pub fn is_system(&self) -> bool {
        self.class == Class::System
    }

    /// The file or directory that the error concerns, if it was named.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The underlying error.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }

    /// Sets the kind that [`Error`] reports.
    #[cfg(feature = "dataset")]
    pub(crate) fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn into_parts(self) -> (Option<PathBuf>, BoxError) {
        (self.path, self.source)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", PrintablePath(path), Printable(&self.source)),
            None => Printable(&self.source).fmt(f),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("class", &self.class)
            .field("path", &self.path)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, InvalidData, InvalidInput, NotFound, Unsupported};
        let class = match error.kind() {
            NotFound => Class::NotFound,
            InvalidData | InvalidInput | Unsupported | FileTooLarge => Class::Value,
            _ => Class::System,
        };
        Self::new(class, error)
    }
}

impl From<BoxError> for StoreError {
    fn from(error: BoxError) -> Self {
        match CodecError::from(error).into_inner().downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::value(error),
        }
    }
}

impl From<CodecError> for StoreError {
    fn from(error: CodecError) -> Self {
        error.into_inner().into()
    }
}

impl From<FrameError> for StoreError {
    fn from(error: FrameError) -> Self {
        Self::value(error)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::new(error.0.class, error)
    }
}

impl From<&'static str> for StoreError {
    fn from(text: &'static str) -> Self {
        Self::value(text)
    }
}

impl From<String> for StoreError {
    fn from(text: String) -> Self {
        Self::value(text)
    }
}

impl From<Cause> for StoreError {
    fn from(cause: Cause) -> Self {
        let class = match cause {
            Cause::NotTracked => Class::NotFound,
            // Every write to the directory fails in the same way.
            Cause::ReadOnly
            | Cause::ReadOnlyPath
            | Cause::TrackedReadOnly
            | Cause::InUse(_)
            | Cause::DirectoryGone
            | Cause::NameTaken
            | Cause::DamagedList
            | Cause::OtherOwner
            | Cause::WorldWritable
            | Cause::NotADirectory
            | Cause::Locked
            | Cause::IsCache
            | Cause::IsPersisted
            | Cause::QuotaReached { .. }
            | Cause::UnknownRole => Class::System,
            Cause::Conflict
            | Cause::OtherItem
            | Cause::LeakedGuard
            | Cause::WaitsForItself
            | Cause::ReserveInStore
            | Cause::PermitOfAnotherPool
            | Cause::Panicked(_)
            | Cause::ShutDown
            | Cause::Forked
            | Cause::LargerThanQuota { .. }
            | Cause::NotDurable => Class::Value,
        };
        Self::new(class, cause)
    }
}

/// An error about a file or directory that not every store can describe.
pub(crate) fn at(path: Option<PathBuf>, error: impl Into<StoreError>) -> StoreError {
    match path {
        Some(path) => error.into().at(path),
        None => error.into(),
    }
}
