//! Directories that the published crate has written, and that it reads.
#![cfg(feature = "bincodec")]

mod published;
