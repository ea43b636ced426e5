//! The persisted directories that have files of the cache too.

use uuid::Uuid;

use crate::fbstore::files::Identity;
use crate::hash::HashSet;

/// Which persisted directories have which files, by links that this process has made.
///
/// A temporary directory is none of them: its names go without a deletion.
#[derive(Default)]
pub(super) struct Homes {
    /// Entries name a directory by its place in this list, which is short.
    directories: Vec<Identity>,
    entries: HashSet<(Uuid, u32)>,
}

impl Homes {
    /// Returns false if it is there already.
    pub(super) fn insert(&mut self, key: Uuid, home: &Identity) -> bool {
        let number = self.number_of(home).unwrap_or_else(|| {
            self.directories.push(home.clone());
            (self.directories.len() - 1) as u32
        });
        self.entries.insert((key, number))
    }

    /// Returns false if it was not there.
    pub(super) fn remove(&mut self, key: Uuid, home: &Identity) -> bool {
        let number = self.number_of(home);
        number.is_some_and(|number| self.entries.remove(&(key, number)))
    }

    /// Removes all entries of a key, of which there are `count`.
    pub(super) fn remove_all(&mut self, key: Uuid, count: u32) {
        let mut left = count;
        for number in 0..self.directories.len() as u32 {
            if left == 0 {
                return;
            }
            left -= u32::from(self.entries.remove(&(key, number)));
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn number_of(&self, home: &Identity) -> Option<u32> {
        let found = self.directories.iter().position(|known| known == home);
        found.map(|number| number as u32)
    }
}
