//! Memory maps of payloads: who may make them, how many there may be, and what
//! owns one.

pub mod budget;
mod licence;
mod mapping;

pub use licence::MapLicence;
pub use mapping::{Map, MapAttempt};
