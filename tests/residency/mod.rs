//! Which values are in memory, and what happens to them there.

mod eviction;
mod guard_formatting;
mod hit_counts;
mod inline_loads;
mod leaked_guards;
mod mutation;
mod pinned;
mod prefetch;
mod queued_jobs;
mod single_flight;
mod small_caches;
mod stress;
mod write_back;
