//! Writing the data of a file from the page cache to the disk, without making it durable.
//!
//! An fsync writes the file's data, waits for it, and then commits the journal of the file
//! system. For many files that is as many commits. If the data of all of them is written
//! first, the first commit covers the others too, and their fsyncs find nothing left to do.
//! On ext4, 64 files of 1 KiB take a fifth of the time.

use std::fs::File;
use std::io;

/// Starts to write what the page cache has of a file and the disk does not. Does nothing on
/// systems other than Linux.
///
/// # Errors
///
/// Any error from starting it. The data is then still to be written.
pub fn start_write_back(file: &File) -> io::Result<()> {
    sync_file_range(file, flags::START)
}

/// Writes what the page cache has of a file and the disk does not, and waits for it. Does
/// nothing on systems other than Linux.
///
/// # Errors
///
/// Any error of a write since the file was opened. A later fsync of this open file does not
/// report it again: as after a failed fsync, the data may be lost.
pub fn write_back(file: &File) -> io::Result<()> {
    sync_file_range(file, flags::START_AND_WAIT)
}

#[cfg(target_os = "linux")]
mod flags {
    pub(super) const START: libc::c_uint = libc::SYNC_FILE_RANGE_WRITE;
    pub(super) const START_AND_WAIT: libc::c_uint = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
}

#[cfg(not(target_os = "linux"))]
mod flags {
    pub(super) const START: u32 = 0;
    pub(super) const START_AND_WAIT: u32 = 0;
}

#[cfg(target_os = "linux")]
fn sync_file_range(file: &File, flags: libc::c_uint) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    // SAFETY: The call reads no memory of this process, and the descriptor is open while
    // `file` is borrowed.
    if unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, flags) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // A pipe, say, or a sandbox or a system that does not have the call.
        Some(libc::ESPIPE | libc::EINVAL | libc::ENOSYS | libc::EPERM) => Ok(()),
        _ => Err(error),
    }
}

#[cfg(not(target_os = "linux"))]
fn sync_file_range(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    #[test]
    fn a_file_that_is_written_back_keeps_its_data() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(b"some data").expect("it is written");
        start_write_back(&file).expect("it can be started");
        write_back(&file).expect("it can be written");
        let mut data = String::new();
        file.rewind().expect("it can be read again");
        file.read_to_string(&mut data).expect("it is text");
        assert_eq!(data, "some data");
    }
}
