//! Ranges of names.

use std::ops::Bound;

/// Whether a range ends before it starts, or contains nothing for another reason.
pub(super) fn is_backwards(range: (Bound<&str>, Bound<&str>)) -> bool {
    match range {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
        _ => false,
    }
}

/// The first text in order after all those with a prefix; `None` if no text is.
///
/// The bytes of UTF-8 are in the order of the characters, so it ends with the character
/// after the last one of the prefix.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut after = prefix.to_owned();
    while let Some(last) = after.pop() {
        // Skips the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            after.push(next);
            return Some(after);
        }
    }
    None
}
