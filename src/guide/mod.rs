//! Guides: what does not belong to one type.

pub mod durability;
pub mod migrating;
pub mod observing;
