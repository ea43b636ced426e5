//! What the library promises, seen through its public names. No test sleeps, and
//! none depends on how long something takes.

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
