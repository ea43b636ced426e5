//! Bringing a payload into memory as it is, without decoding: mapped, or read.

mod options;
mod shared;

pub(crate) use options::Fetch;
pub use options::Verify;
pub(crate) use shared::Shared;
