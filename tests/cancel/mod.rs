//! Every future, dropped at each point where it waits: nothing is lost, and nothing is
//! left over.

mod loads;
mod mutations;
mod opening;
mod tasks;
