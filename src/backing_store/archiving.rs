//! What a store may be able to do beside: make a value's file without the value,
//! and take in a file from elsewhere.

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::{Strategy, Transfer};
use crate::error::StoreError;

/// A store that can put a `T` straight into a file, from a value of another type
/// `S`; for [`FBPool::insert_archived`](crate::FBPool::insert_archived).
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot archive a `{S}` as a `{T}`",
    note = "with `MappedCodec`, a pool of `Mapped<S>` archives an `S` that derives `rkyv::Archive` and `rkyv::Serialize`"
)]
pub trait ArchiveStrategy<S: ?Sized, T>: Strategy<T> {
    /// Makes the value in memory.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being made.
    fn archive(&self, source: &S) -> Result<T, StoreError>;

    /// Writes to the cache under `key` what [`Strategy::store`] would write of
    /// it, whole or not at all, without having it in memory.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written.
    fn store_archived(&self, key: Uuid, source: &S) -> Result<(), StoreError>;
}

/// A store that can take in a file with a `T`, made elsewhere; for
/// [`FBPool::adopt`](crate::FBPool::adopt).
pub trait AdoptStrategy<T>: Strategy<T> {
    /// Gives the file a place in the cache under `key`, or a copy of it. The
    /// file itself is left as it is.
    ///
    /// # Errors
    ///
    /// Whatever speaks against the file, or keeps it from being taken in.
    fn adopt(&self, key: Uuid, file: &Path) -> Result<Transfer, StoreError>;
}

impl<S: ?Sized, T, B: ArchiveStrategy<S, T>> ArchiveStrategy<S, T> for Arc<B> {
    fn archive(&self, source: &S) -> Result<T, StoreError> {
        (**self).archive(source)
    }

    fn store_archived(&self, key: Uuid, source: &S) -> Result<(), StoreError> {
        (**self).store_archived(key, source)
    }
}

impl<T, B: AdoptStrategy<T>> AdoptStrategy<T> for Arc<B> {
    fn adopt(&self, key: Uuid, file: &Path) -> Result<Transfer, StoreError> {
        (**self).adopt(key, file)
    }
}
