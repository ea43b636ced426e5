//! The format that rkyv is compiled to write, and the description of an archive in a
//! footer.

use rkyv::primitive::{ArchivedU32, ArchivedUsize};

use super::{Archivable, numbers};
use crate::aligned::PAGE;
use crate::frame::{ArchiveLayout, FrameError};

/// The pointer width in bytes.
const WIDTH: u16 = 0x000f;
/// Numbers are big-endian.
const BIG_ENDIAN: u16 = 0x0010;
/// Numbers are aligned to single bytes.
const UNALIGNED: u16 = 0x0020;

/// rkyv's format features as compiled, encoded as in a footer. Never 0.
pub(super) fn compiled() -> u16 {
    let mut format = size_of::<ArchivedUsize>() as u16;
    if numbers::are_big_endian() {
        format |= BIG_ENDIAN;
    }
    if align_of::<ArchivedU32>() == 1 {
        format |= UNALIGNED;
    }
    format
}

/// The description in the footer of a file that holds a `T`.
///
/// # Errors
///
/// [`FrameError::Alignment`] if the type needs a larger alignment than a map has.
pub(super) fn layout_of<T: Archivable>() -> Result<ArchiveLayout, FrameError> {
    let align = align_of::<T::Archived>();
    if align > PAGE {
        return Err(FrameError::Alignment { align });
    }
    Ok(ArchiveLayout {
        format: compiled(),
        root_align: align as u32,
        root_size: size_of::<T::Archived>() as u64,
    })
}

/// Checks that an archive whose footer describes it as `found` can hold what `expected`
/// describes.
///
/// # Errors
///
/// [`FrameError::ArchiveFormat`] or [`FrameError::RootLayout`].
pub(super) fn check(expected: ArchiveLayout, found: ArchiveLayout) -> Result<(), FrameError> {
    if found.format != expected.format {
        return Err(FrameError::ArchiveFormat {
            expected: describe(expected.format),
            found: describe(found.format),
        });
    }
    if (found.root_size, found.root_align) != (expected.root_size, expected.root_align) {
        return Err(FrameError::RootLayout {
            expected_size: expected.root_size,
            expected_align: expected.root_align,
            found_size: found.root_size,
            found_align: found.root_align,
        });
    }
    Ok(())
}

fn describe(format: u16) -> String {
    let (width, endian, alignment) = (
        format & WIDTH,
        if format & BIG_ENDIAN == 0 {
            "little"
        } else {
            "big"
        },
        if format & UNALIGNED == 0 {
            "aligned"
        } else {
            "unaligned"
        },
    );
    match (width, format & !(WIDTH | BIG_ENDIAN | UNALIGNED)) {
        (2 | 4 | 8, 0) => format!(
            "{}-bit pointers and {endian}-endian, {alignment} numbers",
            width * 8
        ),
        _ => format!("the unknown format {format:#06x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{BIG_ENDIAN, UNALIGNED, compiled, describe};

    #[test]
    fn archive_formats_are_described_in_words() {
        assert_eq!(
            describe(4),
            "32-bit pointers and little-endian, aligned numbers"
        );
        assert_eq!(
            describe(8 | BIG_ENDIAN | UNALIGNED),
            "64-bit pointers and big-endian, unaligned numbers"
        );
        assert_eq!(describe(0), "the unknown format 0x0000");
        assert_eq!(describe(0x8004), "the unknown format 0x8004");
    }

    #[test]
    fn the_compiled_format_has_a_description() {
        assert!(!describe(compiled()).contains("unknown"));
    }
}
