//! What a dataset finds wrong.

/// Why a dataset was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("there is no dataset here: open it with `Dataset::open` once, which makes it")]
    NoDataset,
    #[error(
        "{0} items are here that no commit names, and a dataset deletes such: give it a directory \
         of its own, and commit these items there"
    )]
    ForeignItems(usize),
    #[error("the manifest is damaged ({0}): restore it from a copy of the directory")]
    DamagedManifest(&'static str),
    #[error(
        "the manifest has format version {0}, and this library reads version 1: open the dataset \
         with a newer release"
    )]
    ManifestVersion(u16),
    #[error(
        "the root is of another type, or another form of this one ({0}): give fields that were \
         added since a default (`#[serde(default)]`)"
    )]
    OtherRoot(serde_json::Error),
    #[error(
        "the root does not come back from JSON as it must ({0}): keys of maps must be strings, \
         and floating-point numbers finite"
    )]
    UnfitRoot(serde_json::Error),
    #[error(
        "generation {generation} names {count} files that are missing, this one first: restore \
         them from a copy of the directory; opened read-only, the others can be loaded"
    )]
    MissingFiles { generation: u64, count: usize },
    #[error("another file stands here than the one that was committed")]
    OtherFile,
    #[error("no item with this key is in the current commit")]
    NotCommitted,
    #[error("the item belongs to a pool of another store: the items of a dataset share its store")]
    OtherStore,
    #[error(
        "the dataset is being committed to faster than a generation can be pinned: try again \
         later"
    )]
    NeverAtRest,
}
