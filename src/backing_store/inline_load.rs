//! The outcome of a load that must not wait.

use std::any::Any;
use std::fmt;

/// The outcome of [`Strategy::load_inline`](super::Strategy::load_inline).
#[derive(Debug)]
#[must_use = "a refused load has to be made in another way"]
pub enum InlineLoad<T> {
    /// The value, and the length of its encoding in bytes if the store knows it, as from
    /// [`load_measured`](super::Strategy::load_measured).
    Loaded(T, Option<u64>),
    /// The load might wait, takes too long or fails. It is made on a thread that may
    /// block.
    Refused {
        /// The file, if it was opened. The load that follows gets it.
        opened: Option<OpenedFile>,
        /// A value that was made and may be wrong. It is dropped where that may take its
        /// time.
        waste: Option<T>,
    },
}

/// The file of an item that a store has opened already; only the store knows what it is.
///
/// [`Strategy::load_opened`](super::Strategy::load_opened) receives it.
pub struct OpenedFile(Box<dyn Any + Send + Sync>);

impl<T> InlineLoad<T> {
    /// A load that was refused, and of which nothing is left.
    pub fn refused() -> Self {
        Self::Refused {
            opened: None,
            waste: None,
        }
    }
}

impl OpenedFile {
    /// Wraps what the store has opened.
    pub fn new(opened: impl Any + Send + Sync) -> Self {
        Self(Box::new(opened))
    }

    /// What was wrapped, if it is an `F`.
    pub fn downcast<F: Any>(self) -> Option<F> {
        self.0.downcast().ok().map(|opened| *opened)
    }
}

impl fmt::Debug for OpenedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedFile").finish_non_exhaustive()
    }
}
