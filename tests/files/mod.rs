//! Stores and codecs in real use: through a pool, on real directories.

#![cfg_attr(
    not(all(feature = "bincodec", feature = "prostcodec", feature = "mappedcodec")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "each feature uses its part of the shared helpers"
    )
)]

mod conformance;
mod damage;
mod directories;
mod import;
mod memory;
mod on_disk;
mod on_disk_only;
mod own_codec;
mod session;
mod texts;
mod values;
