//! Items that have names, of which some are replaced in each durable commit.

mod fjall;
mod heed;
mod ours;
mod redb;

use anyhow::Result;

pub use self::fjall::Fjall;
pub use self::heed::Heed;
pub use self::ours::Ours;
pub use self::redb::Redb;

/// A change of one item: its number, and its new value.
pub type Change = (usize, Vec<f32>);

/// Bytes of a name.
pub const NAME_BYTES: usize = 12;

/// The name of an item.
pub fn name_of(id: usize) -> String {
    format!("item/{id:07}")
}

/// What an item has before it is changed for the first time: items are many, not large.
pub fn first_value(id: usize) -> Vec<f32> {
    vec![id as f32, 1.0, 2.0, 3.0]
}

/// Items of one transaction of a database that is filled.
const BATCH: usize = 50_000;

/// What is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Commit,
    Read,
}

/// Named items, open to be committed to.
pub trait Named {
    /// Replaces the values of items. They are durable when this returns.
    fn commit(&mut self, changes: Vec<Change>) -> Result<()>;

    /// Whether it is opened in this way, in a way of its own.
    fn can_open(&self, access: Access) -> bool;

    fn close(&mut self) -> Result<()>;

    /// Opens it again after [`close`](Self::close).
    fn open(&mut self, access: Access) -> Result<()>;
}

/// Puts `items` first values, in commits of at most `most`.
pub fn fill(set: &mut impl Named, items: usize, most: usize) -> Result<()> {
    for begin in (0..items).step_by(most) {
        let batch = begin..items.min(begin + most);
        set.commit(batch.map(|id| (id, first_value(id))).collect())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_the_same_length() {
        for id in [0, 999_999] {
            assert_eq!(name_of(id).len(), NAME_BYTES);
        }
    }
}
