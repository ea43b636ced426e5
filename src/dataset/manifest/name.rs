//! The names of items.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::dataset::cause::DatasetCause;

/// The longest name in bytes.
pub(crate) const LONGEST_NAME: usize = 1024;

/// The name of an item: 1 to 1024 bytes of UTF-8, ordered bytewise. A clone shares the
/// text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(Arc<str>);

impl Name {
    pub(crate) fn new(name: &str) -> Result<Self, DatasetCause> {
        match name.len() {
            1..=LONGEST_NAME => Ok(Self(name.into())),
            len => Err(DatasetCause::NameLength(len)),
        }
    }

    /// An end of a range of names, which need not be a name itself.
    pub(crate) fn bound(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
