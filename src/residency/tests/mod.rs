//! The life of an item against its transition table.

mod model;
