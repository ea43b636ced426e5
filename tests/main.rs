//! What the library promises, seen through its public names.

mod files;
