//! The injector of faults: which calls of a store or a file system fail, and how.

use std::fmt::Debug;
use std::io;

use file_backed::backing_store::StoreError;
use uuid::Uuid;

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// With an error of the system, of no particular kind.
    Error,
    /// With this error number of the system. A write first writes half of its bytes.
    Errno(i32),
    Full,
    NotFound,
    /// With the error of a codec, about one value.
    Refused,
    /// With the error that this function returns.
    With(fn() -> StoreError),
    Panic,
    /// A write writes half of its bytes and reports that. Other calls succeed.
    Short,
}

impl Fault {
    /// Fails a call of a store.
    pub(super) fn strike(self, op: impl Debug) -> Result<(), StoreError> {
        match self {
            Self::Refused => Err(format!("{op:?} refuses the value").into()),
            Self::With(error) => Err(error()),
            _ => Ok(self.strike_file(op)?),
        }
    }

    /// Fails a call of a file system, which does not know values.
    pub(super) fn strike_file(self, op: impl Debug) -> io::Result<()> {
        match self {
            Self::Error => Err(io::Error::other(format!("{op:?} fails on purpose"))),
            Self::Errno(number) => Err(io::Error::from_raw_os_error(number)),
            Self::Full => Err(io::ErrorKind::StorageFull.into()),
            Self::NotFound => Err(io::ErrorKind::NotFound.into()),
            Self::Panic => panic!("{op:?} panics on purpose"),
            Self::Refused | Self::With(_) | Self::Short => Ok(()),
        }
    }
}

/// Which calls fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On<Op> {
    /// `None` means all.
    op: Option<Op>,
    key: Option<Uuid>,
    /// Calls that succeed first.
    after: usize,
    /// Calls that fail then.
    times: usize,
}

impl<Op: Copy + PartialEq> On<Op> {
    /// Every call.
    pub(crate) fn any() -> Self {
        Self {
            op: None,
            key: None,
            after: 0,
            times: usize::MAX,
        }
    }

    /// Every call of this kind.
    pub(crate) fn every(op: Op) -> Self {
        Self {
            op: Some(op),
            ..Self::any()
        }
    }

    /// The next call of this kind.
    pub(crate) fn next(op: Op) -> Self {
        Self::every(op).times(1)
    }

    /// The call of this kind that comes after so many others.
    pub(crate) fn nth(op: Op, after: usize) -> Self {
        Self::next(op).after(after)
    }

    pub(crate) fn of(self, key: Uuid) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    pub(crate) fn after(self, after: usize) -> Self {
        Self { after, ..self }
    }

    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Counts the call, and says whether it fails.
    fn hits(&mut self, op: Op, key: Option<Uuid>) -> bool {
        if self.op.is_some_and(|of| of != op) || self.key.is_some() && self.key != key {
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

/// The planned faults.
pub(crate) struct Faults<Op> {
    planned: Vec<(On<Op>, Fault)>,
    /// The calls that met one.
    met: Vec<Op>,
}

impl<Op> Default for Faults<Op> {
    fn default() -> Self {
        Self {
            planned: Vec::new(),
            met: Vec::new(),
        }
    }
}

impl<Op: Copy + PartialEq> Faults<Op> {
    pub(crate) fn plan(&mut self, on: On<Op>, fault: Fault) {
        self.planned.push((on, fault));
    }

    /// Ends all faults. Returns the calls that met one.
    pub(crate) fn lift(&mut self) -> Vec<Op> {
        self.planned.clear();
        std::mem::take(&mut self.met)
    }

    /// Ends the faults of calls of this kind.
    pub(crate) fn lift_from(&mut self, op: Op) {
        self.planned.retain(|(on, _)| on.op != Some(op));
    }

    /// The fault that this call meets.
    pub(crate) fn meet(&mut self, op: Op, key: Option<Uuid>) -> Option<Fault> {
        let mut planned = self.planned.iter_mut();
        let fault = planned.find_map(|(on, fault)| on.hits(op, key).then_some(*fault))?;
        self.met.push(op);
        Some(fault)
    }
}
