//! The least that a durable commit of a few items among many costs: the new items are written
//! and linked, a file that records the change gets its name once all of that is durable, and
//! the old names are removed. Nothing is looked up, and nothing is kept in memory but where the
//! items are.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Result, bail};
use file_backed_codecs::write_back::{start_write_back, write_back};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, fsync, mkdirat, openat, renameat_with, syncfs,
    unlinkat,
};

use super::directory::Directory;
use crate::harness::size::KIB;
use crate::harness::threads::share;
use crate::systems::named::{Access, Change, Named, first_value};

/// Bytes of the record of a small commit: those of this crate grow from nothing to 12 KiB, and
/// begin anew.
const RECORD: usize = 6 * KIB;

/// Bytes of the record for each item.
const RECORD_OF_ITEM: usize = 80;

/// How what was written becomes durable, before it gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Each item, each directory that it has a name in, and the record.
    Each,
    /// The same, after the data of all of them was written. The first sync commits the journal
    /// of the file system for all.
    Together,
    /// The whole file system at once.
    Whole,
    /// The record, which holds the items.
    Record,
}

pub struct Set {
    cache: Directory,
    saved: Directory,
    records: OwnedFd,
    /// The name that each item has.
    names: Vec<usize>,
    next: usize,
    generation: usize,
    threads: usize,
    sync: Sync,
}

pub fn new(dir: &Path, items: usize, threads: usize, sync: Sync) -> Result<Set> {
    let path = dir.join("records");
    mkdirat(CWD, &path, Mode::from(0o755))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let set = Set {
        cache: Directory::create(&dir.join("cache"))?,
        saved: Directory::create(&dir.join("saved"))?,
        records: openat(CWD, path, flags, Mode::empty())?,
        names: (0..items).collect(),
        next: items,
        generation: 0,
        threads,
        sync,
    };
    if sync != Sync::Record {
        share(2, items, &|ids| {
            for id in ids {
                let value = first_value(id);
                set.saved.write(id, bytemuck::cast_slice(&value))?;
            }
            Ok(())
        })?;
        syncfs(&set.records)?;
    }
    Ok(set)
}

impl Set {
    fn write_items(&self, first: usize, changes: &[Change]) -> Result<()> {
        share(self.threads, changes.len(), &|numbers| {
            for number in numbers {
                let name = first + number;
                let mut file = self.cache.create_file(name)?;
                file.write_all(bytemuck::cast_slice(&changes[number].1))?;
                self.cache.link(name, &self.saved)?;
                match self.sync {
                    Sync::Each => fsync(&file)?,
                    Sync::Together => start_write_back(&file)?,
                    Sync::Whole | Sync::Record => {}
                }
            }
            Ok(())
        })
    }

    /// Once the writing of their data and of the record's has been started.
    fn sync_items(&self, first: usize, changes: &[Change]) -> Result<()> {
        let names = first..first + changes.len();
        let files: Result<Vec<File>> = names.map(|name| self.cache.open_file(name)).collect();
        let files = files?;
        files.iter().try_for_each(write_back)?;
        files.iter().try_for_each(fsync)?;
        Ok(())
    }

    fn sync_shards(&self, names: impl Iterator<Item = usize>) -> Result<()> {
        let shards: HashSet<usize> = names.map(|name| self.saved.shard_number(name)).collect();
        let shards: Vec<usize> = shards.into_iter().collect();
        share(self.threads, shards.len(), &|numbers| {
            for number in numbers {
                fsync(&self.saved.shards()[shards[number]])?;
            }
            Ok(())
        })
    }

    fn write_record(&self, changes: &[Change]) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut record = File::from(openat(&self.records, "new", flags, Mode::from(0o644))?);
        let mut bytes = vec![7; RECORD + RECORD_OF_ITEM * changes.len()];
        if self.sync == Sync::Record {
            for (_, value) in changes {
                bytes.extend_from_slice(bytemuck::cast_slice(value));
            }
        }
        record.write_all(&bytes)?;
        if self.sync == Sync::Together {
            start_write_back(&record)?;
        }
        Ok(record)
    }

    fn publish_record(&mut self) -> Result<()> {
        let record = format!("{:016x}", self.generation);
        self.generation += 1;
        let (records, next) = (&self.records, format!("{:016x}", self.generation));
        renameat_with(records, "new", records, next, RenameFlags::NOREPLACE)?;
        fsync(records)?;
        if self.generation > 1 {
            unlinkat(records, record, AtFlags::empty())?;
        }
        Ok(())
    }

    fn remove_replaced(&mut self, first: usize, changes: &[Change]) -> Result<()> {
        let replaced: Vec<usize> = (changes.iter().enumerate())
            .map(|(number, (id, _))| std::mem::replace(&mut self.names[*id], first + number))
            .collect();
        share(self.threads, replaced.len(), &|numbers| {
            for number in numbers {
                self.saved.unlink(replaced[number])?;
                self.cache.unlink(first + number)?;
            }
            Ok(())
        })
    }
}

impl Named for Set {
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        let first = self.next;
        self.next += changes.len();
        if self.sync != Sync::Record {
            self.write_items(first, &changes)?;
        }
        if self.sync == Sync::Each {
            self.sync_shards(first..self.next)?;
        }
        let record = self.write_record(&changes)?;
        if self.sync == Sync::Together {
            self.sync_items(first, &changes)?;
            self.sync_shards(first..self.next)?;
        }
        match self.sync {
            Sync::Whole => syncfs(&record)?,
            Sync::Each | Sync::Together | Sync::Record => fsync(&record)?,
        }
        self.publish_record()?;
        if self.sync != Sync::Record {
            self.remove_replaced(first, &changes)?;
        }
        Ok(())
    }

    fn can_open(&self, _: Access) -> bool {
        false
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }

    fn open(&mut self, _: Access) -> Result<()> {
        bail!("it has nothing to open")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_one_file_after_each_commit() {
        for sync in [Sync::Each, Sync::Together, Sync::Whole] {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let mut set = new(dir.path(), 50, 1, sync).expect("it can be made");
            for id in [3, 40, 3] {
                set.commit(vec![(id, vec![1.0; 256])]).expect("a commit");
            }
            assert_eq!(set.saved.scan().expect("it is there").len(), 50, "{sync:?}");
            assert!(set.cache.scan().expect("it is there").is_empty());
            let records = std::fs::read_dir(dir.path().join("records")).expect("it is there");
            assert_eq!(records.count(), 1);
        }
    }
}
