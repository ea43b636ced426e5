//! The error type of the crate.

mod advice;
mod cause;
mod kind;
mod needed_room;
mod operation;
mod store_error;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::printable::{Printable, PrintablePath};
use file_backed_codecs::{BoxError, CodecError};
use uuid::Uuid;

use store_error::Class;

pub(crate) use cause::Cause;
pub(crate) use kind::Kind;
pub(crate) use needed_room::{NeededRoom, Overlap};
pub(crate) use operation::Operation;
pub use store_error::StoreError;
pub(crate) use store_error::at;

/// Shorthand for results of this crate.
///
/// Functions that only make, encode or read a value, such as `Mapped::new`, fail with a
/// [`CodecError`]. `?` converts it to [`Error`].
pub type Result<R, E = Error> = std::result::Result<R, E>;

/// What went wrong: the operation, the item, the path, the cause, and what can be done
/// about it. The message contains all of these.
///
/// The type is opaque. Query it with the `is_*` methods, or look at the cause with
/// [`get_ref`](Self::get_ref). An error is cheap to clone, because all callers that
/// wait for one load or one write get the same error.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::FBPool;
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::uuid::Uuid;
///
/// # let dir = tempfile::tempdir().expect("a temporary directory");
/// # let path = dir.path().join("saved");
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 10).await?;
/// let saved = PreparedPath::open(path.clone()).await?;
/// let saved = Arc::new(pool.store().track_path(saved).await?);
///
/// let key = Uuid::from_u128(7);
/// let error = pool.register(&saved, key).await.expect_err("nothing is saved there");
/// assert!(error.is_not_found());
/// assert_eq!(error.key(), Some(key));
/// assert_eq!(error.path(), Some(&*path));
/// assert_eq!(
///     error.to_string(),
///     format!(
///         "could not register item 00000000000000000000000000000007 ({}): \
///          no persisted file with this key at the tracked path: persist the item \
///          there first, or track the path again if another process persisted it",
///         path.display()
///     )
/// );
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    class: Class,
    kind: Kind,
    operation: Operation,
    key: Option<Uuid>,
    path: Option<PathBuf>,
    needed_room: Option<NeededRoom>,
    source: BoxError,
}

impl Error {
    pub(crate) fn new(operation: Operation, source: impl Into<StoreError>) -> Self {
        Self::build(operation, None, source.into())
    }

    pub(crate) fn of_key(operation: Operation, key: Uuid, source: impl Into<StoreError>) -> Self {
        Self::build(operation, Some(key), source.into())
    }

    /// Wraps the payload that `catch_unwind` caught.
    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> StoreError {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Cause::Panicked(text).into()
    }

    /// Builds the error of an operation on one item, or on none.
    pub(crate) fn build(operation: Operation, key: Option<Uuid>, error: StoreError) -> Self {
        let (class, kind) = (error.class(), Kind::of(&error));
        let (path, source) = error.into_parts();
        Self(Arc::new(Inner {
            class,
            kind,
            operation,
            key,
            path,
            needed_room: None,
            source,
        }))
    }

    /// The item that the error concerns, if any.
    pub fn key(&self) -> Option<Uuid> {
        self.0.key
    }

    /// The file or directory that the error concerns, if the store has paths and named
    /// one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The cause, which can be downcast: to an [`io::Error`], a
    /// [`FrameError`](crate::fbstore::FrameError), or any error type of your own codec
    /// or store.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0.source
    }

    /// Whether the file or the key is missing.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == Kind::NotFound
    }

    /// Whether a file is damaged: it is truncated, changed or invalid, or the disk
    /// cannot read one of its pages any more (a map finds that out with
    /// `Prefault::Populate`).
    pub fn is_damaged(&self) -> bool {
        self.0.kind == Kind::Damaged
    }

    /// Whether a file is intact, but holds something other than what was asked for:
    /// another codec, type, schema, format or version.
    pub fn is_mismatch(&self) -> bool {
        self.0.kind == Kind::Mismatch
    }

    /// Whether a file with other content is already at the destination, an item with the
    /// same key but other content is in use, or another process has committed to the
    /// dataset since it was opened.
    pub fn is_conflict(&self) -> bool {
        self.0.kind == Kind::Conflict
    }

    /// Whether a directory is in use by another store or another process.
    pub fn is_in_use(&self) -> bool {
        self.0.kind == Kind::InUse
    }

    /// Whether a directory is marked for another use: a cache where a persisted
    /// directory was expected, or the reverse.
    pub fn is_wrong_role(&self) -> bool {
        self.0.kind == Kind::WrongRole
    }

    /// Whether a write guard of the item was leaked, so that its value is lost.
    pub fn is_leaked_guard(&self) -> bool {
        self.0.kind == Kind::LeakedGuard
    }

    /// Whether the call was refused because it would have waited for its own end: a codec
    /// or a store that loads or writes an item waited for that item, or for room in the
    /// backlog.
    pub fn is_deadlock(&self) -> bool {
        self.0.kind == Kind::Deadlock
    }

    /// Whether your codec, store or task panicked.
    pub fn is_panic(&self) -> bool {
        self.0.kind == Kind::Panicked
    }

    /// Whether the runtime was shut down before the work could run.
    pub fn is_shut_down(&self) -> bool {
        self.0.kind == Kind::ShutDown
    }

    /// Whether this process was forked from the one that opened the store. It then has
    /// neither the store's threads nor a right to its files.
    pub fn is_forked(&self) -> bool {
        self.0.kind == Kind::Forked
    }

    /// Whether no space is left: the disk is full, or a quota of the system or of the
    /// cache ([`StoreBuilder::quota`](crate::StoreBuilder::quota)) is reached. An item
    /// that is larger than the whole quota of the cache is not meant: no deletion makes
    /// room for it.
    pub fn is_storage_full(&self) -> bool {
        self.0.kind == Kind::StorageFull
    }
}

impl Error {
    /// Whether the store reports that the system refused the operation, so that another
    /// write may be refused too.
    pub(crate) fn is_refused_by_system(&self) -> bool {
        self.0.class == Class::System
    }

    /// When a refused write is worth another attempt, as [`needing`](Self::needing) has noted.
    pub(crate) fn needed_room(&self) -> Option<NeededRoom> {
        self.0.needed_room
    }

    /// The error of a write that was just refused for lack of room, and when to try it again.
    pub(crate) fn needing(mut self, room: NeededRoom) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.needed_room = Some(room);
        }
        self
    }

    /// How many bytes must be free in the cache before the refused write can succeed, if
    /// the quota of the cache refused it and the store says so.
    pub(crate) fn bytes_over_quota(&self) -> Option<u64> {
        kind::causes(self.get_ref()).find_map(|error| match error.downcast_ref() {
            Some(Cause::QuotaReached { needed, .. }) => Some(*needed),
            _ => None,
        })
    }

    /// What to do about the error, if the cause does not say so itself. Only the
    /// library's own store names paths. For other stores, it is not known what their
    /// errors call for.
    fn advice(&self) -> Option<&'static str> {
        self.path()?;
        let error: &io::Error = self.get_ref().downcast_ref()?;
        // An `io::Error` that a codec returned means what the codec defines.
        let is_the_systems =
            self.0.class != Class::Value || error.kind() == io::ErrorKind::FileTooLarge;
        is_the_systems.then(|| advice::of(self.0.operation, error))?
    }
}

/// Panics with the error's text, for the names that are defined so.
#[track_caller]
pub(crate) fn or_panic<R>(result: Result<R>) -> R {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            operation,
            key,
            path,
            source,
            ..
        } = &*self.0;
        write!(f, "could not {}", operation.verb())?;
        if let Some(key) = key {
            write!(f, "{} {}", operation.before_key(), key.simple())?;
        }
        if let Some(path) = path {
            write!(f, " ({})", PrintablePath(path))?;
        }
        write!(f, ": {}", Printable(source))?;
        match self.advice() {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            operation,
            key,
            path,
            source,
            ..
        } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("operation", operation)
            .field("key", key)
            .field("path", path)
            .field("source", source)
            .finish()
    }
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Self {
        Self::new(Operation::Convert, error)
    }
}

/// The message already contains the cause, so `source` returns the cause of the cause.
/// Printing the whole chain then repeats nothing. [`Error::get_ref`] returns the cause
/// itself.
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.source()
    }
}
