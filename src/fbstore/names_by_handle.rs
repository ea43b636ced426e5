//! Names that are reached through open directories.
//!
//! No symbolic link is followed on the way from the directory that was opened to a
//! name in it, or at that name.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawMode, Stat, chmodat, linkat, mkdirat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;

use super::descriptor_budget;
use super::files::{Identity, Ownership};
use super::layout::shard_name;
use super::readers::Readers;
use super::real_files::check_regular;
use super::spot::Spot;

/// Calls with the open directory that a name is in, and the name.
fn reach<R>(
    spot: &Spot<'_>,
    call: impl Fn(BorrowedFd<'_>, &Path) -> io::Result<R>,
) -> io::Result<R> {
    descriptor_budget::with_descriptors(|| reach_once(spot, &call))
}

fn reach_once<R>(
    spot: &Spot<'_>,
    call: impl Fn(BorrowedFd<'_>, &Path) -> io::Result<R>,
) -> io::Result<R> {
    match spot {
        Spot::Path(path) => call(CWD, path),
        Spot::Root(shards) => shards.handles.in_root(|root| call(root, Path::new("."))),
        Spot::Beside(shards, name) => shards.handles.in_root(|root| call(root, name)),
        Spot::Below(shards, directory, name) => shards
            .handles
            .below_root(directory, |directory| call(directory, name)),
        Spot::Shard(shards, shard) => {
            let name = shard_name(*shard);
            shards
                .handles
                .in_root(|root| call(root, Path::new(name.as_str())))
        }
        Spot::InShard(shards, shard, name) => {
            shards.handles.in_shard(*shard, |shard| call(shard, name))
        }
        Spot::Item(shards, name) => shards
            .handles
            .in_shard(name.shard(), |shard| call(shard, Path::new(name.as_str()))),
    }
}

/// What to add to flags so that no link is followed. A path from outside may lead
/// through links.
fn no_follow(spot: &Spot<'_>) -> OFlags {
    match spot {
        Spot::Path(_) => OFlags::empty(),
        _ => OFlags::NOFOLLOW,
    }
}

fn at_flags(spot: &Spot<'_>) -> AtFlags {
    match spot {
        Spot::Path(_) => AtFlags::empty(),
        _ => AtFlags::SYMLINK_NOFOLLOW,
    }
}

fn open_file(spot: &Spot<'_>, flags: OFlags, mode: Mode) -> io::Result<File> {
    let flags = flags | no_follow(spot) | OFlags::CLOEXEC;
    reach(spot, |directory, name| {
        Ok(File::from(retry_on_intr(|| {
            openat(directory, name, flags, mode)
        })?))
    })
}

fn stat(spot: &Spot<'_>) -> io::Result<Stat> {
    reach(spot, |directory, name| {
        Ok(statat(directory, name, at_flags(spot))?)
    })
}

fn mode_of(bits: u32) -> Mode {
    Mode::from_bits_truncate(bits as RawMode)
}

pub(super) fn create_dir(spot: &Spot<'_>, readers: Readers) -> io::Result<()> {
    let mode = readers.of_directory();
    let made = reach(spot, |directory, name| {
        Ok(mkdirat(directory, name, mode_of(mode))?)
    });
    match (made, spot) {
        (Err(error), _) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_there = match spot {
                Spot::Path(path) => path.is_dir(),
                _ => is_directory(&stat(spot)?),
            };
            if is_there { Ok(()) } else { Err(error) }
        }
        (Err(error), Spot::Path(path)) if error.kind() == io::ErrorKind::NotFound => {
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

pub(super) fn create(spot: &Spot<'_>) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    open_file(spot, flags, mode_of(spot.readers().of_file()))
}

/// Opens without waiting: what stands there may be a pipe that has no writer.
pub(super) fn open(spot: &Spot<'_>) -> io::Result<File> {
    open_file(spot, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())
}

pub(super) fn open_lock(spot: &Spot<'_>) -> io::Result<File> {
    if matches!(spot, Spot::Root(_)) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        return open_file(spot, flags, Mode::empty());
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
    let file = open_file(spot, flags, Mode::RUSR | Mode::WUSR)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

pub(super) fn link(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    reach(to, |to_directory, to_name| {
        reach_once(from, |directory, name| {
            let linked = linkat(directory, name, to_directory, to_name, AtFlags::empty());
            Ok(linked?)
        })
    })
}

#[cfg(target_os = "linux")]
pub(super) fn reflink(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    let source = open(from)?;
    check_regular(&source.metadata()?)?;
    let target = create(to)?;
    rustix::fs::ioctl_ficlone(target.as_fd(), source.as_fd()).map_err(|errno| {
        // Whoever copies in its place finds the name free.
        let _ = remove(to);
        errno.into()
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reflink(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    check_regular(&open(from)?.metadata()?)?;
    reflink_copy::reflink(from.path(), to.path())?;
    let mode = mode_of(to.readers().of_file());
    reach(to, |directory, name| {
        Ok(chmodat(directory, name, mode, AtFlags::empty())?)
    })
}

pub(super) fn remove(spot: &Spot<'_>) -> io::Result<()> {
    reach(spot, |directory, name| {
        Ok(unlinkat(directory, name, AtFlags::empty())?)
    })
}

pub(super) fn rename(from: &Spot<'_>, to: &Spot<'_>) -> io::Result<()> {
    reach(to, |to_directory, to_name| {
        reach_once(from, |directory, name| {
            Ok(renameat(directory, name, to_directory, to_name)?)
        })
    })
}

/// A rename that does not replace, in one call; `None` where there is none.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn rename_exclusively(from: &Spot<'_>, to: &Spot<'_>) -> Option<io::Result<()>> {
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
pub(super) fn rename_exclusively(_: &Spot<'_>, _: &Spot<'_>) -> Option<io::Result<()>> {
    None
}

pub(super) fn identity(spot: &Spot<'_>) -> io::Result<Identity> {
    let stat = stat(spot)?;
    Ok(Identity::Inode(stat.st_dev as u64, stat.st_ino as u64))
}

pub(super) fn open_up(spot: &Spot<'_>, readers: Readers) -> io::Result<()> {
    let mode = stat(spot)?.st_mode as u32;
    let wanted = mode | readers.of_file();
    if mode == wanted {
        return Ok(());
    }
    reach(spot, |directory, name| {
        let mode = mode_of(wanted & 0o7777);
        Ok(chmodat(directory, name, mode, AtFlags::empty())?)
    })
}

pub(super) fn ownership(spot: &Spot<'_>) -> io::Result<Ownership> {
    let stat = stat(spot)?;
    let mode = stat.st_mode as u32;
    Ok(Ownership {
        is_ours: stat.st_uid == geteuid().as_raw(),
        is_world_writable: mode & 0o002 != 0,
        readers: Readers::by_mode(mode),
    })
}

/// Opens a directory to be listed.
fn open_to_list(spot: &Spot<'_>) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = open_file(spot, flags, Mode::empty())?;
    if let Spot::Shard(shards, _) | Spot::Beside(shards, _) = spot {
        shards.handles.check_below(directory.as_fd())?;
    }
    Ok(directory)
}

/// Without an allocation for each name.
#[cfg(target_os = "linux")]
pub(super) fn list(spot: &Spot<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{FileType, RawDir};

    let directory = open_to_list(spot)?;
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
            // Some file systems do not say.
            FileType::Unknown => statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file()),
            _ => false,
        };
        each(name, is_file);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn list(spot: &Spot<'_>, each: &mut dyn FnMut(&OsStr, bool)) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{Dir, FileType};

    let directory = open_to_list(spot)?;
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
