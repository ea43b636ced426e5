//! Causes of errors of datasets.

use file_backed_codecs::printable::Printable;

use crate::error::{Kind, StoreError};

/// Why a dataset was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatasetCause {
    #[error("there is no dataset here: open it with `Dataset::open` once, which makes it")]
    NoDataset,
    #[error(
        "items are here that no commit names ({0}), and a dataset deletes such: give it a \
         directory of its own, and commit these items there; if this is a copy of a dataset, it \
         has no manifest: make it again with `file_backed copy`"
    )]
    ForeignItems(usize),
    #[error(
        "there is a dataset already: copy to a new directory, or to one in which a copy was \
         interrupted"
    )]
    IsDataset,
    #[error("the manifest is damaged ({0}): restore it from a copy of the directory")]
    DamagedManifest(&'static str),
    #[error(
        "the manifest has format version {0}, and this library reads version 1: open the dataset \
         with a newer release"
    )]
    ManifestVersion(u16),
    #[error(
        "the root is of another type, or another form of this one ({}): give fields that were \
         added since a default (`#[serde(default)]`)",
        Printable(.0)
    )]
    OtherRoot(serde_json::Error),
    #[error(
        "the root does not come back from JSON as it must ({0}): keys of maps must be strings, \
         and floating-point numbers finite"
    )]
    UnfitRoot(serde_json::Error),
    #[error(
        "items are here that are not of the commit ({0}), and a dataset would delete them: copy \
         to a new directory"
    )]
    OtherItems(usize),
    #[error(
        "generation {generation} names this file, and it is missing (missing in all: {count}): \
         restore what is missing from a copy of the directory; opened read-only, the others can \
         be loaded; if this is itself a copy, made during a commit, make it again with \
         `file_backed copy` or a `Snapshot`"
    )]
    MissingFiles { generation: u64, count: usize },
    #[error(
        "another file stands here than the one that was committed: restore that one from a copy \
         of the directory"
    )]
    OtherFile,
    #[error("no item with this key is in the current commit: take keys from its root")]
    NotCommitted,
    #[error("no item with this key is in the directory: `file_backed ls` shows those that are")]
    NotHere,
    #[error(
        "another process has committed this generation since the dataset was opened here, and \
         nothing is committed on top of what was not read: drop this dataset, open it again, and \
         repeat the commit"
    )]
    Overtaken,
    #[error(
        "the current generation has the highest number that there is ({}): open a new dataset in \
         a directory of its own, and commit these items there",
        u64::MAX
    )]
    LastGeneration,
    #[error(
        "a root of {root} bytes with {entries} items makes a manifest of more than 4 GiB: keep \
         large values of the root as items, or divide the dataset"
    )]
    TooLarge { root: u64, entries: u64 },
    #[error("the dataset was opened read-only: open it with `Dataset::open` to commit")]
    ReadOnly,
    #[error("the pool belongs to another store than the dataset: use one of `Dataset::store`")]
    OtherStore,
    #[error(
        "the dataset is being committed to faster than a generation can be pinned: try again \
         later"
    )]
    NeverAtRest,
}

impl DatasetCause {
    fn kind(&self) -> Kind {
        match self {
            Self::NoDataset | Self::NotCommitted | Self::NotHere => Kind::NotFound,
            Self::DamagedManifest(_) | Self::MissingFiles { .. } | Self::OtherFile => Kind::Damaged,
            Self::ManifestVersion(_) | Self::OtherRoot(_) => Kind::Mismatch,
            Self::NeverAtRest => Kind::InUse,
            Self::Overtaken => Kind::Conflict,
            Self::ForeignItems(_)
            | Self::UnfitRoot(_)
            | Self::OtherStore
            | Self::IsDataset
            | Self::OtherItems(_)
            | Self::ReadOnly
            | Self::LastGeneration
            | Self::TooLarge { .. } => Kind::Other,
        }
    }
}

impl From<DatasetCause> for StoreError {
    fn from(cause: DatasetCause) -> Self {
        let kind = cause.kind();
        Self::value(cause).with_kind(kind)
    }
}
