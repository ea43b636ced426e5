//! Copies in place of links, and every file operation that fails or is cut off by a power
//! cut.

mod copies;
mod faults;
mod power;
