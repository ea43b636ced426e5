//! Runs a command while a commit is pinned.

use std::ffi::OsString;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use file_backed::dataset::Snapshot;
use file_backed_codecs::printable::PrintablePath;

use super::Result;
use super::found::Found;

/// Runs the command with the files of the commit on its standard input, one per line
/// and relative to the directory. Returns the command's exit code.
pub(crate) fn run(directory: &Path, command: &[OsString]) -> Result<ExitCode> {
    let (program, words) = command.split_first().ok_or("no command to run given")?;
    let snapshot = Snapshot::blocking_open(directory)?;
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let program = PrintablePath(Path::new(program));
            format!("could not run {program}: {error}")
        })?;
    let written = child.stdin.take().map_or(Ok(()), |input| {
        let mut input = BufWriter::new(input);
        for file in snapshot.files() {
            // The names are the library's own, so nothing in them is escaped.
            writeln!(input, "{}", PrintablePath(&file))?;
        }
        input.flush()
    });
    // A command may ignore its input. Its exit code says whether it failed.
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        return Err(error.into());
    }
    // The commit stays pinned until here.
    let status = child.wait()?;
    drop(snapshot);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or_else(|| Found::Unreadable.into(), ExitCode::from))
}
