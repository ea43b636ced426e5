//! The standard output, whose reader may close it early.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;

use file_backed_codecs::printable::{PrintablePath, is_escaped};
use serde_json::Value;

/// Writes a text unchanged.
pub(crate) fn text(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// Writes a value and a newline.
pub(crate) fn json(value: &Value) -> io::Result<()> {
    text(&format!("{}\n", as_json(value)))
}

/// A value on one line. JSON does not escape some characters that a terminal
/// interprets. They can occur only in strings.
pub(crate) fn as_json(value: &Value) -> String {
    let mut text = String::new();
    for char in value.to_string().chars() {
        match is_escaped(char) {
            true => text += &format!("\\u{:04x}", u32::from(char)),
            false => text.push(char),
        }
    }
    text
}

/// A path in JSON. It is exact unless the path is not UTF-8, which JSON cannot
/// represent.
pub(crate) fn path(path: &Path) -> Value {
    match path.to_str() {
        Some(path) => path.into(),
        None => PrintablePath(path).to_string().into(),
    }
}

/// Whether the reader of the output is gone: `file_backed ls DIR | head`.
pub(crate) fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A number of bytes in human-readable form.
pub(crate) fn bytes(bytes: u64) -> String {
    let exact = indicatif::BinaryBytes(bytes);
    match bytes {
        0..1024 => exact.to_string(),
        _ => format!("{exact} ({bytes} bytes)"),
    }
}
