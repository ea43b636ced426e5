//! Advice for errors that the operating system returns.

use std::io::{self, ErrorKind};

use super::Operation;

/// What to do about an error of the system that `operation` met at a path. `None` if
/// the error speaks for itself, or no advice is known.
pub(super) fn of(operation: Operation, error: &io::Error) -> Option<&'static str> {
    if operation == Operation::PrepareTemporary && is_of_the_place(error.kind()) {
        return Some("set `TMPDIR` to a directory that this process may write to");
    }
    // An error with a custom text already says what to do.
    if error.get_ref().is_some() {
        return None;
    }
    match error.kind() {
        ErrorKind::NotFound => of_missing(operation),
        ErrorKind::PermissionDenied => Some(of_permission(operation)),
        ErrorKind::ReadOnlyFilesystem => Some(of_read_only(operation)),
        ErrorKind::NotADirectory => Some(of_no_directory(operation)),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(match operation {
            Operation::Write => "free some space, and try again: the value stays in memory",
            _ => "free some space, and try again",
        }),
        ErrorKind::FileTooLarge => {
            Some("raise the file size limit (`ulimit -f`), or make the value smaller")
        }
        _ => of_number(error),
    }
}

/// Whether another location would help.
fn is_of_the_place(kind: ErrorKind) -> bool {
    use ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    matches!(
        kind,
        NotFound | PermissionDenied | ReadOnlyFilesystem | NotADirectory | StorageFull
    )
}

fn of_missing(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Prepare | Operation::Adopt => Some("check the path"),
        Operation::PrepareToRead => {
            Some("check the path: only `PreparedPath::open` creates directories")
        }
        Operation::Load => {
            Some("it was deleted from outside: restore it from a copy, or insert the value again")
        }
        Operation::Register | Operation::RegisterAll | Operation::Sync => Some(
            "it was deleted from outside: restore it from a copy, or remove the item with \
             `delete_persisted`",
        ),
        Operation::Persist => {
            Some("it was deleted from outside: insert the value again, and persist the new item")
        }
        Operation::Track | Operation::OpenStore | Operation::FreeSpace => Some(
            "it was deleted from outside after it was opened: open it again with \
             `PreparedPath::open`",
        ),
        #[cfg(feature = "dataset")]
        Operation::Verify | Operation::Inspect | Operation::Copy => {
            Some("restore it from a copy of the directory")
        }
        _ => None,
    }
}

fn of_permission(operation: Operation) -> &'static str {
    match operation {
        Operation::Prepare => {
            "give this process's user write access, or read the persisted items with \
             `PreparedPath::open_read_only`"
        }
        Operation::Track => {
            "give this process's user access, including write access unless it only reads with \
             `track_read_only` (a dataset with `Dataset::open_read_only`)"
        }
        #[cfg(feature = "dataset")]
        Operation::OpenDataset => {
            "give this process's user access, including write access unless it only reads with \
             `Dataset::open_read_only`"
        }
        #[cfg(feature = "dataset")]
        Operation::Verify | Operation::Inspect => "give this process's user read access",
        Operation::PrepareToRead | Operation::Load | Operation::Adopt => {
            "give this process's user read access"
        }
        _ => "give this process's user write access",
    }
}

fn of_read_only(operation: Operation) -> &'static str {
    match operation {
        Operation::Prepare => {
            "mount the file system writable, or read the persisted items with \
             `PreparedPath::open_read_only`"
        }
        Operation::Track => {
            "mount the file system writable, or read it with `track_read_only` (a dataset with \
             `Dataset::open_read_only`)"
        }
        #[cfg(feature = "dataset")]
        Operation::OpenDataset => {
            "mount the file system writable, or read it with `Dataset::open_read_only`"
        }
        _ => "mount the file system writable",
    }
}

fn of_no_directory(operation: Operation) -> &'static str {
    match operation {
        Operation::Prepare => "a part of the path is a file: move it away, or use another path",
        Operation::PrepareToRead => "give the path of a directory",
        _ => "a file is where a directory should be: move it away, and open the directory again",
    }
}

/// Advice for error numbers that have no `ErrorKind`.
#[cfg(unix)]
fn of_number(error: &io::Error) -> Option<&'static str> {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error)? {
        Errno::IO => Some("the disk or its file system is failing: see the system log"),
        Errno::MFILE => Some("raise the limit on open files (`ulimit -n`)"),
        Errno::NFILE => Some("raise the system-wide limit on open files (`fs.file-max`)"),
        _ => None,
    }
}

#[cfg(not(unix))]
fn of_number(_: &io::Error) -> Option<&'static str> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io;

    use uuid::Uuid;

    use super::Operation;
    use crate::Error;
    use crate::error::StoreError;

    /// The system's text, and the advice after it.
    fn told(operation: Operation, error: io::Error) -> String {
        let error = StoreError::from(error).at("/place");
        let key = Uuid::from_u128(0xab << 120);
        let error = Error::of_key(operation, key, error);
        let before = format!(
            "could not {} item {} (/place): ",
            operation.verb(),
            key.simple()
        );
        let text = error.to_string();
        let rest = text.strip_prefix(&before).expect("operation, key and path");
        rest.to_owned()
    }

    /// ENOSPC, EDQUOT, EROFS, EACCES, EIO, EMFILE, ENFILE, EFBIG, ENOTDIR.
    #[test]
    fn advice_follows_each_error_of_the_system() {
        for (operation, number, text) in [
            (
                Operation::Write,
                28,
                "No space left on device (os error 28): free some space, and try again: the value stays in memory",
            ),
            (
                Operation::Persist,
                122,
                "Disk quota exceeded (os error 122): free some space, and try again",
            ),
            (
                Operation::Prepare,
                30,
                "Read-only file system (os error 30): mount the file system writable, or read the persisted items with `PreparedPath::open_read_only`",
            ),
            (
                Operation::Track,
                30,
                "Read-only file system (os error 30): mount the file system writable, or read it with `track_read_only` (a dataset with `Dataset::open_read_only`)",
            ),
            (
                Operation::Write,
                30,
                "Read-only file system (os error 30): mount the file system writable",
            ),
            (
                Operation::Prepare,
                13,
                "Permission denied (os error 13): give this process's user write access, or read the persisted items with `PreparedPath::open_read_only`",
            ),
            (
                Operation::PrepareToRead,
                13,
                "Permission denied (os error 13): give this process's user read access",
            ),
            (
                Operation::Load,
                13,
                "Permission denied (os error 13): give this process's user read access",
            ),
            (
                Operation::Track,
                13,
                "Permission denied (os error 13): give this process's user access, including write access unless it only reads with `track_read_only` (a dataset with `Dataset::open_read_only`)",
            ),
            (
                Operation::Register,
                13,
                "Permission denied (os error 13): give this process's user write access",
            ),
            (
                Operation::Load,
                5,
                "Input/output error (os error 5): the disk or its file system is failing: see the system log",
            ),
            (
                Operation::Load,
                24,
                "Too many open files (os error 24): raise the limit on open files (`ulimit -n`)",
            ),
            (
                Operation::Load,
                23,
                "Too many open files in system (os error 23): raise the system-wide limit on open files (`fs.file-max`)",
            ),
            (
                Operation::Write,
                27,
                "File too large (os error 27): raise the file size limit (`ulimit -f`), or make the value smaller",
            ),
            (
                Operation::Write,
                20,
                "Not a directory (os error 20): a file is where a directory should be: move it away, and open the directory again",
            ),
            (
                Operation::Persist,
                2,
                "No such file or directory (os error 2): it was deleted from outside: insert the value again, and persist the new item",
            ),
        ] {
            assert_eq!(told(operation, io::Error::from_raw_os_error(number)), text);
        }
    }

    #[test]
    fn no_advice_follows_an_error_with_its_own_text() {
        let error = io::Error::new(io::ErrorKind::NotFound, "no such tile");
        assert_eq!(told(Operation::Load, error), "no such tile");
    }

    /// A custom store names no path, and its errors have their own meaning.
    #[test]
    fn no_advice_follows_an_error_of_a_custom_store() {
        let error = io::Error::from(io::ErrorKind::NotFound);
        let error = Error::new(Operation::Load, error);
        assert_eq!(error.to_string(), "could not load: entity not found");
    }
}
