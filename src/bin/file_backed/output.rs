//! The standard output, whose reader may have seen enough.

use std::error::Error;
use std::io::{self, Write as _};

use serde_json::Value;

/// Writes a text as it is.
pub(crate) fn text(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// Writes a value, and ends the line.
pub(crate) fn json(value: &Value) -> io::Result<()> {
    text(&format!("{value}\n"))
}

/// Whether the reader of the output is gone: `file_backed ls DIR | head`.
pub(crate) fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A number of bytes, as people say it.
pub(crate) fn bytes(bytes: u64) -> String {
    let exact = indicatif::BinaryBytes(bytes);
    match bytes {
        0..1024 => exact.to_string(),
        _ => format!("{exact} ({bytes} bytes)"),
    }
}
