//! What the library promises, tested through its public API. No test sleeps or depends on
//! how long something takes.
#![expect(
    clippy::disallowed_methods,
    reason = "tests make their paths themselves"
)]

mod background;
mod budget;
mod cancel;
mod codecs;
#[cfg(feature = "dataset")]
mod dataset;
mod directories;
mod files;
#[cfg(feature = "mappedcodec")]
mod kept_maps;
mod observing;
mod residency;
mod saving;
mod support;
mod types;
mod weak_map;
