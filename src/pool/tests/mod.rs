//! The pool against a prediction, and in schedules that a model checker draws.

#[cfg(shuttle)]
mod interleavings;
#[cfg(not(shuttle))]
mod model;
