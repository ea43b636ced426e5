//! Looking at the names of a dataset's items.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use file_backed_codecs::CodecId;
use file_backed_codecs::frame::FOOTER_LEN;
use uuid::Uuid;

use super::cause::DatasetCause;
use super::contents::Contents;
use super::manifest::{ItemEntry, Name};
use super::{Dataset, Key};
use crate::backing_store::{ManifestStore, Strategy};
use crate::error::Operation;
use crate::{Error, FBPool, Fb, Result};

impl<Root, B: ManifestStore> Dataset<Root, B> {
    /// The names of the items of the current commit. Later commits do not change the result.
    /// Costs nothing, however many there are.
    ///
    /// # Examples
    ///
    /// See [`Names`].
    pub fn names(&self) -> Names {
        Names {
            contents: self.shared.current().contents.clone(),
        }
    }

    /// The key of the item that has this name in the current commit. The type of its value is
    /// yours to know: reading the item fails if it is another one, as far as the codec can
    /// tell.
    ///
    /// Costs one binary search among the names, and allocates nothing. While a commit becomes
    /// current, it may know a name that [`names`](Self::names) does not show yet.
    pub fn key_named<T: ?Sized>(&self, name: &str) -> Option<Key<T>> {
        self.shared.contents.key_of(name).map(Key::from_uuid)
    }

    /// [Gets](Self::get) the item that has this name in the current commit.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if no item has the name; another error if `pool` belongs to
    /// another store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the handle.
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
    /// let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::temp().await?;
    /// let tiles: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    ///
    /// let tile = pool.insert(vec![1, 2, 3]);
    /// tiles.edit(|edit| {
    ///     edit.put_named("5/16/10", &tile)?;
    ///     Ok::<_, Error>(())
    /// }).await?;
    /// drop(tile);
    ///
    /// let tile = tiles.get_named(&pool, "5/16/10").await?;
    /// assert_eq!(*tile.read().await?, [1, 2, 3]);
    /// assert!(tiles.get_named(&pool, "5/16/11").await.is_err_and(|error| error.is_not_found()));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub async fn get_named<T>(&self, pool: &Arc<FBPool<T, B>>, name: &str) -> Result<Fb<T, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        loop {
            let key = self.named(name)?;
            match self.get(pool, key).await {
                Err(error) if self.has_moved(name, key, &error) => {}
                got => return got,
            }
        }
    }

    /// The blocking form of [`get_named`](Self::get_named).
    ///
    /// # Errors
    ///
    /// Same as [`get_named`](Self::get_named).
    ///
    /// # Blocking
    ///
    /// Same as [`blocking_get`](Self::blocking_get).
    pub fn blocking_get_named<T>(&self, pool: &Arc<FBPool<T, B>>, name: &str) -> Result<Fb<T, B>>
    where
        T: Send + Sync + 'static,
        B: Strategy<T>,
    {
        loop {
            let key = self.named(name)?;
            match self.blocking_get(pool, key) {
                Err(error) if self.has_moved(name, key, &error) => {}
                got => return got,
            }
        }
    }

    fn named<T>(&self, name: &str) -> Result<Key<T>> {
        let core = self.shared.path.store.core();
        core.check_process(Operation::Register)?;
        self.key_named(name).ok_or_else(|| {
            let cause = DatasetCause::NoSuchName(name.to_owned());
            self.shared.path.error(Operation::Register, cause)
        })
    }

    /// Whether a commit has given the name to another item since it was looked up, so that
    /// the former one was not found.
    fn has_moved<T>(&self, name: &str, key: Key<T>, error: &Error) -> bool {
        error.is_not_found() && self.key_named(name) != Some(key)
    }
}

/// The names of the items of one commit, in bytewise order.
///
/// A name is 1 to 1024 bytes of UTF-8. It belongs to one item; an item may have several
/// names, or none. An [`Editor`](super::Editor) gives and removes them.
///
/// | to | call |
/// |---|---|
/// | look one up | [`get`](Self::get) |
/// | see all | [`iter`](Self::iter) |
/// | see those below a prefix, such as a directory | [`prefix`](Self::prefix) |
/// | see those between two names | [`range`](Self::range) |
/// | see those of one type | the same with [`NamedItem::is_read_by`] |
///
/// Reading the names opens no file of an item. Iterators can be reversed.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::dataset::{Dataset, NamedItem};
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
/// notes.edit(|edit| {
///     for name in ["2026/a", "2026/b", "2027/a"] {
///         edit.put_named(name, &pool.insert(name.to_uppercase()))?;
///     }
///     Ok::<_, Error>(())
/// }).await?;
///
/// let names = notes.names();
/// assert_eq!(names.len(), 3);
/// let of_2026: Vec<_> = names.prefix("2026/").collect();
/// assert!(of_2026.iter().map(NamedItem::name).eq(["2026/a", "2026/b"]));
/// let last = names.iter().next_back().expect("there are some");
/// assert_eq!(last.name(), "2027/a");
/// assert_eq!(*notes.get(&pool, last.key()).await?.read().await?, "2027/A");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Names {
    contents: Contents,
}

impl Names {
    pub(super) fn of_contents(contents: Contents) -> Self {
        Self { contents }
    }

    /// The number of names.
    pub fn len(&self) -> u64 {
        self.contents.name_count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item that has this name.
    pub fn get(&self, name: &str) -> Option<NamedItem> {
        let key = self.contents.key_of(name)?;
        Some(self.item((Name::new(name).ok()?, key)))
    }

    /// The names of an item, in ascending order. Costs about as many look-ups as it has
    /// names.
    pub fn of<T: ?Sized>(&self, key: Key<T>) -> Vec<String> {
        let names = self.contents.names_of(key.uuid());
        names.iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// All names, in ascending order.
    pub fn iter(&self) -> NamedItems<'_> {
        self.items(self.contents.names())
    }

    /// The names that begin with `prefix`, in ascending order. Costs a binary search, and then
    /// as much as there are.
    pub fn prefix(&self, prefix: &str) -> NamedItems<'_> {
        self.items(self.contents.names_with_prefix(prefix))
    }

    /// The names in a range, in ascending order. A range that ends before it begins has none.
    /// Costs a binary search, and then as much as there are.
    pub fn range<'b>(&self, range: impl RangeBounds<&'b str>) -> NamedItems<'_> {
        let text = |bound: Bound<&&'b str>| bound.map(|text| *text);
        let bounds = (text(range.start_bound()), text(range.end_bound()));
        self.items(self.contents.names_in(bounds))
    }

    fn items<'a>(
        &'a self,
        names: impl DoubleEndedIterator<Item = (Name, Uuid)> + Send + 'a,
    ) -> NamedItems<'a> {
        NamedItems(Box::new(names.map(|named| self.item(named))))
    }

    fn item(&self, (name, key): (Name, Uuid)) -> NamedItem {
        // A manifest in which a name has no item is refused.
        let entry = self.contents.get(key).unwrap_or(ItemEntry::UNKNOWN);
        NamedItem { name, key, entry }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("len", &self.len()).finish()
    }
}

impl<'a> IntoIterator for &'a Names {
    type Item = NamedItem;
    type IntoIter = NamedItems<'a>;

    fn into_iter(self) -> NamedItems<'a> {
        self.iter()
    }
}

/// An iterator over the items of [`Names`], in the order of their names.
#[must_use = "iterators do nothing unless consumed"]
pub struct NamedItems<'a>(Box<dyn DoubleEndedIterator<Item = NamedItem> + Send + 'a>);

impl Iterator for NamedItems<'_> {
    type Item = NamedItem;

    fn next(&mut self) -> Option<NamedItem> {
        self.0.next()
    }
}

impl DoubleEndedIterator for NamedItems<'_> {
    fn next_back(&mut self) -> Option<NamedItem> {
        self.0.next_back()
    }
}

impl fmt::Debug for NamedItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedItems").finish_non_exhaustive()
    }
}

/// An item under one of its names, as the manifest records it.
#[derive(Clone, Debug)]
pub struct NamedItem {
    name: Name,
    key: Uuid,
    entry: ItemEntry,
}

impl NamedItem {
    /// The name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The key of the item. The type is yours to know.
    pub fn key<T: ?Sized>(&self) -> Key<T> {
        Key::from_uuid(self.key)
    }

    /// Length of the item's file in bytes, with its footer of 64 bytes.
    pub fn file_len(&self) -> u64 {
        self.entry.fingerprint.len
    }

    /// Length of the item's payload in bytes: that of its file without the footer. For plain
    /// bytes, this is their number.
    pub fn payload_len(&self) -> u64 {
        self.file_len().saturating_sub(FOOTER_LEN as u64)
    }

    /// The codec that wrote the item. `None` if the manifest does not record it: it was
    /// committed by an earlier version, or by a store without footers.
    pub fn codec(&self) -> Option<CodecId> {
        self.entry.footer().map(|footer| footer.codec())
    }

    /// Whether the item can be read as a value of the pool's type, as far as the manifest
    /// tells: its codec and, for archives, their layout and schema id. Types of one codec that
    /// records no more, such as bincode, cannot be told apart. False if the manifest does not
    /// record the codec.
    pub fn is_read_by<T, B: Strategy<T>>(&self, pool: &FBPool<T, B>) -> bool {
        let footer = self.entry.footer();
        footer.is_some_and(|footer| pool.core().backing.reads(&footer))
    }

    /// The schema id that the user gave to the type, if one was given and the manifest
    /// records it.
    pub fn schema(&self) -> Option<u64> {
        Some(self.entry.kind.schema).filter(|schema| *schema != 0)
    }
}
