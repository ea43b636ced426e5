//! Whether a thread runs or waits, as the system tells.

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    shuttle,
    allow(dead_code, reason = "in the model, every thread waits for the disk")
)]
pub(crate) enum ThreadState {
    /// It runs, or waits for a core.
    Runs,
    /// It sleeps until something happens.
    Sleeps,
    /// It sleeps in a way in which nothing can interrupt it.
    WaitsForDisk,
    /// The system does not tell, or the thread has ended.
    Unknown,
}

#[cfg(all(target_os = "linux", not(shuttle)))]
mod known {
    use std::io::Read as _;

    use rustix::thread::Pid;

    use super::ThreadState;

    pub(crate) const STATES_ARE_KNOWN: bool = true;

    /// A thread of this process.
    #[derive(Clone, Copy)]
    pub(crate) struct ThreadId(Pid);

    pub(crate) fn thread_id() -> ThreadId {
        ThreadId(rustix::thread::gettid())
    }

    pub(crate) fn state_of(thread: ThreadId) -> ThreadState {
        let path = format!("/proc/self/task/{}/stat", thread.0.as_raw_nonzero());
        let mut stat = [0; 64];
        let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut stat));
        // The number, the name in parentheses and the state.
        let after_name = read.ok().and_then(|len| {
            let at = stat[..len].iter().rposition(|byte| *byte == b')')?;
            stat.get(at + 2)
        });
        match after_name {
            Some(b'R') => ThreadState::Runs,
            Some(b'S') => ThreadState::Sleeps,
            Some(b'D') => ThreadState::WaitsForDisk,
            _ => ThreadState::Unknown,
        }
    }
}

#[cfg(all(not(target_os = "linux"), not(shuttle)))]
mod known {
    use super::ThreadState;

    pub(crate) const STATES_ARE_KNOWN: bool = false;

    #[derive(Clone, Copy)]
    pub(crate) struct ThreadId(());

    pub(crate) fn thread_id() -> ThreadId {
        ThreadId(())
    }

    pub(crate) fn state_of(_: ThreadId) -> ThreadState {
        ThreadState::Unknown
    }
}

#[cfg(not(shuttle))]
pub(crate) use known::{STATES_ARE_KNOWN, ThreadId, state_of, thread_id};
