//! Progress of commits, saves and verifications.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Progress of a commit, of a save of [`convenience`](crate::convenience) or of a
/// verification.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "bincodec", feature = "dataset"))]
/// # #[tokio::main]
/// # async fn main() -> file_backed::Result<()> {
/// use std::sync::Arc;
/// use file_backed::dataset::{Dataset, Progress};
/// use file_backed::fbstore::{BinCodec, PreparedPath};
/// use file_backed::{Error, FBPool};
///
/// let pool: Arc<FBPool<String, _>> = FBPool::temp(BinCodec, 100).await?;
/// let saved = PreparedPath::temp().await?;
/// let notes: Dataset<Vec<_>, _> = Dataset::open(pool.store(), saved).await?;
///
/// let note = pool.insert("one".to_owned());
/// notes
///     .commit(|saver| {
///         // The totals may still grow, so show counts instead of a percentage.
///         saver.on_progress(|progress: Progress| {
///             println!("{} of {} items", progress.items, progress.items_total);
///         });
///         Ok::<_, Error>(vec![saver.save(&note)?])
///     })
///     .await?;
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "bincodec", feature = "dataset")))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Items completed.
    pub items: u64,
    /// Items to process, as far as known. During a commit or a save it grows while the
    /// closure names more items.
    pub items_total: u64,
    /// Bytes of files completed; 0 during a save, which does not ask for them.
    pub bytes: u64,
    /// Bytes to process, as far as known; 0 during a commit or a save, where they are
    /// unknown.
    pub bytes_total: u64,
}

type Callback = Box<dyn Fn(Progress) + Send + Sync>;

/// Counts progress and reports it to a callback.
#[derive(Default)]
pub(crate) struct ProgressMeter {
    items: AtomicU64,
    items_total: AtomicU64,
    bytes: AtomicU64,
    bytes_total: AtomicU64,
    callback: std::sync::OnceLock<Callback>,
}

impl ProgressMeter {
    /// Sets the callback that progress is reported to. The first call wins.
    pub(crate) fn report_to(&self, callback: impl Fn(Progress) + Send + Sync + 'static) {
        let _ = self.callback.set(Box::new(callback));
    }

    pub(crate) fn expect(&self, items: u64, bytes: u64) {
        self.items_total.fetch_add(items, Ordering::Relaxed);
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(callback) = self.callback.get() {
            callback(self.progress());
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            items: self.items.load(Ordering::Relaxed),
            items_total: self.items_total.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for ProgressMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.progress().fmt(f)
    }
}
