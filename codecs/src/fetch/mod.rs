//! Bringing a payload into memory without decoding it: mapped, or read.

mod options;
mod shared;

pub use options::Verify;
pub(crate) use options::{Fetch, fetch_options};
pub(crate) use shared::Shared;
