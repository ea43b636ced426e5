//! Watching the names in a directory, with inotify.
//!
//! A watch has a thread, which waits for the kernel and ends soon after the watch was dropped.
//! So it needs no runtime, and does not keep the process alive.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::{Errno, retry_on_intr, write};

use super::descriptor_budget;
use super::file_ref::FileRef;
use super::file_systems;
use super::files::NameChanged;
use super::names_by_handle as names;
use crate::backing_store::ManifestWatch;
use crate::process::Process;

pub(super) struct DirectoryWatch {
    shared: Arc<Shared>,
    process: Process,
}

/// What the thread shares with the watch.
struct Shared {
    /// An event that ends the thread.
    stop: OwnedFd,
    is_complete: AtomicBool,
}

/// What a thread was woken by.
enum Woken {
    /// Something happened in the directory.
    Event,
    /// The watch was dropped.
    Dropped,
}

/// Calls `changed` for each name that the directory gets or loses from now on.
pub(super) fn watch(file_ref: &FileRef<'_>, changed: NameChanged) -> io::Result<DirectoryWatch> {
    let path = file_ref.path();
    let (inotify, stop) = descriptor_budget::with_descriptors(|| {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok((inotify, stop))
    })?;
    // The deletion of a directory that is open is not reported, only that of its files.
    let what = WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::DONT_FOLLOW;
    add_watch(&inotify, &*path, what)?;
    // inotify has no form that takes an open directory.
    if names::identity(file_ref)? != names::identity(&FileRef::Path(&path))? {
        return Err(io::ErrorKind::NotFound.into());
    }
    let shared = Arc::new(Shared {
        stop,
        is_complete: AtomicBool::new(file_systems::is_local(&path)?),
    });
    let own = shared.clone();
    crate::sync::spawn_thread("file_backed watch", move || own.follow(&inotify, &changed))?;
    Ok(DirectoryWatch {
        shared,
        process: Process::current(),
    })
}

impl Shared {
    fn follow(&self, inotify: &OwnedFd, changed: &NameChanged) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(inotify, &mut buffer);
        loop {
            match self.wait(inotify) {
                Ok(Woken::Dropped) => return,
                Ok(Woken::Event) if self.report(&mut reader, changed).is_ok() => {}
                _ => break,
            }
        }
        self.is_complete.store(false, Ordering::SeqCst);
        changed(None);
    }

    fn wait(&self, inotify: &OwnedFd) -> Result<Woken, Errno> {
        let mut fds = [
            PollFd::new(inotify, PollFlags::IN),
            PollFd::new(&self.stop, PollFlags::IN),
        ];
        retry_on_intr(|| poll(&mut fds, None))?;
        Ok(match fds[1].revents().is_empty() {
            true => Woken::Event,
            false => Woken::Dropped,
        })
    }

    /// Reports what has happened so far. Fails once nothing more will be heard of the
    /// directory.
    fn report(
        &self,
        reader: &mut Reader<'_, &OwnedFd>,
        changed: &NameChanged,
    ) -> Result<(), Errno> {
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(error) => return Err(error),
            };
            let (events, name) = (event.events(), event.file_name());
            if events.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT | ReadFlags::DELETE_SELF) {
                return Err(Errno::NOENT);
            }
            // An overflow of the kernel's queue has no name.
            changed(name.map(|name| OsStr::from_bytes(name.to_bytes())));
        }
    }
}

impl ManifestWatch for DirectoryWatch {
    fn is_complete(&self) -> bool {
        self.shared.is_complete.load(Ordering::SeqCst)
    }
}

impl Drop for DirectoryWatch {
    fn drop(&mut self) {
        // The event of a forked child is that of the parent.
        if !self.process.is_forked() {
            // It fails only if the thread has been told already.
            let _ = write(&self.shared.stop, &1_u64.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::testing::scratch;

    /// A watch, and the names that it reports. The receiver is disconnected once the thread of
    /// the watch has ended.
    fn watch_path(path: &Path) -> (DirectoryWatch, Receiver<Option<String>>) {
        let (send, reported) = channel();
        let changed = move |name: Option<&OsStr>| {
            let name = name.map(|name| name.to_str().expect("ASCII").to_owned());
            let _ = send.send(name);
        };
        let watch = watch(&FileRef::Path(path), Box::new(changed));
        (watch.expect("there are instances left"), reported)
    }

    #[test]
    fn names_are_reported_until_the_watch_is_dropped_and_then_its_thread_ends() {
        let (dir, elsewhere) = (scratch(), scratch());
        let (watch, reported) = watch_path(dir.path());
        fs::write(dir.path().join("made"), "").expect("it is made");
        fs::write(elsewhere.path().join("elsewhere"), "").expect("it is made");
        fs::rename(elsewhere.path().join("elsewhere"), dir.path().join("moved"))
            .expect("it is moved");
        fs::hard_link(dir.path().join("made"), dir.path().join("linked")).expect("it is linked");
        fs::remove_file(dir.path().join("made")).expect("it is there");
        for name in ["made", "moved", "linked", "made"] {
            let reported = reported.recv().expect("the thread runs");
            assert_eq!(reported.as_deref(), Some(name));
        }
        drop(watch);
        assert!(reported.recv().is_err(), "the thread ends");
    }

    #[test]
    fn a_watch_of_a_directory_that_is_deleted_is_not_complete_any_more() {
        let dir = scratch();
        let path = dir.path().join("deleted");
        fs::create_dir(&path).expect("it is made");
        let (watch, reported) = watch_path(&path);
        fs::remove_dir(&path).expect("it is empty");
        assert_eq!(reported.recv().expect("it is reported"), None);
        assert!(!watch.is_complete());
        assert!(reported.recv().is_err(), "the thread ends");
    }

    #[test]
    fn a_watch_is_complete_where_only_this_machine_writes() {
        let dir = scratch();
        let (watch, _reported) = watch_path(dir.path());
        assert_eq!(
            watch.is_complete(),
            file_systems::is_local(dir.path()).expect("it is there")
        );
        assert!(!file_systems::is_local(Path::new("/proc")).expect("it is there"));
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_watched() {
        let dir = scratch();
        let missing = dir.path().join("missing");
        let watch = watch(&FileRef::Path(&missing), Box::new(|_| {}));
        let error = watch.err().expect("it is missing");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
