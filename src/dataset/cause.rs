//! Causes of errors of datasets.

use file_backed_codecs::printable::Printable;

use crate::error::{Kind, StoreError};

/// Why a dataset was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatasetCause {
    #[error("there is no dataset here: create one by opening it with `Dataset::open` once")]
    NoDataset,
    #[error(
        "generation {generation} is not on the disk, only {}: a commit removes the earlier ones \
         that no reader has pinned",
        listed(.on_disk)
    )]
    NoSuchGeneration { generation: u64, on_disk: Vec<u64> },
    #[error(
        "the dataset was deleted, or its file system was unmounted, since it was opened: open it \
         again once it is back"
    )]
    Deleted,
    #[error(
        "the directory contains items that no commit names ({0}), and a dataset would delete them: \
         include them with `OpenOptions::with_existing_items`, or use a separate directory for the \
         dataset; if this was a dataset, its manifest is missing: open what is left with \
         `OpenOptions::salvage`, or, if it is a copy, copy it again with `file_backed copy`"
    )]
    ForeignItems(usize),
    #[error(
        "the directory contains packs ({0}) and no commit: open what is left with \
         `OpenOptions::salvage` or `file_backed salvage`, or use a separate directory for the \
         dataset"
    )]
    ForeignPacks(usize),
    #[error(
        "the directory contains items and parts of a dataset, but no manifest: open what is left \
         with `OpenOptions::salvage` or `file_backed salvage`; if this is a copy, its manifest is \
         missing: copy it again with `file_backed copy`"
    )]
    LostManifest,
    #[error(
        "no commit and no item can be read (damaged or missing items: {0}), so nothing can be \
         salvaged: restore a copy of the directory; items that file_backed 0.6 persisted are read \
         with `PreparedPath::open_import`"
    )]
    NothingLeft(usize),
    #[error(
        "the dataset was salvaged, and no commit has recorded what is left: commit first, for \
         example an edit that changes nothing"
    )]
    NotRecorded,
    #[error(
        "the file of an item with this key is damaged and still there: replace it by the whole one \
         (`cp -p` beside it, and `mv`) and salvage again, or insert the value as a new item"
    )]
    DamagedFile,
    #[error(
        "the directory already contains a dataset: copy to a new directory, or to one in which a \
         copy was interrupted"
    )]
    IsDataset,
    #[error(
        "the manifest is damaged ({0}): restore it from a copy of the directory, or open what is \
         left with `OpenOptions::salvage` or `file_backed salvage`"
    )]
    DamagedManifest(&'static str),
    #[error(
        "generation {generation} builds on this file, but it is missing: restore it from a copy of \
         the directory, or open what is left with `OpenOptions::salvage` or `file_backed salvage`; \
         if this is itself a copy, made during a commit, copy again with `file_backed copy` or a \
         `Snapshot`"
    )]
    MissingManifest { generation: u64 },
    #[error(
        "generation {generation} builds on this file, but it is damaged ({why}): restore it from a \
         copy of the directory, or open what is left with `OpenOptions::salvage` or `file_backed \
         salvage`"
    )]
    DamagedPart { generation: u64, why: &'static str },
    #[error(
        "generation {generation} builds on this file, but it has format version {version}, and this \
         library reads version 3: open the dataset with a newer release"
    )]
    PartVersion { generation: u64, version: u16 },
    #[error(
        "the manifest has format version {0}, but this library reads versions 1 and 3: open the \
         dataset with a newer release"
    )]
    ManifestVersion(u16),
    #[error(
        "the root has another type, or another version of this type ({}): give fields that were \
         added since then a default (`#[serde(default)]`)",
        Printable(.0)
    )]
    OtherRoot(serde_json::Error),
    #[error(
        "items of it are in packs, which this store cannot read: a store that wraps an `FBStore` \
         must forward its `packs`"
    )]
    HasPacks,
    #[error(
        "the root does not survive a round trip through JSON ({0}): map keys must be strings, and \
         floating-point numbers must be finite"
    )]
    UnfitRoot(serde_json::Error),
    #[error(
        "the directory contains items that are not part of the copied generation ({0}), and a \
         dataset would delete them: copy to a new directory"
    )]
    OtherItems(usize),
    #[error(
        "generation {generation} names this file, but it is missing (missing in total: {count}): \
         restore the missing files from a copy of the directory, or open what is left with \
         `OpenOptions::salvage` or `file_backed salvage`; a dataset opened read-only can still load \
         the others; if this is itself a copy, made during a commit, copy again with `file_backed \
         copy` or a `Snapshot`"
    )]
    MissingFiles { generation: u64, count: usize },
    #[error(
        "this is not the file that was committed: restore that file from a copy of the directory, \
         or put another item in its place"
    )]
    OtherFile,
    #[error("no item with this key is in the current generation: take keys from its root")]
    NotCommitted,
    #[error("no item with this key is in the directory: `file_backed ls` lists those that are")]
    NotHere,
    #[error(
        "another process has committed this generation since the dataset was opened here, and a \
         commit cannot build on a generation that was not read: drop this dataset, open it again, \
         and repeat the commit"
    )]
    Overtaken,
    #[error(
        "the current generation already has the highest possible number ({}): open a new dataset \
         in a separate directory, and commit these items there",
        u64::MAX
    )]
    LastGeneration,
    #[error(
        "a root of {root} bytes with {entries} items needs a manifest of more than 4 GiB: store \
         large values of the root as items, or split the dataset"
    )]
    TooLarge { root: u64, entries: u64 },
    #[error(
        "a dataset of {items} items with {names} names: it can have {} of each: split the dataset",
        u32::MAX
    )]
    TooMany { items: u64, names: u64 },
    #[error(
        "the items have more than 65536 combinations of codec, layout and schema: give one schema \
         id to each type, or split the dataset"
    )]
    TooManyKinds,
    #[error("the name has {0} bytes: use one of 1 to 1024 bytes")]
    NameLength(usize),
    #[error(
        "no item in the current generation has the name \"{}\": names are compared byte by byte, so \
         check its spelling",
        Printable(.0)
    )]
    NoSuchName(String),
    #[error("the dataset was opened read-only: open it with `Dataset::open` to commit")]
    ReadOnly,
    #[error(
        "the pool belongs to a different store than the dataset: use a pool of `Dataset::store`"
    )]
    OtherStore,
    #[error("commits replace the generation faster than it can be pinned: try again later")]
    NeverAtRest,
}

impl DatasetCause {
    /// The cause if the file is a part, on which this generation builds, and not its manifest.
    pub(super) fn of_part(&self, generation: u64) -> Option<Self> {
        let damaged = |why| Some(Self::DamagedPart { generation, why });
        match *self {
            Self::DamagedManifest(why) => damaged(why),
            Self::ManifestVersion(0..=2) => damaged("no part has its format version"),
            Self::ManifestVersion(version) => Some(Self::PartVersion {
                generation,
                version,
            }),
            _ => None,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoDataset
            | Self::NoSuchGeneration { .. }
            | Self::Deleted
            | Self::NotCommitted
            | Self::NotHere
            | Self::NoSuchName(_) => Kind::NotFound,
            Self::DamagedManifest(_)
            | Self::DamagedPart { .. }
            | Self::MissingManifest { .. }
            | Self::MissingFiles { .. }
            | Self::LostManifest
            | Self::NothingLeft(_)
            | Self::DamagedFile
            | Self::OtherFile => Kind::Damaged,
            Self::ManifestVersion(_) | Self::PartVersion { .. } | Self::OtherRoot(_) => {
                Kind::Mismatch
            }
            Self::NeverAtRest => Kind::InUse,
            Self::Overtaken => Kind::Conflict,
            Self::ForeignItems(_)
            | Self::ForeignPacks(_)
            | Self::UnfitRoot(_)
            | Self::HasPacks
            | Self::NotRecorded
            | Self::OtherStore
            | Self::IsDataset
            | Self::OtherItems(_)
            | Self::ReadOnly
            | Self::LastGeneration
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::TooManyKinds
            | Self::NameLength(_) => Kind::Other,
        }
    }
}

fn listed(generations: &[u64]) -> String {
    let generations: Vec<_> = generations.iter().map(u64::to_string).collect();
    generations.join(", ")
}

impl From<DatasetCause> for StoreError {
    fn from(cause: DatasetCause) -> Self {
        let kind = cause.kind();
        Self::value(cause).with_kind(kind)
    }
}
