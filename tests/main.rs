//! What the library does: no test sleeps, and none
//! depends on how long something takes.

mod background;
mod cancel;
#[cfg(feature = "mappedcodec")]
mod kept_maps;
mod residency;
mod saving;
mod support;
mod types;
