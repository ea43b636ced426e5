//! Saves both kinds of items in one step, and again after a change.

use anyhow::Result;
use file_backed::convenience::blocking_save_with;
use indicatif::HumanCount;

use crate::library::{Contents, Library};
use crate::phase::{Phase, Total};
use crate::report::Report;

/// Items on their way at a time.
const AT_A_TIME: usize = 64;

/// Saves everything: the links first, then the disk's word that it is safe,
/// then the new catalogue, and only then what the old one named is deleted.
pub(crate) fn save(library: &Library, contents: &Contents, report: &mut Report) -> Result<()> {
    let all = contents.records.len() + contents.shelves.len();
    let persist = Phase::begin("persist", "linking the files", Total::Items(all));
    let mut sync = None;
    blocking_save_with(
        &library.store,
        |persister| {
            for record in &contents.records {
                persister.persist(record);
                persist.advance(0)?;
            }
            for shelf in &contents.shelves {
                persister.persist(shelf);
                persist.advance(0)?;
            }
            report.end(persist)?;
            let doing = format!(
                "waiting until {} files are safe on the disk",
                HumanCount(all as u64)
            );
            sync = Some(Phase::begin("sync", doing, Total::Unknown));
            anyhow::Ok(())
        },
        &library.saved,
        AT_A_TIME,
        || library.write_catalogue(&contents.shelves),
    )?;
    if let Some(sync) = sync {
        sync.add(all as u64, contents.bytes);
        report.end(sync)?;
    }
    Ok(())
}

/// Writes into the catalogue how often the needle was found in each record.
pub(crate) fn note_counts(contents: &mut Contents, counts: &[u64]) -> Result<()> {
    let mut counts = counts.iter();
    for shelf in &mut contents.shelves {
        let mut shelf = shelf.blocking_make_write()?;
        for (entry, count) in shelf.files.values_mut().zip(&mut counts) {
            entry.matches = Some(*count);
        }
    }
    Ok(())
}

/// Saves what has changed since the last time: here the shelves.
pub(crate) fn save_again(
    library: &Library,
    contents: &Contents,
    report: &mut Report,
) -> Result<()> {
    let phase = Phase::begin("save again", "saving the changed catalogue", Total::Unknown);
    phase.add(contents.shelves.len() as u64, 0);
    blocking_save_with(
        &library.store,
        |persister| {
            contents
                .records
                .iter()
                .for_each(|item| persister.persist(item));
            contents
                .shelves
                .iter()
                .for_each(|item| persister.persist(item));
            anyhow::Ok(())
        },
        &library.saved,
        AT_A_TIME,
        || library.write_catalogue(&contents.shelves),
    )?;
    report.end(phase)?;
    Ok(())
}
