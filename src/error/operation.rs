//! The operations that errors name.

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
    WaitForCommit,
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
    Convert,
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
            Self::Sync => "sync the persisted items",
            Self::Prepare => "prepare the directory",
            Self::PrepareToRead => "open the directory for reading",
            Self::PrepareTemporary => "create a temporary directory",
            Self::FreeSpace => "query the free space of the directory",
            Self::OpenStore => "open a store on the directory",
            Self::RunTask => "run a background task",
            Self::Archive => "archive",
            Self::Adopt => "adopt a file as",
            Self::Convert => "encode or decode a value",
            #[cfg(feature = "mappedcodec")]
            Self::Update => "update",
            Self::Reserve => "reserve room for another value",
            #[cfg(feature = "dataset")]
            Self::OpenDataset => "open the dataset",
            #[cfg(feature = "dataset")]
            Self::WaitForCommit => "wait for the next commit of the dataset",
            #[cfg(feature = "dataset")]
            Self::Commit => "commit",
            #[cfg(feature = "dataset")]
            Self::Verify => "verify",
            #[cfg(feature = "dataset")]
            Self::Inspect => "inspect",
            #[cfg(feature = "dataset")]
            Self::Snapshot => "pin a generation of the dataset",
            #[cfg(feature = "dataset")]
            Self::CopyDataset => "copy the dataset",
            #[cfg(feature = "dataset")]
            Self::Copy => "copy",
        }
    }

    /// Whether it may leave more room in the cache, also by its failure, which removes what
    /// it has written.
    pub(crate) fn may_make_room(self) -> bool {
        matches!(
            self,
            Self::Write
                | Self::Duplicate
                | Self::Delete
                | Self::Register
                | Self::RegisterAll
                | Self::Persist
                | Self::Archive
                | Self::Adopt
        )
    }

    /// The words between the verb and the item's key.
    pub(super) fn before_key(self) -> &'static str {
        match self {
            #[cfg(feature = "dataset")]
            Self::OpenDataset => " because of item",
            _ => " item",
        }
    }
}
