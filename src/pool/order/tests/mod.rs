//! Orders without files, loads and threads: items enter, are hit, and are evicted.

mod adapting;
mod cache;
mod random;
mod victims;
