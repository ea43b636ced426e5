//! The failures that the library itself detects, and their texts.

use super::Kind;

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

impl Cause {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NotTracked => Kind::NotFound,
            Self::Conflict => Kind::Conflict,
            Self::DamagedList => Kind::Damaged,
            Self::InUse(_) | Self::Locked => Kind::InUse,
            Self::IsCache | Self::IsPersisted | Self::UnknownRole => Kind::WrongRole,
            Self::LeakedGuard => Kind::LeakedGuard,
            Self::Panicked(_) => Kind::Panicked,
            Self::ShutDown => Kind::ShutDown,
            Self::Forked => Kind::Forked,
            Self::NotDurable
            | Self::ReadOnly
            | Self::ReadOnlyPath
            | Self::TrackedReadOnly
            | Self::NotADirectory
            | Self::OtherOwner
            | Self::WorldWritable
            | Self::DirectoryGone
            | Self::NameTaken => Kind::Other,
        }
    }
}
