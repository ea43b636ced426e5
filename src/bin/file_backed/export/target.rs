//! The directory that files are exported to.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use file_backed::uuid::Uuid;
use file_backed_codecs::printable::PrintablePath;

/// Begins the name of a file until it is complete; a random number follows. No path of an item
/// begins with it, because it is an escape. The file is locked, so that a file of a killed
/// process can be told from one that is being written.
const UNFINISHED: &str = "%=t";

/// How many directories stay open: a name may have more than there are descriptors.
const MOST_OPEN: usize = 32;

/// The directory, and the way to the last file that was written. No symbolic link leads out
/// of it.
pub(super) struct Target {
    root: PathBuf,
    top: Dir,
    /// The directories of the last file, with their names. Only the last ones are open.
    entered: Vec<(String, Option<Dir>)>,
}

/// A file that is being written. It is removed if it is dropped before it is complete.
pub(super) struct Unfinished<'a> {
    target: &'a Target,
    file: File,
    unfinished: String,
    is_complete: bool,
}

impl Target {
    /// Creates the directory if it does not exist.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        Dir::create_ambient_dir_all(root, ambient_authority())?;
        let top = Dir::open_ambient_dir(root, ambient_authority())?;
        remove_unfinished(&top);
        Ok(Self {
            root: root.to_owned(),
            top,
            entered: Vec::new(),
        })
    }

    /// The path of a file in it, to be shown.
    pub(super) fn path_of(&self, path: &[String]) -> PathBuf {
        self.root.join(path.join("/"))
    }

    /// Whether there is anything of this name, also a symbolic link that leads nowhere.
    pub(super) fn has(&mut self, path: &[String]) -> io::Result<bool> {
        let (name, directories) = split(path);
        match self.enter(directories, false) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            entered => entered?,
        }
        match self.directory().symlink_metadata(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// Begins a file, and creates its directories.
    pub(super) fn begin(&mut self, path: &[String]) -> io::Result<Unfinished<'_>> {
        let (_, directories) = split(path);
        self.enter(directories, true)?;
        let (unfinished, file) = create_unfinished(self.directory())?;
        Ok(Unfinished {
            target: self,
            file,
            unfinished,
            is_complete: false,
        })
    }

    /// Opens these directories, of which the last file may have been in some.
    fn enter(&mut self, directories: &[String], create: bool) -> io::Result<()> {
        let same = self.entered.iter().zip(directories);
        let same = same.take_while(|((entered, _), name)| entered == *name);
        let same = same.count();
        self.entered.truncate(same);
        while (self.entered.pop_if(|(_, directory)| directory.is_none())).is_some() {}
        for name in &directories[self.entered.len()..] {
            let parent = self.directory();
            let opened = match parent.open_dir(name) {
                Err(error) if error.kind() == ErrorKind::NotFound && is_link(parent, name) => {
                    let path = self.path_of(&directories[..=self.entered.len()]);
                    return Err(leads_nowhere(&path));
                }
                Err(error) if create && error.kind() == ErrorKind::NotFound => {
                    parent.create_dir(name)?;
                    parent.open_dir(name)?
                }
                opened => opened?,
            };
            remove_unfinished(&opened);
            self.entered.push((name.clone(), Some(opened)));
            let above = self.entered.iter_mut().rev().nth(MOST_OPEN);
            above
                .into_iter()
                .for_each(|(_, directory)| *directory = None);
        }
        Ok(())
    }

    /// Makes the files durable that were written. One call for all of them takes much less time
    /// than one for each.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(File::open(&self.root)?)?;
        Ok(())
    }

    /// The directory that was entered last.
    fn directory(&self) -> &Dir {
        let last = self.entered.last();
        last.and_then(|(_, directory)| directory.as_ref())
            .unwrap_or(&self.top)
    }
}

impl Unfinished<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its name.
    pub(super) fn complete(mut self, path: &[String], replaces: bool) -> io::Result<()> {
        let (name, _) = split(path);
        let directory = self.target.directory();
        // After a crash, what is replaced must not be lost before its replacement is durable.
        // Where `Target::sync` does nothing, this is all that makes files durable.
        let is_replaced = replaces && directory.symlink_metadata(name).is_ok();
        if is_replaced || cfg!(not(target_os = "linux")) {
            self.file.sync_all()?;
        }
        if replaces {
            directory.rename(&self.unfinished, directory, name)?;
            self.is_complete = true;
            return Ok(());
        }
        // Unlike a rename, a link replaces nothing.
        match directory.hard_link(&self.unfinished, directory, name) {
            // The temporary name is removed when this is dropped.
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // The file system has no links.
            Err(_) if directory.symlink_metadata(name).is_err() => {
                directory.rename(&self.unfinished, directory, name)?;
                self.is_complete = true;
                Ok(())
            }
            Err(_) => Err(ErrorKind::AlreadyExists.into()),
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_complete {
            // What stays is told by its name, and the next export to the directory removes it.
            let _ = self.target.directory().remove_file(&self.unfinished);
        }
    }
}

/// Creates a file with a name of its own, and locks it.
#[expect(
    clippy::disallowed_methods,
    reason = "no destructor calls this, and a name that exists is refused"
)]
fn create_unfinished(directory: &Dir) -> io::Result<(String, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    loop {
        let name = format!("{UNFINISHED}{}", Uuid::new_v4().simple());
        let file = directory.open_with(&name, &options)?.into_std();
        // Until it is locked, another export may take it for one that was left, and remove it.
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => continue,
            // Without locks, no export removes anything.
            Err(TryLockError::Error(_)) => return Ok((name, file)),
            Ok(()) => {}
        }
        match directory.symlink_metadata(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found.map(|_| (name, file)),
        }
    }
}

/// Removes the files that killed exports have left in a directory. One that cannot be removed
/// does no harm.
fn remove_unfinished(directory: &Dir) {
    let entries = directory.entries().into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let is_unfinished = name.to_str().is_some_and(is_unfinished);
        if !is_unfinished || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // The lock is kept until the file is removed.
        if let Ok(file) = directory.open(&name).map(|file| file.into_std())
            && file.try_lock().is_ok()
        {
            let _ = directory.remove_file(&name);
        }
    }
}

fn is_unfinished(name: &str) -> bool {
    let number = name.strip_prefix(UNFINISHED);
    number.is_some_and(|number| number.len() == 32 && Uuid::try_parse(number).is_ok())
}

fn is_link(directory: &Dir, name: &str) -> bool {
    let found = directory.symlink_metadata(name);
    found.is_ok_and(|found| found.is_symlink())
}

fn leads_nowhere(path: &Path) -> io::Error {
    let path = PrintablePath(path);
    io::Error::other(format!("{path} is a symbolic link that leads nowhere"))
}

/// The last component, and those before it.
fn split(path: &[String]) -> (&str, &[String]) {
    path.split_last()
        .map_or(("", &[]), |(name, directories)| (&**name, directories))
}
