//! Directories that the published crate has written, and that it reads.

mod published;
