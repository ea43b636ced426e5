//! File operations on names, relative to open directories.
//!
//! No symbolic link is followed between the opened directory and a name in it, nor at
//! that name.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
use file_backed_codecs::frame::LocalFile;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawMode, Stat, chmodat, linkat, mkdirat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;

use super::descriptor_budget;
use super::file_ref::FileRef;
use super::files::{Identity, Ownership};
use super::layout::shard_name;
use super::readers::Readers;
use super::real_files::check_regular;

/// Calls `call` with the open directory that contains a name, and the name.
fn reach<R>(
    file_ref: &FileRef<'_>,
    call: impl Fn(BorrowedFd<'_>, &Path) -> io::Result<R>,
) -> io::Result<R> {
    descriptor_budget::with_descriptors(|| reach_once(file_ref, &call))
}

fn reach_once<R>(
    file_ref: &FileRef<'_>,
    call: impl Fn(BorrowedFd<'_>, &Path) -> io::Result<R>,
) -> io::Result<R> {
    match file_ref {
        FileRef::Path(path) => call(CWD, path),
        FileRef::Root(shards) => shards.handles.in_root(|root| call(root, Path::new("."))),
        FileRef::Beside(shards, name) => shards.handles.in_root(|root| call(root, name)),
        FileRef::Below(shards, directory, name) => shards
            .handles
            .below_root(directory, |directory| call(directory, name)),
        FileRef::Shard(shards, shard) => {
            let name = shard_name(*shard);
            shards
                .handles
                .in_root(|root| call(root, Path::new(name.as_str())))
        }
        FileRef::InShard(shards, shard, name) => {
            shards.handles.in_shard(*shard, |shard| call(shard, name))
        }
        FileRef::Item(shards, name) => shards
            .handles
            .in_shard(name.shard(), |shard| call(shard, Path::new(name.as_str()))),
    }
}

/// Flags to add so that no link is followed. A path given by the caller may contain
/// links.
fn no_follow(file_ref: &FileRef<'_>) -> OFlags {
    match file_ref {
        FileRef::Path(_) => OFlags::empty(),
        _ => OFlags::NOFOLLOW,
    }
}

fn at_flags(file_ref: &FileRef<'_>) -> AtFlags {
    match file_ref {
        FileRef::Path(_) => AtFlags::empty(),
        _ => AtFlags::SYMLINK_NOFOLLOW,
    }
}

fn open_file(file_ref: &FileRef<'_>, flags: OFlags, mode: Mode) -> io::Result<File> {
    let flags = flags | no_follow(file_ref) | OFlags::CLOEXEC;
    reach(file_ref, |directory, name| {
        Ok(File::from(retry_on_intr(|| {
            openat(directory, name, flags, mode)
        })?))
    })
}

fn stat(file_ref: &FileRef<'_>) -> io::Result<Stat> {
    reach(file_ref, |directory, name| {
        Ok(statat(directory, name, at_flags(file_ref))?)
    })
}

fn mode_of(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits as RawMode)
}

pub(super) fn create_dir(file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
    let mode = readers.of_directory();
    let made = reach(file_ref, |directory, name| {
        Ok(mkdirat(directory, name, mode_of(mode))?)
    });
    match (made, file_ref) {
        (Err(error), _) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_there = match file_ref {
                FileRef::Path(path) => path.is_dir(),
                _ => is_directory(&stat(file_ref)?),
            };
            if is_there { Ok(()) } else { Err(error) }
        }
        (Err(error), FileRef::Path(path)) if error.kind() == io::ErrorKind::NotFound => {
            use std::os::unix::fs::DirBuilderExt as _;
            fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(path)
        }
        (made, _) => made,
    }
}

fn is_directory(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir()
}

pub(super) fn create(file_ref: &FileRef<'_>) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    open_file(file_ref, flags, mode_of(file_ref.readers().of_file()))
}

/// Opens without blocking: the name may refer to a pipe that has no writer.
pub(super) fn open(file_ref: &FileRef<'_>) -> io::Result<File> {
    open_file(file_ref, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
}

/// Opens a file without waiting, in a shard that is open, if its name is in memory. `None`
/// otherwise, and for any failure.
///
/// Programs that watch for opens with fanotify, or hold a lease, can still delay it.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(super) fn open_cached(file_ref: &FileRef<'_>) -> Option<LocalFile> {
    use rustix::fs::{ResolveFlags, openat2};

    /// The kernel, or a sandbox, does not have the call or the flag.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);

    let FileRef::Item(shards, name) = file_ref else {
        return None;
    };
    if IS_MISSING.load(Ordering::Relaxed) {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_XDEV;
    let (opened, reads) = shards.handles.in_open_shard(name.shard(), |shard| {
        let open = |flags| openat2(shard, name.as_str(), flags, Mode::empty(), resolve);
        // A read that changes the access time may wait for the journal. Only the owner of a
        // file may ask for none to be changed.
        let opened = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            opened => opened,
        };
        if matches!(opened, Err(Errno::NOSYS | Errno::PERM | Errno::INVAL)) {
            IS_MISSING.store(true, Ordering::Relaxed);
        }
        opened.ok()
    })?;
    Some(LocalFile::new(File::from(opened), reads))
}

pub(super) fn open_lock(file_ref: &FileRef<'_>) -> io::Result<File> {
    if matches!(file_ref, FileRef::Root(_)) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        return open_file(file_ref, flags, Mode::empty());
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
    let file = open_file(file_ref, flags, Mode::RUSR | Mode::WUSR)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

pub(super) fn link(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    reach(to, |to_directory, to_name| {
        reach_once(from, |directory, name| {
            let linked = linkat(directory, name, to_directory, to_name, AtFlags::empty());
            Ok(linked?)
        })
    })
}

#[cfg(target_os = "linux")]
pub(super) fn reflink(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    let source = open(from)?;
    check_regular(&source.metadata()?)?;
    let target = create(to)?;
    rustix::fs::ioctl_ficlone(target.as_fd(), source.as_fd()).map_err(|errno| {
        // The fallback copy must find the name free.
        let _ = remove(to);
        errno.into()
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reflink(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    check_regular(&open(from)?.metadata()?)?;
    reflink_copy::reflink(from.path(), to.path())?;
    let mode = mode_of(to.readers().of_file());
    reach(to, |directory, name| {
        Ok(chmodat(directory, name, mode, AtFlags::empty())?)
    })
}

pub(super) fn remove(file_ref: &FileRef<'_>) -> io::Result<()> {
    reach(file_ref, |directory, name| {
        Ok(unlinkat(directory, name, AtFlags::empty())?)
    })
}

pub(super) fn rename(from: &FileRef<'_>, to: &FileRef<'_>) -> io::Result<()> {
    reach(to, |to_directory, to_name| {
        reach_once(from, |directory, name| {
            Ok(renameat(directory, name, to_directory, to_name)?)
        })
    })
}

/// Renames without replacing, in one call. `None` if the system or the file system does
/// not support that.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn rename_exclusively(from: &FileRef<'_>, to: &FileRef<'_>) -> Option<io::Result<()>> {
    use rustix::fs::{RenameFlags, renameat_with};
    let renamed = reach(to, |to_directory, to_name| {
        reach_once(from, |directory, name| {
            let flags = RenameFlags::NOREPLACE;
            Ok(renameat_with(
                directory,
                name,
                to_directory,
                to_name,
                flags,
            )?)
        })
    });
    let number = renamed.as_ref().err().and_then(io::Error::raw_os_error);
    let is_missing = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP]
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()));
    (!is_missing).then_some(renamed)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn rename_exclusively(_: &FileRef<'_>, _: &FileRef<'_>) -> Option<io::Result<()>> {
    None
}

pub(super) fn identity(file_ref: &FileRef<'_>) -> io::Result<Identity> {
    let stat = stat(file_ref)?;
    Ok(Identity::Inode(stat.st_dev as u64, stat.st_ino as u64))
}

pub(super) fn length(file_ref: &FileRef<'_>) -> io::Result<u64> {
    Ok(stat(file_ref)?.st_size as u64)
}

pub(super) fn open_up(file_ref: &FileRef<'_>, readers: Readers) -> io::Result<()> {
    let mode = stat(file_ref)?.st_mode as u32;
    let wanted = mode | readers.of_file();
    if mode == wanted {
        return Ok(());
    }
    reach(file_ref, |directory, name| {
        let mode = mode_of(wanted & 0o7777);
        Ok(chmodat(directory, name, mode, AtFlags::empty())?)
    })
}

pub(super) fn ownership(file_ref: &FileRef<'_>) -> io::Result<Ownership> {
    let stat = stat(file_ref)?;
    let mode = stat.st_mode as u32;
    Ok(Ownership {
        is_ours: stat.st_uid == geteuid().as_raw(),
        is_world_writable: mode & 0o002 != 0,
        readers: Readers::by_mode(mode),
    })
}

/// Opens a directory for listing.
fn open_to_list(file_ref: &FileRef<'_>) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = open_file(file_ref, flags, Mode::empty())?;
    if let FileRef::Shard(shards, _) | FileRef::Beside(shards, _) = file_ref {
        shards.handles.check_below(directory.as_fd())?;
    }
    Ok(directory)
}

/// Lists without an allocation for each name.
#[cfg(target_os = "linux")]
pub(super) fn list(file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{FileType, RawDir};

    let directory = open_to_list(file_ref)?;
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let is_file = match entry.file_type() {
            FileType::RegularFile => true,
            // Some file systems do not report the type.
            FileType::Unknown => statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file()),
            _ => false,
        };
        each(name, is_file);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn list(file_ref: &FileRef<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{Dir, FileType};

    let directory = open_to_list(file_ref)?;
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let is_file = match entry.file_type() {
            FileType::RegularFile => true,
            FileType::Unknown => statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file()),
            _ => false,
        };
        each(name, is_file);
    }
    Ok(())
}
