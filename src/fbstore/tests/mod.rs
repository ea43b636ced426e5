//! Copies in place of links, the quota of a cache, and every file operation that fails or is cut off by a power
//! cut.

mod copies;
mod faults;
mod power;
#[cfg(unix)]
mod quota;
