//! The failures that the library itself detects, and their texts.

use super::Kind;

/// Failures that the library itself detects, as opposed to those of a store or a codec.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(
        "no persisted file with this key at the tracked path: persist the item there first, or \
         track the path again if another process persisted it"
    )]
    NotTracked,
    #[error(
        "a file with this key but different content already exists: move it away, or persist to \
         another directory"
    )]
    Conflict,
    #[error(
        "an item with this key but different content is in use, from another directory: drop its \
         handles first, or open one of the directories read-only, so that its items are read where \
         they are"
    )]
    OtherItem,
    #[error("{0}")]
    InUse(String),
    #[error(
        "a write guard of this item was leaked (`mem::forget`), so its value is lost: insert the \
         value again"
    )]
    LeakedGuard,
    #[error(
        "the call came from the codec or store that is loading or writing this very item, so it \
         would wait for its own end: keep what the codec needs in the value, or make the call \
         after the load or write"
    )]
    WaitsForItself,
    #[error(
        "the call came from a codec or store at work, and room may depend on its end: call \
         `reserve` outside of it, or use `insert` or `try_reserve`, which do not wait"
    )]
    ReserveInStore,
    #[error("the permit is for another pool: reserve it from the pool of the handle (`Fb::pool`)")]
    PermitOfAnotherPool,
    #[error("the operation panicked: {0}")]
    Panicked(String),
    #[error(
        "the runtime was shut down before the operation could run: keep the runtime until the \
         store has finished, or use the blocking calls"
    )]
    ShutDown,
    #[error(
        "this process was forked from the one that opened the store and has none of its background \
         threads: open a new store in this process, or use `exec`"
    )]
    Forked,
    #[error(
        "an earlier sync of this file failed, and the system does not say whether its data is \
         lost: insert the value again, and persist the new item"
    )]
    NotDurable,
    #[error("the directory was opened read-only: open it with `PreparedPath::open` to write to it")]
    ReadOnly,
    #[error(
        "the directory was opened read-only: track it with `track_read_only`, or open it with \
         `PreparedPath::open` to write to it"
    )]
    ReadOnlyPath,
    #[error("the path is tracked read-only: track it with `track_path` to write to it")]
    TrackedReadOnly,
    #[error("something else with this name is in the way: move it away, or use another path")]
    NotADirectory,
    #[error(
        "the directory was deleted or replaced while it was in use: open it again with \
         `PreparedPath::open`, which creates it; a cache directory then works again, and a \
         persisted directory must also be tracked again"
    )]
    DirectoryGone,
    #[error(
        "the temporary directory was deleted while it was in use, and something else now has its \
         name: move that away; until then, the values stay in memory"
    )]
    NameTaken,
    #[error(
        "the list of items that were in the directory before it became a cache is damaged, so \
         nothing can be swept safely: move those items away, and remove the list"
    )]
    DamagedList,
    #[error(
        "the directory belongs to another user, who could replace its contents: only read it \
         (`PreparedPath::open_read_only`), use another directory, change its owner, or accept it \
         with `PreparedPath::builder().any_owner()`"
    )]
    OtherOwner,
    #[error(
        "every user may write to the directory and replace its contents: remove that permission \
         (`chmod o-w`), or use another directory"
    )]
    WorldWritable,
    #[error(
        "another process is using the directory: wait until it ends (an option `lock_timeout` does \
         so), or use a separate directory for this process; meanwhile, persisted items can be read \
         with `track_read_only` (a dataset with `Dataset::open_read_only`)"
    )]
    Locked,
    #[error(
        "the directory is a cache directory (`file_backed.role`), whose files are swept: persist \
         to another directory"
    )]
    IsCache,
    #[error(
        "the directory is a persisted directory (`file_backed.role`), and a cache would sweep its \
         files: use another directory for the cache"
    )]
    IsPersisted,
    #[error(
        "the mark names a use of the directory that this version does not know: use a newer \
         release, or another directory"
    )]
    UnknownRole,
    #[error(
        "the cache has reached its quota: {used} of {quota} bytes are in use, and the file takes \
         {needed}: drop handles, or raise the quota"
    )]
    QuotaReached {
        /// The length of the file, or a lower bound of it.
        needed: u64,
        used: u64,
        quota: u64,
    },
    #[error(
        "the file takes {needed} bytes or more, but the quota of the cache is {quota}: raise the \
         quota, or make the value smaller"
    )]
    LargerThanQuota { needed: u64, quota: u64 },
}

impl Cause {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::NotTracked => Kind::NotFound,
            Self::Conflict | Self::OtherItem => Kind::Conflict,
            Self::DamagedList => Kind::Damaged,
            Self::InUse(_) | Self::Locked => Kind::InUse,
            Self::IsCache | Self::IsPersisted | Self::UnknownRole => Kind::WrongRole,
            Self::LeakedGuard => Kind::LeakedGuard,
            Self::WaitsForItself | Self::ReserveInStore => Kind::Deadlock,
            Self::Panicked(_) => Kind::Panicked,
            Self::ShutDown => Kind::ShutDown,
            Self::Forked => Kind::Forked,
            Self::QuotaReached { .. } => Kind::StorageFull,
            Self::LargerThanQuota { .. }
            | Self::PermitOfAnotherPool
            | Self::NotDurable
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
