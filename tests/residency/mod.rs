//! Which values are in memory, and what happens to them there.

mod counts;
mod eviction;
mod flights;
mod leaked;
mod mutation;
mod pinned;
mod printed;
mod queued;
mod stress;
mod tiny;
mod write_back;
