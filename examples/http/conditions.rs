//! What the conditions and the range of a request ask for.

use std::ops::Range;

use headers::{ETag, HeaderMap, HeaderMapExt as _, IfNoneMatch, IfRange};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use hyper::header;

/// What to answer a request with.
pub(crate) enum Asked {
    /// Nothing: the client has the value already.
    Known,
    Whole,
    /// Not empty, and within the value.
    Part(Range<usize>),
    /// A range that the value does not have.
    Unsatisfiable,
}

impl Asked {
    /// What these headers ask for of a value of `len` bytes. A range that is malformed, or
    /// one of several, may be ignored, and is.
    pub(crate) fn by(headers: &HeaderMap, etag: &ETag, len: usize) -> Self {
        let known = headers.typed_get::<IfNoneMatch>();
        if known.is_some_and(|known| !known.precondition_passes(etag)) {
            return Self::Known;
        }
        let is_of_this = match headers.typed_try_get::<IfRange>() {
            Ok(Some(of)) => !of.is_modified(Some(etag), None),
            Ok(None) => true,
            Err(_) => false,
        };
        let mut ranges = headers.get_all(header::RANGE).iter();
        match (ranges.next(), ranges.next()) {
            (Some(range), None) if is_of_this => {
                Self::range(range.to_str().unwrap_or_default(), len)
            }
            _ => Self::Whole,
        }
    }

    fn range(range: &str, len: usize) -> Self {
        let Ok(parsed) = parse_range_header(range) else {
            return Self::Whole;
        };
        match parsed.validate(len as u64).as_deref() {
            Ok([range]) if parsed.len() == 1 => {
                Self::Part(*range.start() as usize..*range.end() as usize + 1)
            }
            Err(RangeUnsatisfiableError::Unsatisfiable) => Self::Unsatisfiable,
            _ => Self::Whole,
        }
    }
}
