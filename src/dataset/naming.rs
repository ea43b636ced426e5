//! Giving names to the items of a commit.

use super::cause::DatasetCause;
use super::manifest::Name;
use super::{Editor, Key, Names, Saver};
use crate::backing_store::{ManifestStore, Strategy};
use crate::error::Operation;
use crate::{Error, Fb, Result};

impl<Root, B: ManifestStore> Editor<'_, Root, B> {
    /// [Puts](Self::put) an item under a name, which it may have already, and returns its key.
    /// An item that had the name before loses it, and is removed if it has no other one, as
    /// when a file is replaced by another one of its name.
    ///
    /// # Errors
    ///
    /// If the name is empty or has more than 1024 bytes, or if the item's pool belongs to
    /// another store. Nothing changes then.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::Dataset;
    /// use file_backed::fbstore::{BinCodec, PreparedPath};
    /// use file_backed::{Error, FBPool};
    ///
    /// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    /// notes.edit(|edit| {
    ///     edit.put_named("todo", &pool.insert("write".to_owned()))?;
    ///     edit.put_named("done", &pool.insert("plan".to_owned()))?;
    ///     Ok::<_, Error>(())
    /// }).await?;
    ///
    /// // Replace an item, rename another one, and give it a second name.
    /// let done = notes.edit(|edit| {
    ///     edit.put_named("todo", &pool.insert("test".to_owned()))?;
    ///     edit.rename("done", "2026/plan")?;
    ///     let plan = edit.key_named::<String>("2026/plan").expect("it has it now");
    ///     edit.set_name("latest", plan)?;
    ///     Ok::<_, Error>(())
    /// }).await?;
    /// assert_eq!(*notes.get_named(&pool, "latest").await?.read().await?, "plan");
    /// assert_eq!(notes.names().iter().map(|item| item.name().to_owned()).collect::<Vec<_>>(),
    ///     ["2026/plan", "latest", "todo"]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn put_named<T: Send + Sync + 'static>(
        &mut self,
        name: &str,
        item: &Fb<T, B>,
    ) -> Result<Key<T>>
    where
        B: Strategy<T>,
    {
        self.saver.save_named(name, item)
    }

    /// Gives an item that is there a name, beside those that it has. An item that had the name
    /// before loses it, and stays.
    ///
    /// # Errors
    ///
    /// If the name is empty or has more than 1024 bytes; [`Error::is_not_found`] if there is
    /// no such item.
    pub fn set_name<T: ?Sized>(&mut self, name: &str, key: Key<T>) -> Result<()> {
        let named = self.saver.edit.set_name(name, key.uuid());
        named.map(drop).map_err(|cause| match cause {
            DatasetCause::NotCommitted => self.saver.not_committed(key.uuid()),
            cause => self.saver.error(cause),
        })
    }

    /// Gives the item that has the name `from` the name `to` in its place. An item that had
    /// the name `to` before loses it, and is removed if it has no other one, as when a file is
    /// moved to the name of another one.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if no item has the name `from`; another error if `to` is empty
    /// or has more than 1024 bytes.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let renamed = self.saver.edit.rename(from, to);
        renamed.map(drop).map_err(|cause| self.saver.error(cause))
    }

    /// Removes a name, and its item if that has no other one.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if no item has the name.
    pub fn remove_named(&mut self, name: &str) -> Result<()> {
        let removed = self.saver.edit.unlink(name);
        removed.map(drop).map_err(|cause| self.saver.error(cause))
    }

    /// The key of the item that has this name after the changes so far. The type is yours to
    /// know.
    pub fn key_named<T: ?Sized>(&self, name: &str) -> Option<Key<T>> {
        self.saver.edit.key_of(name).map(Key::from_uuid)
    }

    /// The names before this edit, to iterate over those that are to be changed. Commits and
    /// edits run one at a time, so no other one has changed them since.
    pub fn names_before(&self) -> Names {
        Names::of_contents(self.saver.edit.before().clone())
    }
}

impl<B: ManifestStore> Saver<B> {
    /// [Saves](Self::save) an item under a name, which it may have already. An item of the
    /// previous commit that has the name loses it, and is no longer kept if it has no other
    /// one, also if it was kept by its key before.
    ///
    /// # Errors
    ///
    /// If the name is empty or has more than 1024 bytes, or if the item's pool belongs to
    /// another store. Nothing changes then.
    pub fn save_named<T: Send + Sync + 'static>(
        &mut self,
        name: &str,
        item: &Fb<T, B>,
    ) -> Result<Key<T>>
    where
        B: Strategy<T>,
    {
        let name = Name::new(name).map_err(|cause| self.error(cause))?;
        let key = self.save(item)?;
        let named = self.edit.take_name(name, key.uuid());
        named.map(|_| key).map_err(|cause| self.error(cause))
    }

    /// Keeps the item of the previous commit that has this name, with all of its names.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if no item has the name.
    pub fn keep_named(&mut self, name: &str) -> Result<()> {
        let named = self.edit.named(name);
        let kept = named.and_then(|key| self.edit.keep(key));
        kept.map_err(|cause| self.error(cause))
    }

    pub(super) fn error(&self, cause: DatasetCause) -> Error {
        self.path.error(Operation::Commit, cause)
    }
}
