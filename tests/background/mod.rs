//! Background work, awaited or not, on runtimes that are busy, gone or of one thread,
//! with stores that fail or panic.

mod ending_threads;
mod failures;
mod fault_attribution;
mod in_flight;
mod panics;
mod saturated;
mod self_waits;
mod shutdown;
mod tasks;
