//! What a pool keeps in memory, and how far a producer can get ahead of the
//! disk.

mod bytes;
mod changes;
mod drops;
mod loads;
mod peak;
mod quota;
mod reserve;
mod weights;
