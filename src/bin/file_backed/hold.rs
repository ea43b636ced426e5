//! A command that runs while a commit is held still.

use std::ffi::OsString;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use file_backed::dataset::Snapshot;
use file_backed_codecs::printable::PrintablePath;

use super::Result;
use super::found::Found;

/// Runs the command with the files of the commit on its standard input, one a line,
/// relative to the directory. Its exit code is this one's.
pub(crate) fn run(directory: &Path, program: &OsString, words: &[OsString]) -> Result<ExitCode> {
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
            // Names of the library's own, in which nothing is escaped.
            writeln!(input, "{}", PrintablePath(&file))?;
        }
        input.flush()
    });
    // One that does not read its input has its reasons, and an exit code.
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        return Err(error.into());
    }
    // The commit is held until here.
    let status = child.wait()?;
    drop(snapshot);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or_else(|| Found::Unreadable.into(), ExitCode::from))
}
