//! The standard output, whose reader may close it early.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use file_backed_codecs::printable::{Printable, PrintablePath, is_escaped};
use serde_json::Value;

/// Writes a text unchanged.
pub(crate) fn text(text: &str) -> io::Result<()> {
    bytes_as_they_are(text.as_bytes())
}

/// Writes bytes that may be anything: the caller has asked [`is_terminal`].
pub(crate) fn bytes_as_they_are(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Whether the output is shown by a terminal, which interprets escape sequences.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Lines that are written many at a time, so that a long output neither takes a call for each
/// nor is held in memory whole.
#[derive(Default)]
pub(crate) struct Lines {
    text: String,
}

impl Lines {
    /// How many bytes of text are written at once.
    const ENOUGH: usize = 1 << 16;

    /// Adds a line, without its newline.
    pub(crate) fn push(&mut self, line: &str) -> io::Result<()> {
        self.text.push_str(line);
        self.text.push('\n');
        match self.text.len() {
            ..Self::ENOUGH => Ok(()),
            _ => self.write(),
        }
    }

    /// Writes what was not written yet.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        text(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

/// Writes a value and a newline.
pub(crate) fn json(value: &Value) -> io::Result<()> {
    text(&format!("{}\n", as_json(value)))
}

/// A value on one line.
pub(crate) fn as_json(value: &Value) -> String {
    escape_json(&value.to_string())
}

/// Escapes what JSON leaves as it is, but a terminal interprets. It can occur only in
/// strings.
pub(crate) fn escape_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        match is_escaped(char) {
            true => text += &format!("\\u{:04x}", u32::from(char)),
            false => text.push(char),
        }
    }
    text
}

/// A text of several lines, with its control characters escaped.
pub(crate) fn lines(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        format!("{}{end}", Printable(line))
    });
    lines.collect()
}

/// A name of an item. It is quoted if it could be taken for something else: if it has
/// white space, a quote, a comma or a character that is escaped.
pub(crate) fn name(name: &str) -> String {
    let is_plain = |char: char| {
        !char.is_whitespace() && !is_escaped(char) && !matches!(char, '"' | '\\' | ',' | '(' | ')')
    };
    if name.chars().all(is_plain) {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for char in name.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            _ => quoted += &Printable(char).to_string(),
        }
    }
    quoted.push('"');
    quoted
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
