//! Memory maps of payloads: who may make them, how many there may be, and what
//! owns one.

mod access;
pub mod budget;
mod licence;
mod mapping;

pub use access::{Access, Prefault};
pub use licence::MapLicence;
pub use mapping::{Map, MapAttempt, MaybeMapped};
