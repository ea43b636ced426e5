//! Keys for new items.

use std::cell::RefCell;

use uuid::{Builder, Uuid};

use crate::process::Process;

/// The system is asked for the random bytes of this many keys at once. A system call
/// for each key would cost more than the rest of an insert.
const KEYS: usize = 16;
const LEN: usize = size_of::<uuid::Bytes>();

/// Random bytes; the first `left` are unused.
struct Random {
    bytes: [u8; KEYS * LEN],
    left: usize,
    /// A forked child starts with its parent's bytes, which would give both the same
    /// keys.
    process: Option<Process>,
}

impl Random {
    fn take(&mut self) -> uuid::Bytes {
        let process = Some(Process::current());
        if self.left == 0 || self.process != process {
            self.process = process;
            if let Err(error) = getrandom::fill(&mut self.bytes) {
                panic!("the system provided no random bytes for the key of an item: {error}");
            }
            self.left = self.bytes.len();
        }
        self.left -= LEN;
        let (_, bytes) = self.bytes[..self.left + LEN]
            .split_last_chunk()
            .expect("it is a multiple of the length");
        *bytes
    }
}

/// A random key, version 4.
///
/// `Uuid::new_v4` with a fast generator keeps that generator in a thread-local. Once it
/// is gone, a call in the destructor of another thread-local panics, which aborts the
/// process. The state here needs no drop, so it lives as long as the thread.
pub(crate) fn random() -> Uuid {
    thread_local! {
        static RANDOM: RefCell<Random> = const {
            assert!(!std::mem::needs_drop::<RefCell<Random>>());
            RefCell::new(Random { bytes: [0; KEYS * LEN], left: 0, process: None })
        };
    }
    let bytes = RANDOM.with(|random| random.borrow_mut().take());
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_distinct_and_of_version_4() {
        let keys = || (0..10 * KEYS).map(|_| random()).collect::<Vec<_>>();
        let other = std::thread::spawn(keys).join().expect("no panic");
        let all: HashSet<_> = keys().into_iter().chain(other).collect();
        assert_eq!(all.len(), 20 * KEYS);
        assert!(all.iter().all(|key| key.get_version_num() == 4));
    }
}
