//! The items and names of an inspected commit, as its manifest records them.

use file_backed_codecs::CodecId;
use file_backed_codecs::frame::FOOTER_LEN;
use uuid::Uuid;

use super::contents::Contents;
use super::manifest::ItemEntry;
use super::{Inspection, Names};
use crate::backing_store::FileFingerprint;

/// An item, as the manifest of an inspected commit records it. No file of an item is opened
/// for it, so it says nothing about the state of the file.
#[derive(Clone, Copy, Debug)]
pub struct InspectedItem {
    key: Uuid,
    entry: ItemEntry,
}

impl InspectedItem {
    /// The key of the item.
    pub fn key(&self) -> Uuid {
        self.key
    }

    /// Length of the item's file in bytes, with its footer of 64 bytes.
    pub fn file_len(&self) -> u64 {
        self.entry.fingerprint.len
    }

    /// Length of the item's payload in bytes: of its file without the footer. `None` if the
    /// manifest does not record the [codec](Self::codec), because then the file may have no
    /// footer.
    pub fn payload_len(&self) -> Option<u64> {
        let len = self.file_len().saturating_sub(FOOTER_LEN as u64);
        self.codec().map(|_| len)
    }

    /// The length and a checksum of the file. Equal files have equal ones; files of one length
    /// that differ have different ones, unless their 32-bit checksums collide.
    pub fn fingerprint(&self) -> FileFingerprint {
        self.entry.fingerprint
    }

    /// The codec that wrote the item. `None` if the manifest does not record it: it was
    /// committed by an earlier version, or by a store without footers.
    pub fn codec(&self) -> Option<CodecId> {
        self.entry.footer().map(|footer| footer.codec())
    }

    /// The schema id that the user gave to the type, if one was given and the manifest
    /// records it.
    pub fn schema(&self) -> Option<u64> {
        Some(self.entry.kind.schema).filter(|schema| *schema != 0)
    }
}

impl Inspection {
    /// The items of the inspected commit, in ascending order of their keys. There are none if
    /// the directory is not a dataset.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "bincodec")]
    /// # #[tokio::main]
    /// # async fn main() -> file_backed::Result<()> {
    /// use std::sync::Arc;
    /// use file_backed::dataset::{Dataset, Inspection};
    /// use file_backed::fbstore::{BinCodec, CodecId, PreparedPath};
    /// use file_backed::FBPool;
    ///
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// # let path = dir.path().join("notes");
    /// let pool: Arc<FBPool<Vec<u8>, _>> = FBPool::temp(BinCodec, 100).await?;
    /// let saved = PreparedPath::open(path.clone()).await?;
    /// let notes: Dataset<(), _> = Dataset::open(pool.store(), saved).await?;
    /// notes.put_named("a/1", &pool.insert(vec![0; 100])).await?;
    /// notes.put_named("b/1", &pool.insert(vec![0; 200])).await?;
    ///
    /// // In another program, which knows nothing of the types:
    /// let found = Inspection::open(path).await?;
    /// assert_eq!(found.items().count(), 2);
    /// let below_a = found.names().prefix("a/").next().expect("there is one");
    /// let item = found.item(below_a.key::<()>().uuid()).expect("it is recorded");
    /// assert_eq!((item.payload_len(), item.codec()), (Some(108), Some(CodecId::BINCODE)));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bincodec"))]
    /// # fn main() {}
    /// ```
    pub fn items(&self) -> impl DoubleEndedIterator<Item = InspectedItem> {
        let items = self.contents().into_iter().flat_map(Contents::items);
        items.map(|(key, entry)| InspectedItem { key, entry })
    }

    /// The item of the inspected commit that has this key. Opens no file.
    pub fn item(&self, key: Uuid) -> Option<InspectedItem> {
        let entry = self.contents()?.get(key)?;
        Some(InspectedItem { key, entry })
    }

    /// The names of the items of the inspected commit. There are none if the directory is not
    /// a dataset.
    pub fn names(&self) -> Names {
        let contents = self.contents().cloned();
        Names::of_contents(contents.unwrap_or_else(Contents::empty))
    }
}
