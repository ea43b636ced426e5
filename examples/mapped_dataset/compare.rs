//! The same records and the same search with an ordinary codec, which decodes
//! each file that it loads.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use file_backed::fbstore::{BinCodec, FBStore};
use file_backed::{FBPool, Fb};
use tokio::runtime::Runtime;

use crate::library::Contents;
use crate::options::Options;
use crate::phase::{Phase, Total};
use crate::record::Record;
use crate::report::Report;
use crate::search;
use crate::workplace::Workplace;

/// Enough to tell how fast it is; more would only take time and disk space.
const MOST_BYTES: u64 = 4 << 30;

/// The first records of the dataset, as serde values in a cache of their own.
pub(crate) struct Decoded {
    pool: Arc<FBPool<Record, FBStore<BinCodec>>>,
    items: Vec<Arc<Fb<Record, FBStore<BinCodec>>>>,
    /// Size of all files, in bytes.
    bytes: u64,
    cache: PathBuf,
}

impl Decoded {
    /// Copies the records, as far as that is reasonable.
    pub(crate) fn copy(
        contents: &Contents,
        options: &Options,
        runtime: &Runtime,
        workplace: &Workplace,
        report: &mut Report,
    ) -> Result<Self> {
        let cache = workplace.path().join("bincode");
        let mut decoded = Self {
            pool: runtime.block_on(FBPool::open(BinCodec, &cache, options.items))?,
            items: Vec::new(),
            bytes: 0,
            cache,
        };
        let total = Total::Bytes(contents.bytes.min(MOST_BYTES));
        let phase = Phase::begin("bincode: copy", "copying the records to BinCodec", total);
        for record in &contents.records {
            if decoded.bytes >= MOST_BYTES {
                break;
            }
            let record = record.blocking_read()?.deserialize();
            let record: Record = record.map_err(anyhow::Error::from_boxed)?;
            phase.advance(record.size)?;
            decoded.add(record)?;
        }
        report.compared(decoded.items.len(), contents.records.len());
        report.end(phase)?;
        Ok(decoded)
    }

    fn add(&mut self, record: Record) -> Result<()> {
        self.bytes += record.size;
        let item = self.pool.insert(record);
        item.blocking_write_now()?;
        self.items.push(Arc::new(item));
        Ok(())
    }

    /// Searches them as often, and compares with what the archives gave.
    pub(crate) fn search_three_times(
        &self,
        expected: &[u64],
        options: &Options,
        report: &mut Report,
    ) -> Result<()> {
        let (items, bytes) = (&self.items, self.bytes);
        for (name, doing) in [
            ("bincode: search", "the same search through BinCodec"),
            ("bincode: again", "once more through BinCodec"),
            ("bincode: third", "a third time through BinCodec"),
        ] {
            let phase = Phase::begin(name, doing, Total::Bytes(bytes));
            let found = search::pass(&self.pool, items, phase, options, report)?;
            let differs = found.iter().zip(expected).filter(|(a, b)| a != b).count();
            ensure!(
                differs == 0,
                "BinCodec and MappedCodec found a different number of matches in {differs} files"
            );
        }
        Ok(())
    }
}

/// Deletes the cache.
impl Drop for Decoded {
    fn drop(&mut self) {
        self.items.clear();
        self.pool.store().blocking_finished();
        if let Err(error) = std::fs::remove_dir_all(&self.cache) {
            eprintln!("{}: {error}", self.cache.display());
        }
    }
}
