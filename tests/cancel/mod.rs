//! Every future, dropped at each point where it waits: nothing is lost, nothing
//! is left behind.

mod loads;
mod mutations;
mod opening;
mod tasks;
