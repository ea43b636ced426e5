//! Optional traits of a store: writing a value's file without the value in memory, and
//! adopting a file from elsewhere.

use std::path::Path;

use uuid::Uuid;

use super::{Strategy, Transfer};
use crate::error::StoreError;

/// A store that can write the file of a `T` straight from a value of another type `S`.
/// [`FBPool::insert_archived`](crate::FBPool::insert_archived) needs it.
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot archive a `{S}` as a `{T}`",
    note = "with `MappedCodec`, a pool of `Mapped<S>` archives an `S` that derives `rkyv::Archive` and `rkyv::Serialize`"
)]
pub trait ArchiveStrategy<S: ?Sized, T>: Strategy<T> {
    /// Builds the `T` in memory.
    ///
    /// # Errors
    ///
    /// Any error from building it.
    fn archive(&self, source: &S) -> Result<T, StoreError>;

    /// Writes the file that [`Strategy::store`] would write for the `T` to the cache
    /// under `key`, atomically, without building the `T` in memory.
    ///
    /// # Errors
    ///
    /// Any error from writing it.
    fn store_archived(&self, key: Uuid, source: &S) -> Result<(), StoreError>;
}

/// A store that can adopt a file that holds a `T` and was made elsewhere.
/// [`FBPool::adopt`](crate::FBPool::adopt) needs it.
pub trait AdoptStrategy<T>: Strategy<T> {
    /// Adds the file, or a copy of it, to the cache under `key`. The original file is
    /// left unchanged.
    ///
    /// # Errors
    ///
    /// Any error from checking the file or from adding it.
    fn adopt(&self, key: Uuid, file: &Path) -> Result<Transfer, StoreError>;
}
