//! The error type of the crate.

mod advice;
mod store_error;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed_codecs::printable::{Printable, PrintablePath};
use file_backed_codecs::{BoxError, FrameError};
use uuid::Uuid;

use store_error::Class;

pub use store_error::StoreError;

/// Shorthand for results of this crate.
///
/// Functions that only make or encode a value, such as `Mapped::new`, fail with a
/// [`BoxError`](crate::fbstore::BoxError). [`Error`] converts to it with `?`, so a
/// function that does both can return `BoxError` or `anyhow::Result`.
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
/// let saved = PreparedPath::open(path.clone(), vec![]).await?;
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
///          no file with this key is known at the tracked path: persist the item \
///          there, or track the path anew if another process has done so",
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
    source: BoxError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    Damaged,
    Mismatch,
    Conflict,
    InUse,
    WrongRole,
    LeakedGuard,
    Panicked,
    ShutDown,
    Forked,
    StorageFull,
    Other,
}

/// The operation that failed, in the words of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Load,
    Write,
    Duplicate,
    Delete,
    Register,
    RegisterAll,
    Persist,
    DeletePersisted,
    Track,
    Sync,
    Prepare,
    PrepareToRead,
    PrepareTemporary,
    FreeSpace,
    OpenStore,
    RunTask,
    Reserve,
    #[cfg(feature = "dataset")]
    OpenDataset,
    #[cfg(feature = "dataset")]
    Commit,
    #[cfg(feature = "dataset")]
    Verify,
    #[cfg(feature = "dataset")]
    Inspect,
    #[cfg(feature = "dataset")]
    Snapshot,
    #[cfg(feature = "dataset")]
    CopyDataset,
    #[cfg(feature = "dataset")]
    Copy,
    Archive,
    Adopt,
    #[cfg(feature = "mappedcodec")]
    Update,
}

impl Operation {
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Write => "write",
            Self::Duplicate => "duplicate",
            Self::Delete => "delete",
            Self::Register => "register",
            Self::RegisterAll => "register all items of the tracked path",
            Self::Persist => "persist",
            Self::DeletePersisted => "delete the persisted file of",
            Self::Track => "track the persisted directory",
            Self::Sync => "make durable what was persisted",
            Self::Prepare => "prepare the directory",
            Self::PrepareToRead => "open the directory for reading",
            Self::PrepareTemporary => "make a temporary directory",
            Self::FreeSpace => "ask for the free space of the directory",
            Self::OpenStore => "open a store on the directory",
            Self::RunTask => "run a background task",
            Self::Archive => "archive",
            Self::Adopt => "adopt a file as",
            #[cfg(feature = "mappedcodec")]
            Self::Update => "update",
            Self::Reserve => "reserve room for another value",
            #[cfg(feature = "dataset")]
            Self::OpenDataset => "open the dataset",
            #[cfg(feature = "dataset")]
            Self::Commit => "commit",
            #[cfg(feature = "dataset")]
            Self::Verify => "verify",
            #[cfg(feature = "dataset")]
            Self::Inspect => "look at",
            #[cfg(feature = "dataset")]
            Self::Snapshot => "hold a commit of the dataset",
            #[cfg(feature = "dataset")]
            Self::CopyDataset => "copy the dataset",
            #[cfg(feature = "dataset")]
            Self::Copy => "copy",
        }
    }

    /// The words between the verb and the item's key.
    fn before_key(self) -> &'static str {
        match self {
            #[cfg(feature = "dataset")]
            Self::OpenDataset => " for want of item",
            _ => " item",
        }
    }
}

/// Failures that the library itself detects, as opposed to those of a store or a codec.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(
        "no file with this key is known at the tracked path: persist the item there, or track \
         the path anew if another process has done so"
    )]
    NotTracked,
    #[error(
        "a file with this key and other content is already there: move that one away, or \
         persist to another directory"
    )]
    Conflict,
    #[error("{0}")]
    InUse(String),
    #[error(
        "a write guard of this item was leaked (`mem::forget`), and its value with it: insert \
         the value anew"
    )]
    LeakedGuard,
    #[error("the code that does it panicked: {0}")]
    Panicked(String),
    #[error(
        "the runtime was shut down before it could run: keep it until the store has finished, \
         or use the blocking calls"
    )]
    ShutDown,
    #[error(
        "this process was forked from the one that opened the store, and has none of its \
         background threads: open a store of its own here, or use `exec`"
    )]
    Forked,
    #[error(
        "the system failed to make this very file durable before, and does not tell whether its \
         data is lost: insert the value anew, and persist that"
    )]
    NotDurable,
    #[error("the directory was opened read-only: open it with `PreparedPath::open` to write there")]
    ReadOnly,
    #[error(
        "the directory was opened read-only: track it with `track_read_only`, or open it with \
         `PreparedPath::open` to write there"
    )]
    ReadOnlyPath,
    #[error("the path is tracked read-only: track it with `track_path` to write there")]
    TrackedReadOnly,
    #[error("something else of this name is in the way: move it away, or give another path")]
    NotADirectory,
    #[error(
        "the directory was deleted or replaced while it was in use: open it again with \
         `PreparedPath::open`, which makes it; a cache then works again, and a persisted \
         directory must also be tracked again"
    )]
    DirectoryGone,
    #[error(
        "the temporary directory was deleted while it was in use, and something else has its \
         name: move that away; the values stay in memory until then"
    )]
    NameTaken,
    #[error(
        "the list of items that were here before the directory became a cache is damaged, so \
         that nothing can be swept safely: move those items away, and remove the list"
    )]
    DamagedList,
    #[error(
        "the directory belongs to another user, who could replace what is in it: only read it \
         (`PreparedPath::open_read_only`), give another directory, change its owner, or accept \
         it with `PreparedPath::builder().any_owner()`"
    )]
    OtherOwner,
    #[error(
        "every user may write to the directory, and replace what is in it: take that away \
         (`chmod o-w`), or give another directory"
    )]
    WorldWritable,
    #[error(
        "another process has the directory: wait until it ends, or give this one a directory of \
         its own; what is persisted there can be read meanwhile with `track_read_only` (a \
         dataset with `Dataset::open_read_only`)"
    )]
    Locked,
    #[error(
        "the directory is a cache (`file_backed.role`), and a cache is swept: persist to another \
         directory"
    )]
    IsCache,
    #[error(
        "the directory holds what was persisted (`file_backed.role`), and a cache is swept: give \
         the cache another directory"
    )]
    IsPersisted,
    #[error(
        "the mark tells of a use that this version does not know: use a newer release, or \
         another directory"
    )]
    UnknownRole,
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

    fn build(operation: Operation, key: Option<Uuid>, error: StoreError) -> Self {
        let (class, kind) = (error.class(), Kind::of(&error));
        let (path, source) = error.into_parts();
        Self(Arc::new(Inner {
            class,
            kind,
            operation,
            key,
            path,
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

    /// Whether a file with other content is already at the destination, or another
    /// process has committed to the dataset since it was opened.
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

    /// Whether no space is left: the disk or a quota is full.
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
pub(crate) fn unwrap<R>(result: Result<R>) -> R {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// An error and the chain of its causes, outermost first.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        // `io::Error::source` skips the error that it carries.
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
    fn of(error: &StoreError) -> Self {
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
            return match cause {
                Cause::NotTracked => Self::NotFound,
                Cause::Conflict => Self::Conflict,
                Cause::DamagedList => Self::Damaged,
                Cause::InUse(_) | Cause::Locked => Self::InUse,
                Cause::IsCache | Cause::IsPersisted | Cause::UnknownRole => Self::WrongRole,
                Cause::LeakedGuard => Self::LeakedGuard,
                Cause::Panicked(_) => Self::Panicked,
                Cause::ShutDown => Self::ShutDown,
                Cause::Forked => Self::Forked,
                Cause::NotDurable
                | Cause::ReadOnly
                | Cause::ReadOnlyPath
                | Cause::TrackedReadOnly
                | Cause::NotADirectory
                | Cause::OtherOwner
                | Cause::WorldWritable
                | Cause::DirectoryGone
                | Cause::NameTaken => Self::Other,
            };
        }
        Self::Other
    }
}

fn is_storage_full(error: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| matches!(error.kind(), StorageFull | QuotaExceeded))
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

/// The message already contains the cause, so `source` returns the cause of the cause.
/// Printing the whole chain then repeats nothing. [`Error::get_ref`] returns the cause
/// itself.
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.source()
    }
}
