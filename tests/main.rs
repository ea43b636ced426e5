//! What the library does, shown on a store in memory: no test sleeps, and none
//! depends on how long something takes.

mod background;
mod cancel;
mod codecs;
mod residency;
mod saving;
mod support;
mod types;
