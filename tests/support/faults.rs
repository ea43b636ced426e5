//! Failures that a test asks for.

use std::io;

use file_backed::backing_store::StoreError;
use uuid::Uuid;

use super::Op;

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The system's, of no particular kind.
    Error,
    /// The codec's, about one value.
    Refused,
    Full,
    NotFound,
    Panic,
}

/// Which calls fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    op: Op,
    key: Option<Uuid>,
    /// Calls that go well before.
    after: usize,
    times: usize,
}

impl On {
    /// Every call of this kind.
    pub(crate) fn every(op: Op) -> Self {
        Self {
            op,
            key: None,
            after: 0,
            times: usize::MAX,
        }
    }

    /// The next call of this kind.
    pub(crate) fn next(op: Op) -> Self {
        Self::nth(op, 0)
    }

    /// The call of this kind that comes after so many others.
    pub(crate) fn nth(op: Op, after: usize) -> Self {
        Self {
            after,
            times: 1,
            ..Self::every(op)
        }
    }

    pub(crate) fn of(self, key: Uuid) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Counts the call, and says whether it fails.
    pub(super) fn hits(&mut self, op: Op, key: Option<Uuid>) -> bool {
        if self.op != op || self.key.is_some() && self.key != key {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        let hit = self.times > 0;
        self.times = self.times.saturating_sub(1);
        hit
    }
}

impl Fault {
    pub(super) fn strike(self, op: Op) -> Result<(), StoreError> {
        match self {
            Self::Error => Err(io::Error::other(format!("{op:?} fails on purpose")).into()),
            Self::Refused => Err(format!("{op:?} refuses the value").into()),
            Self::Full => Err(io::Error::from(io::ErrorKind::StorageFull).into()),
            Self::NotFound => Err(io::Error::from(io::ErrorKind::NotFound).into()),
            Self::Panic => panic!("{op:?} panics on purpose"),
        }
    }
}
