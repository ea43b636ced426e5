//! A file system that fails on request.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, ThreadId};

use file_backed_codecs::Source;
use parking_lot::Mutex;

use super::faults::{Fault, Faults, On};
use super::gate::Barrier;
#[cfg(feature = "dataset")]
use super::gate::Gate;
use crate::backing_store::ManifestWatch;
use crate::fbstore::Readers;
use crate::fbstore::file_ref::FileRef;
use crate::fbstore::files::{Files, Identity, NameChanged, Ownership, SyncError};
use crate::fbstore::real_files::RealFiles;

/// The machine's file system, in which operations can be made to fail. Clones share one
/// plan.
#[derive(Clone, Default)]
pub(crate) struct FaultyFiles(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    faults: Faults<&'static str>,
    /// What was made durable since the faults were planned.
    synced: HashSet<PathBuf>,
    links: Links,
    /// Whether operations that fail have their effect all the same.
    takes_effect: bool,
    /// How often each operation was called, by thread.
    calls: HashMap<(&'static str, ThreadId), usize>,
    /// Only this thread meets faults.
    only: Option<ThreadId>,
    watch: Option<Arc<Watch>>,
    after_lists: Option<(usize, Box<dyn FnOnce() + Send>)>,
    /// Where the creation of files is held back, except on this thread.
    held: Option<(ThreadId, Arc<Barrier>)>,
}

/// Looks at the disk after each change, while no other change runs.
struct Watch {
    turn: Mutex<()>,
    look: Box<dyn Fn() + Send + Sync>,
}

/// The links and reflinks that the file system supports.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Links {
    #[default]
    AsTheMachine,
    /// A link fails with this error number. Reflinks are those of the machine.
    Refused(i32),
    /// A link fails with this error number. Reflinks work, simulated by copies.
    Reflinks(i32),
}

impl FaultyFiles {
    /// Lets `after` operations succeed, and then `lasts` operations fail.
    pub(crate) fn plan(&self, after: usize, lasts: usize, fault: Fault) {
        let on = match fault {
            Fault::Short => On::every("write"),
            _ => On::any(),
        };
        let plan = &mut *self.0.lock();
        plan.faults.lift();
        plan.faults.plan(on.after(after).times(lasts), fault);
        plan.synced.clear();
    }

    /// Lets `after` operations of this kind succeed, and then `lasts` of them fail.
    pub(crate) fn plan_on(
        &self,
        operation: &'static str,
        after: usize,
        lasts: usize,
        fault: Fault,
    ) {
        let faults = &mut self.0.lock().faults;
        faults.lift();
        faults.plan(On::every(operation).after(after).times(lasts), fault);
    }

    /// From now on, an operation that fails has had its effect, as on a network file system
    /// whose server did what was asked, and whose answer was lost.
    #[cfg(feature = "dataset")]
    pub(crate) fn fail_after_the_effect(&self) {
        self.0.lock().takes_effect = true;
    }

    /// Lets each call of one operation fail.
    pub(crate) fn fail(&self, operation: &'static str, fault: Fault) {
        let faults = &mut self.0.lock().faults;
        faults.plan(On::every(operation), fault);
    }

    /// Lets each call of one operation by this thread fail.
    #[cfg(all(target_os = "linux", target_pointer_width = "64", not(shuttle)))]
    pub(crate) fn fail_on_this_thread(&self, operation: &'static str, fault: Fault) {
        self.fail(operation, fault);
        self.0.lock().only = Some(std::thread::current().id());
    }

    /// Calls `then` once, after so many more directories were listed, before the caller sees
    /// the last of the lists.
    #[cfg(feature = "dataset")]
    pub(crate) fn after_lists(&self, lists: usize, then: impl FnOnce() + Send + 'static) {
        self.0.lock().after_lists = Some((lists, Box::new(then)));
    }

    fn was_listed(&self) {
        let mut plan = self.0.lock();
        let Some((left, _)) = &mut plan.after_lists else {
            return;
        };
        *left -= 1;
        let is_last = *left == 0;
        let then = if is_last {
            plan.after_lists.take()
        } else {
            None
        };
        drop(plan);
        if let Some((_, then)) = then {
            then();
        }
    }

    pub(crate) fn set_links(&self, links: Links) {
        self.0.lock().links = links;
    }

    fn links(&self) -> Links {
        self.0.lock().links
    }

    /// Ends the fault. Returns the operations that failed.
    pub(crate) fn lift(&self) -> Vec<&'static str> {
        self.0.lock().faults.lift()
    }

    pub(crate) fn is_synced(&self, path: &Path) -> bool {
        self.0.lock().synced.contains(path)
    }

    /// Calls `look` after each change of a file or a name. No two changes overlap from now
    /// on.
    pub(crate) fn watch(&self, look: impl Fn() + Send + Sync + 'static) {
        let (turn, look) = (Mutex::new(()), Box::new(look));
        self.0.lock().watch = Some(Arc::new(Watch { turn, look }));
    }

    /// Holds back every creation of a file, except on this thread.
    #[cfg(feature = "dataset")]
    pub(crate) fn hold_creations_elsewhere(&self) -> Gate {
        let barrier = Arc::new(Barrier::default());
        self.0.lock().held = Some((thread::current().id(), barrier.clone()));
        Gate(barrier)
    }

    fn pass_creation(&self) {
        let held = self.0.lock().held.clone();
        if let Some((except, barrier)) = held
            && thread::current().id() != except
        {
            barrier.pass();
        }
    }

    /// How often an operation was called.
    pub(crate) fn calls(&self, operation: &'static str) -> usize {
        let calls = &self.0.lock().calls;
        let of_operation = calls.iter().filter(|((called, _), _)| *called == operation);
        of_operation.map(|(_, calls)| calls).sum()
    }

    /// How often this thread called an operation.
    #[cfg(all(target_os = "linux", target_pointer_width = "64", not(shuttle)))]
    pub(crate) fn calls_here(&self, operation: &'static str) -> usize {
        let calls = &self.0.lock().calls;
        let key = (operation, std::thread::current().id());
        calls.get(&key).copied().unwrap_or(0)
    }

    /// How often any operation was called.
    pub(crate) fn all_calls(&self) -> usize {
        self.0.lock().calls.values().sum()
    }

    fn change<R>(&self, change: impl FnOnce() -> R) -> R {
        let watch = self.0.lock().watch.clone();
        let Some(watch) = watch else { return change() };
        let _turn = watch.turn.lock();
        let result = change();
        (watch.look)();
        result
    }

    fn meet(&self, operation: &'static str) -> Option<Fault> {
        let mut plan = self.0.lock();
        let caller = (operation, std::thread::current().id());
        *plan.calls.entry(caller).or_default() += 1;
        if plan.only.is_some_and(|only| only != caller.1) {
            return None;
        }
        plan.faults.meet(operation, None)
    }

    /// Runs an operation that may fail before its effect or after it.
    fn run<R>(
        &self,
        operation: &'static str,
        run: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        match self.check(operation) {
            Ok(()) => run(),
            Err(error) => {
                let takes_effect = self.0.lock().takes_effect;
                if takes_effect {
                    run()?;
                }
                Err(error)
            }
        }
    }

    fn check(&self, operation: &'static str) -> io::Result<()> {
        let fault = self.meet(operation);
        fault.map_or(Ok(()), |fault| fault.strike_file(operation))
    }
}

impl Files for FaultyFiles {
    fn create_dir(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
        self.run("create_dir", || RealFiles.create_dir(file_ref, readers))
    }

    fn list(&self, file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
        self.check("list")?;
        let listed = RealFiles.list(file_ref, each);
        self.was_listed();
        listed
    }

    fn create(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Write + Send>> {
        self.pass_creation();
        self.check("create")?;
        let file = self.change(|| RealFiles.create(file_ref))?;
        let files = self.clone();
        Ok(Box::new(FaultyWriter { files, file }))
    }

    fn open(&self, file_ref: &FileRef<'_>) -> io::Result<Box<dyn Source>> {
        self.check("open")?;
        let file = RealFiles.open(file_ref)?;
        let files = self.clone();
        Ok(Box::new(FaultySource { files, file }))
    }

    fn open_cached(&self, file_ref: &FileRef<'_>) -> Option<Box<dyn Source>> {
        self.check("open_cached").ok()?;
        let file = RealFiles.open_cached(file_ref)?;
        let files = self.clone();
        Some(Box::new(FaultySource { files, file }))
    }

    fn link(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        let links = self.links();
        self.run("link", || match links {
            Links::AsTheMachine => self.change(|| RealFiles.link(from, to)),
            Links::Refused(number) | Links::Reflinks(number) => {
                Err(io::Error::from_raw_os_error(number))
            }
        })
    }

    fn reflink(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        self.check("reflink")?;
        match self.links() {
            Links::AsTheMachine | Links::Refused(_) => self.change(|| RealFiles.reflink(from, to)),
            Links::Reflinks(_) => self.change(|| std::fs::copy(from.path(), to.path()).map(drop)),
        }
    }

    fn rename_new(&self, from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
        self.run("rename_new", || {
            self.change(|| RealFiles.rename_new(from, to))
        })
    }

    fn remove(&self, file_ref: &FileRef<'_>) -> io::Result<()> {
        self.run("remove", || self.change(|| RealFiles.remove(file_ref)))
    }

    fn identity(&self, file_ref: &FileRef<'_>) -> io::Result<Identity> {
        self.check("identity")?;
        RealFiles.identity(file_ref)
    }

    fn length(&self, file_ref: &FileRef<'_>) -> io::Result<u64> {
        self.check("length")?;
        RealFiles.length(file_ref)
    }

    fn sync(&self, file_ref: &FileRef<'_>) -> Result<(), SyncError> {
        self.check("sync").map_err(SyncError::Sync)?;
        // A disk takes time. Let other threads run meanwhile.
        std::thread::yield_now();
        RealFiles.sync(file_ref)?;
        self.0.lock().synced.insert(file_ref.path().into_owned());
        Ok(())
    }

    fn open_up(&self, file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
        self.check("open_up")?;
        RealFiles.open_up(file_ref, readers)
    }

    fn ownership(&self, file_ref: &FileRef<'_>) -> io::Result<Ownership> {
        self.check("ownership")?;
        RealFiles.ownership(file_ref)
    }

    fn syncfs_handle(&self, path: &Path) -> io::Result<Option<File>> {
        RealFiles.syncfs_handle(path)
    }

    fn sync_file_system(&self, syncfs_handle: &File) -> io::Result<()> {
        self.check("sync_file_system")?;
        RealFiles.sync_file_system(syncfs_handle)
    }

    fn open_lock(&self, file_ref: &FileRef<'_>) -> io::Result<File> {
        self.check("open_lock")?;
        RealFiles.open_lock(file_ref)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        self.check("try_lock")?;
        RealFiles.try_lock(file)
    }

    fn open_pin(&self, file_ref: &FileRef<'_>) -> io::Result<File> {
        self.check("open_pin")?;
        RealFiles.open_pin(file_ref)
    }

    fn try_lock_shared(&self, file: &File) -> io::Result<bool> {
        self.check("try_lock_shared")?;
        RealFiles.try_lock_shared(file)
    }

    fn watch_names(
        &self,
        file_ref: &FileRef<'_>,
        changed: NameChanged,
    ) -> io::Result<Option<Box<dyn ManifestWatch>>> {
        self.check("watch_names")?;
        RealFiles.watch_names(file_ref, changed)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.check("free_space")?;
        RealFiles.free_space(path)
    }
}

struct FaultyWriter {
    files: FaultyFiles,
    file: Box<dyn Write + Send>,
}

impl Write for FaultyWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let half = &data[..data.len().div_ceil(2)];
        match self.files.meet("write") {
            None => self.files.change(|| self.file.write(data)),
            Some(Fault::Short) => self.files.change(|| self.file.write(half)),
            Some(fault) => {
                self.files.change(|| self.file.write_all(half))?;
                fault.strike_file("write")?;
                Ok(half.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.files.check("flush")?;
        self.file.flush()
    }
}

struct FaultySource {
    files: FaultyFiles,
    file: Box<dyn Source>,
}

impl Source for FaultySource {
    fn len(&self) -> io::Result<u64> {
        self.files.check("len")?;
        self.file.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.files.check("read")?;
        self.file.read_exact_at(buf, offset)
    }

    fn read_cached_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> Option<&'b mut [u8]> {
        self.files.check("read_cached").ok()?;
        self.file.read_cached_at(buf, offset)
    }

    fn file(&self) -> Option<&File> {
        self.file.file()
    }

    fn is_in_memory(&self) -> bool {
        self.file.is_in_memory()
    }
}
