//! Copies in place of links, the quota of a cache, and every file operation that fails or is cut off by a power
//! cut.

mod copies;
mod faults;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(shuttle)))]
mod inline_loads;
mod power;
#[cfg(unix)]
mod quota;
