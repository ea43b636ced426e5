//! Hash tables whose keys are item keys or addresses.
//!
//! They use [foldhash](https://docs.rs/foldhash), which hashes a `Uuid` in a fraction of
//! the time of the standard library's SipHash; every insert, persist and drop hashes its
//! key several times. It is seeded at random, so that the author of a file cannot choose
//! colliding keys in advance.

use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
