//! What the types promise at compile time.

mod auto_traits;
