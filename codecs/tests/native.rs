//! Archived numbers are native slices, borrowed where their layout is native.

use std::any::TypeId;
use std::borrow::Cow;

use file_backed_codecs::{ArchivedNumber, Mapped, MappedCodec, NativeSlice, bytemuck, frame};
use rkyv::rend::{f32_be, f32_le, i64_be, i64_le, u16_be, u16_le, u128_be, u128_le, unaligned};
use rkyv::{Archive, Archived, Serialize};

use crate::files::{file_of, on_disk};
use crate::mapping::licensed;

/// An `f32` in the byte order of this machine.
#[cfg(target_endian = "little")]
#[expect(non_camel_case_types, reason = "named like the types of rend")]
type f32_native = f32_le;
#[cfg(target_endian = "big")]
#[expect(non_camel_case_types, reason = "named like the types of rend")]
type f32_native = f32_be;

#[derive(Archive, Serialize)]
struct Columns {
    name: String,
    metres: Vec<f32>,
    seconds: Box<[f64]>,
    ports: Vec<u16>,
    offsets: Vec<i64>,
    wide: Vec<u128>,
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    corner: [f32; 3],
    matrix: [[f32; 2]; 2],
    vertices: Vec<[f32; 3]>,
    none: Vec<f64>,
    nothing: Vec<[f32; 0]>,
}

impl Columns {
    fn sample() -> Self {
        Self {
            name: "odd".into(),
            metres: vec![1.5, -0.0, f32::INFINITY],
            seconds: [f64::MIN, 2.25].into(),
            ports: vec![1, 0x0102, u16::MAX],
            offsets: vec![-2, i64::MAX],
            wide: vec![1, u128::MAX - 1],
            bytes: vec![3, 4, 5],
            lengths: vec![6, 7],
            corner: [1.0, 2.0, 3.0],
            matrix: [[1.0, 2.0], [3.0, 4.0]],
            vertices: vec![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            none: vec![],
            nothing: vec![[], []],
        }
    }

    /// The same archive on the heap, read into memory, and mapped.
    fn archived() -> [Mapped<Self>; 3] {
        let _budget = crate::budget::undisturbed();
        let new = Mapped::new(&Self::sample()).unwrap();
        let bytes = file_of(&MappedCodec::heap(), &new);
        let read = frame::read_file(&MappedCodec::heap(), &bytes).unwrap();
        let mapped: Mapped<Self> =
            frame::read_file(&licensed().crossover(0), &on_disk(&bytes)).unwrap();
        assert_eq!(mapped.is_mapped(), cfg!(unix));
        [new, read, mapped]
    }
}

#[test]
fn numbers_of_any_archive_are_converted_to_what_was_archived() {
    let expected = Columns::sample();
    for archived in Columns::archived() {
        assert_eq!(*archived.metres.to_native(), *expected.metres);
        assert_eq!(*archived.seconds.to_native(), *expected.seconds);
        assert_eq!(*archived.ports.to_native(), *expected.ports);
        assert_eq!(*archived.offsets.to_native(), *expected.offsets);
        assert_eq!(*archived.wide.to_native(), *expected.wide);
        assert_eq!(*archived.bytes.to_native(), *expected.bytes);
        assert_eq!(*archived.lengths.to_native(), [6, 7]); // of `u32` or `u64`
        assert_eq!(*archived.corner.to_native(), expected.corner);
        assert_eq!(*archived.matrix.to_native(), expected.matrix);
        assert_eq!(*archived.vertices.to_native(), *expected.vertices);
        assert!(archived.none.to_native().is_empty());
        assert_eq!(archived.nothing.to_native().len(), 2);
    }
}

#[test]
fn numbers_of_an_archive_are_borrowed_where_their_layout_is_native() {
    /// Checks that `numbers` are borrowed in place.
    fn check<T: ArchivedNumber>(numbers: &[T]) {
        let Cow::Borrowed(native) = numbers.to_native() else {
            panic!("the numbers were copied");
        };
        assert_eq!(native.as_ptr().cast::<T>(), numbers.as_ptr());
        assert!(native.as_ptr().is_aligned());
        assert_eq!(native.len(), numbers.len());
    }

    for archived in Columns::archived() {
        check(&archived.bytes);
        if TypeId::of::<Archived<f32>>() != TypeId::of::<f32_native>() {
            continue; // As rkyv is compiled, the other numbers are not native.
        }
        check(&archived.metres);
        check(&archived.seconds);
        check(&archived.ports);
        check(&archived.offsets);
        check(&archived.wide);
        check(&archived.lengths);
        check(&archived.corner);
        check(&archived.matrix);
        check(&archived.vertices);
        check(&archived.none);
        check(&archived.nothing);
    }
}

#[test]
fn a_vector_of_numbers_as_the_root_is_reached_through_the_value() {
    let value = Mapped::new(&vec![1.0f32, 2.0]).unwrap();
    assert_eq!(*value.to_native(), [1.0, 2.0]);
    let value = Mapped::new(&vec![3u8, 4]).unwrap();
    assert_eq!(value.as_native(), [3, 4]);
}

#[test]
fn numbers_of_native_layout_are_borrowed_without_a_choice() {
    let numbers = [1.5, -2.0].map(f32_native::from_native);
    let native: &[f32] = numbers.as_native();
    assert_eq!(native, [1.5, -2.0]);
    assert_eq!(native.as_ptr().cast(), numbers.as_ptr());
    let bytes: &[u8] = bytemuck::cast_slice(native);
    assert_eq!(bytes[..4], 1.5f32.to_ne_bytes());

    let rows = [numbers, numbers];
    let native: &[[f32; 2]] = rows.as_native();
    assert_eq!(native.as_flattened(), [1.5, -2.0, 1.5, -2.0]);

    let none: &[f32] = numbers[2..].as_native();
    assert!(none.is_empty());
    let nothing: [[f32_native; 0]; 3] = [[]; 3];
    let nothing: &[[f32; 0]] = nothing.as_native();
    assert_eq!(nothing.len(), 3);
}

/// The numbers of both byte orders, of which one is not this machine's.
#[test]
fn numbers_of_the_other_byte_order_are_copied() {
    let little = [f32_le::from_native(1.5), f32_le::from_native(-2.0)];
    let big = [f32_be::from_native(1.5), f32_be::from_native(-2.0)];
    assert_eq!(*little.to_native(), [1.5, -2.0]);
    assert_eq!(*big.to_native(), [1.5, -2.0]);
    let is_copied = |numbers: Cow<'_, [f32]>| matches!(numbers, Cow::Owned(_));
    assert_eq!(is_copied(little.to_native()), cfg!(target_endian = "big"));
    assert_eq!(is_copied(big.to_native()), cfg!(target_endian = "little"));

    let big = [[u16_be::from_native(0x0102); 2]; 2];
    assert_eq!(*big.to_native(), [[0x0102; 2]; 2]);
    let little = [[u16_le::from_native(0x0102); 2]; 2];
    assert_eq!(*little.to_native(), [[0x0102; 2]; 2]);
    assert_eq!(*[i64_be::from_native(-2)].to_native(), [-2]);
    assert_eq!(*[i64_le::from_native(-2)].to_native(), [-2]);
    assert_eq!(*[u128_be::from_native(7)].to_native(), [7]);
    assert_eq!(*[u128_le::from_native(7)].to_native(), [7]);
}

/// One of the two offsets is not aligned for an `f32`, whichever it is.
#[test]
fn unaligned_numbers_are_right_at_any_address() {
    fn check<T: ArchivedNumber<Native = f32>>(numbers: &[T], is_native_order: bool) {
        let bytes: &[u8] = bytemuck::cast_slice(numbers);
        let mut moved = vec![0; bytes.len() + 1];
        for offset in [0, 1] {
            moved[offset..][..bytes.len()].copy_from_slice(bytes);
            let numbers: &[T] = bytemuck::cast_slice(&moved[offset..][..bytes.len()]);
            let is_aligned = numbers.as_ptr().cast::<f32>().is_aligned();
            let native = numbers.to_native();
            assert_eq!(*native, [1.5, -2.0]);
            let is_borrowed = matches!(native, Cow::Borrowed(_));
            assert_eq!(is_borrowed, is_native_order && is_aligned);
        }
    }

    check(
        &[1.5, -2.0].map(unaligned::f32_ule::from_native),
        cfg!(target_endian = "little"),
    );
    check(
        &[1.5, -2.0].map(unaligned::f32_ube::from_native),
        cfg!(target_endian = "big"),
    );
}

#[test]
fn generic_code_reads_numbers_of_any_archive() {
    fn sum<T: ArchivedNumber<Native: Into<f64>>>(numbers: &[T]) -> f64 {
        numbers
            .to_native()
            .iter()
            .map(|&number| number.into())
            .sum()
    }

    let [archived, ..] = Columns::archived();
    assert_eq!(sum(&archived.corner), 6.0);
    assert_eq!(sum(&archived.ports), f64::from(1 + 0x0102 + 0xffff));
    assert_eq!(sum(&archived.bytes), 12.0);
}
