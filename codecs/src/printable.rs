//! Makes text from outside the program safe to print.

use std::fmt::{self, Write as _};
use std::path::Path;

/// Displays a value and escapes the characters that change how a terminal or a log shows
/// the surrounding text: control characters, line separators, and marks that reorder
/// bidirectional text.
///
/// All other characters are unchanged, and so is text that is already escaped.
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

/// Displays a path like [`Printable`], with bytes that are not UTF-8 shown as `\xNN`.
#[derive(Clone, Copy, Debug)]
pub struct PrintablePath<'a>(pub &'a Path);

/// Whether a character is escaped.
pub fn is_escaped(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

impl fmt::Display for PrintablePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_os_str().as_encoded_bytes().utf8_chunks() {
            Escaping(f).write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, char)) = rest.char_indices().find(|(_, char)| is_escaped(*char)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", char.escape_default())?;
            rest = &rest[at + char.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_escaped_and_other_text_is_kept() {
        let text = "a\u{1b}[31m\n\t\r\0\u{7f}\u{9b}\u{202e}\u{2066}\u{2028}z";
        let shown = "a\\u{1b}[31m\\n\\t\\r\\u{0}\\u{7f}\\u{9b}\\u{202e}\\u{2066}\\u{2028}z";
        assert_eq!(Printable(text).to_string(), shown);
        assert_eq!(Printable(shown).to_string(), shown);
        assert_eq!(PrintablePath(Path::new(text)).to_string(), shown);
        let ordinary = r"C:\Größe/日本語/שלום/'quoted' 🦀";
        assert_eq!(Printable(ordinary).to_string(), ordinary);
        assert_eq!(PrintablePath(Path::new(ordinary)).to_string(), ordinary);
    }

    #[cfg(unix)]
    #[test]
    fn non_utf_8_bytes_of_a_path_are_shown_as_hex_escapes() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xff\xc3/\x1b\xe2\x82"));
        assert_eq!(PrintablePath(path).to_string(), r"a\xff\xc3/\u{1b}\xe2\x82");
    }
}
