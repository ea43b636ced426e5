//! Pools on directories, with each codec that is compiled in.

#[cfg(feature = "mappedcodec")]
mod kept;
mod pools;
