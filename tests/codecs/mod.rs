//! Pools on directories, with each codec that is compiled in.

#[cfg(feature = "mappedcodec")]
mod adopting;
#[cfg(feature = "mappedcodec")]
mod archiving;
#[cfg(feature = "bytescodec")]
mod blobs;
#[cfg(feature = "mappedcodec")]
mod evicted_maps;
#[cfg(feature = "mappedcodec")]
mod many_maps;
mod pools;
#[cfg(all(unix, feature = "mappedcodec"))]
mod reloading;
#[cfg(feature = "mappedcodec")]
mod updating;
