//! Guides to read before a codec maps files, before you persist data that matters, and
//! when something goes wrong.

pub mod archived_types;
pub mod costs;
pub mod directories;
pub mod durability;
pub mod guarantees;
pub mod migrating;
pub mod observing;
pub mod operations;
pub mod serving;
pub mod tool;
pub mod zero_copy;
