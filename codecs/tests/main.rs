//! What the codecs promise, one module for each promise.

#![cfg_attr(
    not(all(feature = "bincodec", feature = "prostcodec", feature = "mappedcodec")),
    allow(
        dead_code,
        unused_imports,
        reason = "each feature uses its part of the shared values and functions"
    )
)]

mod auto_traits;
mod damage;
mod files;
mod packs;
mod round_trip;
mod values;

#[cfg(feature = "mappedcodec")]
mod alignment;
#[cfg(feature = "map")]
mod budget;
#[cfg(feature = "bytescodec")]
mod bytes;
#[cfg(feature = "mappedcodec")]
mod depth;
#[cfg(feature = "bincodec")]
mod error_sources;
mod fuzzing;
#[cfg(feature = "mappedcodec")]
mod hostile;
#[cfg(feature = "bincodec")]
mod import;
#[cfg(feature = "mappedcodec")]
mod lookalikes;
#[cfg(feature = "mappedcodec")]
mod mapping;
mod mismatch;
#[cfg(feature = "mappedcodec")]
mod native;
#[cfg(feature = "bincodec")]
mod nesting;
#[cfg(all(feature = "mappedcodec", unix))]
mod pages;
#[cfg(feature = "prostcodec")]
mod protobuf;
mod read_limit;
mod reading;
mod slot;
#[cfg(feature = "mappedcodec")]
mod trusting;
#[cfg(feature = "bincodec")]
mod wrong_types;
