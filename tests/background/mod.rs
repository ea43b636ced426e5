//! Work that nobody waits for, and work that somebody does: on runtimes that are
//! busy, gone or of one thread, with stores that fail or panic.

mod ending_threads;
mod failures;
mod fault_attribution;
mod panics;
mod saturated;
mod shutdown;
mod tasks;
