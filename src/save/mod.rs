//! Saving a set of items: what [`convenience`](crate::convenience) and `dataset` do alike.
//!
//! [`Persisting`] links the items into the persisted directory in the background. Once the
//! caller has synced them and recorded which ones they are, [`delete_many`] deletes the
//! [`unnamed`] files. Both keep their jobs in a [`Window`] and wait for all of
//! them, whichever fails.

mod deletion;
mod persisting;
mod progress;
mod window;

pub(crate) use deletion::{delete_many, unnamed};
pub(crate) use persisting::Persisting;
pub use progress::Progress;
pub(crate) use progress::ProgressMeter;
use window::Window;
