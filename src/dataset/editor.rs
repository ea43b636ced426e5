//! Commits that name only what they change.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::saver::Saver;
use super::{Committed, Dataset, Key, Progress};
use crate::backing_store::{ManifestStore, Strategy};
use crate::{Error, Fb, Result};

impl<Root, B> Dataset<Root, B>
where
    Root: Serialize + DeserializeOwned + Send + Sync + 'static,
    B: ManifestStore,
{
    /// Changes the contents of the dataset, atomically and durably. `edit` names what is
    /// added, replaced and removed to an [`Editor`]. Everything else is kept, and so is the
    /// root, unless the editor is given another one. Returns what the closure returns, such as
    /// the key of an item that it put, and what was committed.
    ///
    /// It does what [`commit`](Self::commit) does with a closure that keeps all other items,
    /// but it costs only what has changed, however many items there are. A root that is not
    /// replaced is not written either.
    ///
    /// Commits and edits of one dataset run one at a time, and the editor shows the root of
    /// the commit before. So edits of several threads build on each other.
    ///
    /// # Errors
    ///
    /// Same as [`commit`](Self::commit).
    ///
    /// # Panics
    ///
    /// If the closure panics. The previous commit remains current.
    ///
    /// # Cancel safety
    ///
    /// Same as [`commit`](Self::commit).
    ///
    /// # Examples
    ///
    /// See [`Editor`].
    pub async fn edit<R, E: From<Error>>(
        &self,
        edit: impl FnOnce(&mut Editor<'_, Root, B>) -> Result<R, E>,
    ) -> Result<(R, Committed), E> {
        let edit = |saver: &mut Saver<B>| self.run_edit(saver, edit);
        self.commit_in_turn(edit).await
    }

    /// The blocking form of [`edit`](Self::edit).
    ///
    /// # Errors
    ///
    /// Same as [`edit`](Self::edit).
    ///
    /// # Panics
    ///
    /// Same as [`edit`](Self::edit).
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_commit`](Self::blocking_commit).
    pub fn blocking_edit<R, E: From<Error>>(
        &self,
        edit: impl FnOnce(&mut Editor<'_, Root, B>) -> Result<R, E>,
    ) -> Result<(R, Committed), E> {
        self.blocking_commit_in_turn(|saver| self.run_edit(saver, edit))
    }

    /// Returns the new root, if there is one, and what the closure returns.
    pub(super) fn run_edit<R, E>(
        &self,
        saver: &mut Saver<B>,
        edit: impl FnOnce(&mut Editor<'_, Root, B>) -> Result<R, E>,
    ) -> Result<(Option<Root>, R), E> {
        saver.keep_all();
        let mut editor = Editor {
            saver,
            before: self.root(),
            root: None,
        };
        let returned = edit(&mut editor)?;
        Ok((editor.root, returned))
    }
}

/// Collects the changes of a commit. [`Dataset::edit`] passes it to its closure.
///
/// | to | call |
/// |---|---|
/// | add an item | [`put`](Self::put) |
/// | take an item in place of another one | [`replace`](Self::replace) |
/// | remove an item | [`remove`](Self::remove) |
/// | put an item under a name | [`put_named`](Self::put_named) |
/// | give an item another name | [`set_name`](Self::set_name), [`rename`](Self::rename) |
/// | remove a name and its item | [`remove_named`](Self::remove_named) |
/// | change the root | [`set_root`](Self::set_root) |
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::dataset::{Dataset, Key};
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// type Notes = Vec<Key<String>>;
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let notes: Dataset<Notes, _> = Dataset::open(pool.store(), saved).await?;
///
/// for text in ["one", "two", "three"] {
///     let note = pool.insert(text.to_owned());
///     notes
///         .edit(|edit| {
///             let mut keys = Notes::clone(edit.root());
///             keys.push(edit.put(&note)?);
///             edit.set_root(keys);
///             Ok::<_, Error>(())
///         })
///         .await?;
/// }
///
/// // A changed item has another key.
/// let second = notes.root()[1];
/// let mut note = notes.get(&pool, second).await?;
/// note.write().await?.push('!');
/// let (changed, done) = notes
///     .edit(|edit| {
///         let mut keys = Notes::clone(edit.root());
///         keys[1] = edit.replace(second, &note)?;
///         edit.set_root(keys.clone());
///         Ok::<_, Error>(keys[1])
///     })
///     .await?;
/// assert_eq!((done.items, done.linked, done.removed), (3, 1, 1));
/// assert!(notes.contains_key(changed) && !notes.contains_key(second));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
pub struct Editor<'a, Root, B: ManifestStore> {
    pub(super) saver: &'a mut Saver<B>,
    /// The root of the commit before.
    before: Arc<Root>,
    /// The root of this commit, if it is another one.
    root: Option<Root>,
}

impl<Root, B: ManifestStore> Editor<'_, Root, B> {
    /// Adds an item with its current value, and returns its key. An item that is there
    /// already stays. Like [`Saver::save`], this does not wait for the disk.
    ///
    /// # Errors
    ///
    /// If the item's pool belongs to another store.
    pub fn put<T: Send + Sync + 'static>(&mut self, item: &Fb<T, B>) -> Result<Key<T>>
    where
        B: Strategy<T>,
    {
        self.saver.save(item)
    }

    /// Removes the item `old`, with its names, and adds `item`, and returns its key. If it is
    /// the same one, this is [`put`](Self::put). To replace the item that has a name, use
    /// [`put_named`](Self::put_named).
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if there is no item `old`, unless it is the same one; or if the pool of `item` belongs to
    /// another store. Nothing changes then.
    pub fn replace<T: Send + Sync + 'static>(
        &mut self,
        old: Key<T>,
        item: &Fb<T, B>,
    ) -> Result<Key<T>>
    where
        B: Strategy<T>,
    {
        let is_other = old.uuid() != item.key();
        if is_other {
            self.saver.check_contains(old.uuid())?;
        }
        let key = self.put(item)?;
        if is_other {
            self.remove(old)?;
        }
        Ok(key)
    }

    /// Removes an item, with its names. Its file is deleted once no reader has a commit pinned that names it.
    /// Handles to it stay valid.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if there is no such item.
    pub fn remove<T: ?Sized>(&mut self, key: Key<T>) -> Result<()> {
        self.saver.remove(key.uuid())
    }

    /// Whether the item is there after the changes so far.
    pub fn contains_key<T: ?Sized>(&self, key: Key<T>) -> bool {
        self.saver.contains(key.uuid())
    }

    /// The root after the changes so far.
    pub fn root(&self) -> &Root {
        self.root.as_ref().unwrap_or(&self.before)
    }

    /// Replaces the root.
    pub fn set_root(&mut self, root: Root) {
        self.root = Some(root);
    }

    /// Same as [`Saver::on_progress`].
    pub fn on_progress(&mut self, progress: impl Fn(Progress) + Send + Sync + 'static) {
        self.saver.on_progress(progress);
    }
}

impl<Root: fmt::Debug, B: ManifestStore> fmt::Debug for Editor<'_, Root, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Editor")
            .field("root", self.root())
            .field("items", &self.saver)
            .finish()
    }
}
