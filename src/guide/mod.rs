//! Guides: what does not belong to one type.

pub mod archived_types;
pub mod durability;
pub mod migrating;
pub mod observing;
pub mod zero_copy;
