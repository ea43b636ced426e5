//! Limits: what bare system calls and structures do, without anything that a
//! library must have around them.

pub mod commit;
pub mod directory;
pub mod files;
pub mod hits;
pub mod lifecycle;
pub mod save;
pub mod sink;
pub mod slab;
