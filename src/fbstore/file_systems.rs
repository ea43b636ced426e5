//! What is known of file systems, by the magic numbers of statfs(2).

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

#[cfg(target_pointer_width = "64")]
use file_backed_codecs::frame::CachedReads;
use rustix::fs::{StatFs, statfs};

/// ext2, ext3 and ext4.
const EXT: u32 = 0x0000_ef53;
const XFS: u32 = 0x5846_5342;
const BTRFS: u32 = 0x9123_683e;
const BCACHEFS: u32 = 0xca45_1a4e;
const F2FS: u32 = 0xf2f5_2010;
const ZFS: u32 = 0x2fc1_2fc1;
const TMPFS: u32 = 0x0102_1994;
const RAMFS: u32 = 0x8584_58f6;
const OVERLAYFS: u32 = 0x794c_7630;
const EXFAT: u32 = 0x2011_bab0;

/// The numbers have 32 bits on every machine, whatever type statfs(2) has there.
fn magic_of(stat: &StatFs) -> u32 {
    stat.f_type as u32
}

/// Whether only this machine writes to the file system. Others accept an inotify watch, but
/// may not report what another machine does.
pub(super) fn is_local(path: &Path) -> io::Result<bool> {
    let local = [
        EXT, XFS, BTRFS, BCACHEFS, F2FS, ZFS, TMPFS, RAMFS, OVERLAYFS, EXFAT,
    ];
    Ok(local.contains(&magic_of(&statfs(path)?)))
}

/// How files in `directory` are read without waiting; `None` if that is not known to work.
///
/// On these file systems, opening a file whose name is in memory does not wait either. On
/// others, such as FUSE and network file systems, it does, whatever the flags.
#[cfg(target_pointer_width = "64")]
pub(super) fn cached_reads(directory: BorrowedFd<'_>) -> Option<CachedReads> {
    match magic_of(&rustix::fs::fstatfs(directory).ok()?) {
        EXT | XFS | BTRFS | F2FS => Some(CachedReads::of_disk()),
        TMPFS | RAMFS => Some(CachedReads::of_memory()),
        _ => None,
    }
}
