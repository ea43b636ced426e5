//! Memory maps of payloads: the licence to make them, the budget that limits them, and
//! the type that owns one.

mod access;
pub mod budget;
mod licence;
mod mapping;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod residency;

pub use access::{Access, Prefault};
pub use licence::MapLicence;
pub use mapping::{Map, MapAttempt, MaybeMapped};
