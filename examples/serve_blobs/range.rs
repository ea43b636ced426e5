//! The Range header of HTTP.

use std::ops::Range;

/// What of a blob a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// Not empty, and within the blob.
    Range(Range<usize>),
    /// Nothing that the blob has.
    Unsatisfiable,
}

impl Part {
    /// Reads the header of a request for a blob of `len` bytes. One that is
    /// malformed, or asks for several ranges, may be ignored, and is.
    pub(crate) fn of(header: &str, len: usize) -> Self {
        Self::parse(header, len).unwrap_or(Self::Whole)
    }

    fn parse(header: &str, len: usize) -> Option<Self> {
        let (unit, range) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let range = match range.trim().split_once('-')? {
            ("", last) => len.saturating_sub(number(last)?)..len,
            (first, "") => number(first)?..len,
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                first..len.min(last.saturating_add(1))
            }
        };
        Some(if range.is_empty() {
            Self::Unsatisfiable
        } else {
            Self::Range(range)
        })
    }
}

/// A number too large to hold is beyond the end of every blob.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}
