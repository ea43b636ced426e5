//! Reading the numbers that rkyv's collections consist of from the bytes of an archive.

use std::any::TypeId;

use rkyv::primitive::{ArchivedIsize, ArchivedU16, ArchivedUsize, FixedIsize, FixedUsize};
use rkyv::rend::{u16_be, unaligned::u16_ube};

/// Size of an archived `usize` and of a relative pointer, in bytes.
pub(super) const WIDTH: usize = size_of::<ArchivedUsize>();

/// Their alignment.
pub(super) const ALIGN: usize = align_of::<ArchivedUsize>();

const _: () = assert!(
    size_of::<ArchivedIsize>() == WIDTH && align_of::<ArchivedIsize>() == ALIGN,
    "pointers and lengths have the same layout"
);

/// Whether numbers are big-endian, as compiled.
pub(super) fn are_big_endian() -> bool {
    let number = TypeId::of::<ArchivedU16>();
    number == TypeId::of::<u16_be>() || number == TypeId::of::<u16_ube>()
}

/// The archived `usize` at `at`, if there is one. It is truncated like rkyv does if this
/// machine's `usize` is smaller.
#[inline]
pub(super) fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = *bytes.get(at..)?.first_chunk()?;
    let number = match are_big_endian() {
        true => FixedUsize::from_be_bytes(bytes),
        false => FixedUsize::from_le_bytes(bytes),
    };
    Some(number as usize)
}

/// The archived offset of a relative pointer at `at`, if there is one; truncated in the
/// same way.
#[inline]
pub(super) fn offset(bytes: &[u8], at: usize) -> Option<isize> {
    let bytes = *bytes.get(at..)?.first_chunk()?;
    let number = match are_big_endian() {
        true => FixedIsize::from_be_bytes(bytes),
        false => FixedIsize::from_le_bytes(bytes),
    };
    Some(number as isize)
}

#[cfg(test)]
mod tests {
    use super::{length, offset};

    #[test]
    fn numbers_are_read_as_rkyv_writes_them() {
        let lengths = rkyv::to_bytes::<rkyv::rancor::BoxedError>(&[1usize, 0x0102]).unwrap();
        assert_eq!(length(&lengths, 0), Some(1));
        assert_eq!(length(&lengths, super::WIDTH), Some(0x0102));
        assert_eq!(length(&lengths, super::WIDTH + 1), None);
        assert_eq!(length(&lengths, usize::MAX), None);
        let offsets = rkyv::to_bytes::<rkyv::rancor::BoxedError>(&[-2isize]).unwrap();
        assert_eq!(offset(&offsets, 0), Some(-2));
        assert_eq!(offset(&offsets, 1), None);
    }
}
