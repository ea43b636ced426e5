//! Guides: what to know before a codec maps files, before data that matters is
//! persisted, and when something goes wrong.

pub mod archived_types;
pub mod directories;
pub mod durability;
pub mod migrating;
pub mod observing;
pub mod zero_copy;
