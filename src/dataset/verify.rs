//! Verifying files against their checksums.

use uuid::Uuid;

use super::Progress;
use super::cause::DatasetCause;
use super::contents::Contents;
use super::manifest::{ItemRecord, bytes_of};
use super::parallel::map_on_all_cores;
use super::path::DatasetPath;
use crate::backing_store::ManifestStore;
use crate::error::Operation;
use crate::save::ProgressMeter;
use crate::{Error, Result};

/// Which files to verify, and where to report progress.
///
/// # Examples
///
/// ```
/// use file_backed::dataset::VerifyOptions;
///
/// let verify = VerifyOptions::all().on_progress(|progress| {
///     println!("{} of {} bytes", progress.bytes, progress.bytes_total);
/// });
/// ```
#[derive(Debug, Default)]
pub struct VerifyOptions {
    keys: Option<Vec<Uuid>>,
    meter: ProgressMeter,
}

impl VerifyOptions {
    /// All files of the current commit.
    pub fn all() -> Self {
        Self::default()
    }

    /// The files of these items.
    pub fn some(keys: impl IntoIterator<Item = Uuid>) -> Self {
        Self {
            keys: Some(keys.into_iter().collect()),
            meter: ProgressMeter::default(),
        }
    }

    /// Reports progress to `progress` after each file and about every MiB, from several
    /// threads.
    pub fn on_progress(self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.meter.report_to(progress);
        self
    }

    /// Whether no files were chosen.
    pub(super) fn is_of_all(&self) -> bool {
        self.keys.is_none()
    }

    /// Of the chosen files, verifies those that are known, and the missing ones in addition.
    pub(super) fn including(mut self, missing: Vec<Uuid>, is_known: impl Fn(Uuid) -> bool) -> Self {
        if let Some(chosen) = &mut self.keys {
            chosen.retain(|key| is_known(*key));
            chosen.extend(missing);
            chosen.sort_unstable();
            chosen.dedup();
        }
        self
    }

    /// Verifies on as many threads as there are cores. `expected` returns the record that
    /// a file must match. `check` reads the file, and reports the bytes as it reads them.
    pub(super) fn run(
        &self,
        all: impl FnOnce() -> Vec<Uuid>,
        expected: impl Fn(Uuid) -> Result<ItemRecord>,
        check: impl Fn(ItemRecord, &dyn Fn(u64)) -> Result<()> + Sync,
    ) -> Verified {
        let keys = self.keys.clone().unwrap_or_else(all);
        let expected: Vec<_> = keys.iter().map(|key| expected(*key)).collect();
        let bytes = bytes_of(expected.iter().flatten());
        self.meter.expect(keys.len() as u64, bytes);
        let verified = map_on_all_cores(&expected, |expected| {
            let verified = match expected {
                Ok(entry) => check(*entry, &|bytes| self.meter.add(0, bytes)),
                Err(error) => Err(error.clone()),
            };
            self.meter.add(1, 0);
            verified
        });
        let mut damaged: Vec<_> = verified.into_iter().filter_map(Result::err).collect();
        damaged.sort_by_key(Error::key);
        let progress = self.meter.progress();
        Verified {
            files: progress.items,
            bytes: progress.bytes,
            damaged,
        }
    }
}

impl<B: ManifestStore> DatasetPath<B> {
    /// Verifies items of these contents.
    pub(super) fn verify(&self, contents: &Contents, verify: &VerifyOptions) -> Verified {
        let error = |key, cause| self.error_of_item(Operation::Verify, key, cause);
        let expected = |key| {
            let record = contents.get(key).map(|entry| ItemRecord::of(key, entry));
            record.ok_or_else(|| error(key, DatasetCause::NotCommitted))
        };
        let check = |record: ItemRecord, read: &dyn Fn(u64)| {
            let (core, key, place) = (self.store.core(), record.key, self.tracked.path());
            let verify = |backing: &B| backing.verify(place, key, read);
            let found = core.call(Operation::Verify, Some(key), Some(place), verify)?;
            match record.differs_from(found) {
                true => Err(error(key, DatasetCause::OtherFile)),
                false => Ok(()),
            }
        };
        let all = || contents.items().map(|(key, _)| key).collect();
        verify.run(all, expected, check)
    }
}

/// The result of a verification.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bincodec")]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::dataset::{Dataset, VerifyOptions};
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let notes: Dataset<Vec<_>, _> = Dataset::open(pool.store(), saved).await?;
///
/// let note = pool.insert("one".to_owned());
/// notes.commit(|saver| Ok::<_, Error>(vec![saver.save(&note)?])).await?;
///
/// let verified = notes.verify(VerifyOptions::all()).await?;
/// println!("{} files, {} bytes", verified.files, verified.bytes);
/// for error in &verified.damaged {
///     let path = error.path().expect("an error of a file names its path");
///     eprintln!("restore {} from a backup: {error}", path.display());
/// }
/// assert!(verified.is_whole());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bincodec"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// Files checked.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong, sorted by key. Each error contains the key, the path and the cause; that
    /// of a [pack](crate::fbstore::pack) has no key, and comes first.
    pub damaged: Vec<Error>,
}

impl Verified {
    /// Whether every file is there and whole.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty()
    }
}
