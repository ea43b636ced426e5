//! Guides: what does not belong to one type.

pub mod archived_types;
pub mod durability;
pub mod zero_copy;
