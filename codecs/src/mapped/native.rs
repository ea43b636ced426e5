//! Slices of archived numbers as slices of Rust's own.

use std::array;
use std::borrow::Cow;

use bytemuck::Pod;
use rkyv::rend::{
    f32_be, f32_le, f64_be, f64_le, i16_be, i16_le, i32_be, i32_le, i64_be, i64_le, i128_be,
    i128_le, u16_be, u16_le, u32_be, u32_le, u64_be, u64_le, u128_be, u128_le, unaligned,
};

/// Numbers as rkyv archives them, and fixed-size arrays of them.
///
/// Implemented for the numbers of `rkyv::rend`, for `u8` and `i8`, and for arrays (and
/// arrays of arrays) of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an archived number",
    note = "numbers are the types of `rkyv::rend`, `u8`, `i8`, and arrays of these; `bool`, `char` and `NonZero` are not, because not all of their bytes are valid values"
)]
pub trait ArchivedNumber: Pod + number::Convert<Self::Native> {
    /// The type that was archived: `f32` for an `f32_le`, `[f32; 3]` for an
    /// `[f32_le; 3]`, and `u32` for an archived `usize` (`u64` with rkyv's feature
    /// `pointer_width_64`).
    type Native: Pod;
}

/// Archived numbers that have the bytes and the alignment of their native type on the
/// machine that the program is compiled for.
///
/// With rkyv's default features and a little-endian machine, that is every
/// [`ArchivedNumber`]. It is never one of the other byte order, nor an unaligned one of
/// more than one byte (`f32_ule`): of these, [`NativeSlice::as_native`] does not compile.
///
/// ```compile_fail
/// # use file_backed_codecs::{NativeSlice, rkyv::rend::unaligned::f32_ule};
/// fn heights(archived: &[f32_ule]) -> &[f32] {
///     archived.as_native() // the trait `NativeLayout` is not implemented for `f32_ule`
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have the bytes and the alignment of a native number on this machine",
    label = "cannot be borrowed as a native number",
    note = "`to_native` converts, and borrows where it can"
)]
pub trait NativeLayout: ArchivedNumber {}

/// Slices of archived numbers as native slices.
///
/// A `Vec<f32>` is archived as `f32_le`s, which have the bytes of `f32`s on a
/// little-endian machine. Code that computes with slices, such as `ndarray`, BLAS or SIMD,
/// takes `&[f32]`. The methods can be called on anything that dereferences to a slice: an
/// `ArchivedVec`, an `ArchivedBox<[_]>`, an array, a [`Mapped<Vec<f32>>`](super::Mapped)
/// or a guard of one.
///
/// | | where the layout is native | elsewhere |
/// |---|---|---|
/// | [`as_native`](Self::as_native) | borrows | does not compile |
/// | [`to_native`](Self::to_native) | borrows | copies |
///
/// The layout is native on little-endian machines, unless a crate of the program enables
/// rkyv's feature `big_endian` or `unaligned`.
///
/// # Examples
///
/// ```
/// # mod file_backed { pub mod fbstore { pub use file_backed_codecs::*; } }
/// use file_backed::fbstore::{Mapped, NativeSlice, bytemuck, rkyv};
///
/// #[derive(rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = file_backed::fbstore::rkyv)]
/// struct Mesh {
///     weights: Vec<f32>,
///     vertices: Vec<[f32; 3]>,
/// }
///
/// fn dot(a: &[f32], b: &[f32]) -> f32 {
///     a.iter().zip(b).map(|(a, b)| a * b).sum()
/// }
///
/// # fn main() -> Result<(), file_backed_codecs::BoxError> {
/// let mesh = Mesh {
///     weights: vec![0.5, 0.25],
///     vertices: vec![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
/// };
/// let mesh = Mapped::new(&mesh)?;
///
/// // Works on every machine; borrowed on little-endian ones.
/// assert_eq!(dot(&mesh.weights.to_native(), &[2.0, 4.0]), 2.0);
///
/// # #[cfg(target_endian = "little")] {
/// // Borrowed, or it does not compile.
/// let vertices: &[[f32; 3]] = mesh.vertices.as_native();
/// let coordinates: &[f32] = vertices.as_flattened();
/// assert_eq!(coordinates, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// let bytes: &[u8] = bytemuck::cast_slice(vertices);
/// assert_eq!(bytes.len(), 24);
/// # }
/// # Ok(())
/// # }
/// ```
pub trait NativeSlice {
    /// An element of the slice.
    type Number: ArchivedNumber;

    /// Borrows the slice. This costs nothing: no byte is read or copied.
    ///
    /// It does not compile where the numbers would have to be converted.
    fn as_native(&self) -> &[<Self::Number as ArchivedNumber>::Native]
    where
        Self::Number: NativeLayout;

    /// Borrows the slice where the numbers have this machine's byte order and are aligned
    /// for it, which costs nothing; converts each number into a new `Vec` elsewhere.
    ///
    /// For a type that is [`NativeLayout`], it always borrows. Unaligned numbers may happen
    /// to be aligned, and are then borrowed too.
    fn to_native(&self) -> Cow<'_, [<Self::Number as ArchivedNumber>::Native]>;
}

impl<T: ArchivedNumber> NativeSlice for [T] {
    type Number = T;

    #[inline]
    fn as_native(&self) -> &[T::Native]
    where
        T: NativeLayout,
    {
        // Never panics: the macro below compares the layouts.
        bytemuck::cast_slice(self)
    }

    #[inline]
    fn to_native(&self) -> Cow<'_, [T::Native]> {
        if T::IS_NATIVE_ORDER
            && let Ok(native) = bytemuck::try_cast_slice(self)
        {
            return Cow::Borrowed(native);
        }
        Cow::Owned(self.iter().map(|&number| number.convert()).collect())
    }
}

/// Cannot be named outside of the crate, so that no other crate can implement the traits.
mod number {
    pub trait Convert<N> {
        /// Whether the bytes are in the order of this machine.
        const IS_NATIVE_ORDER: bool;

        fn convert(self) -> N;
    }
}

macro_rules! number {
    ($archived:ty as $native:ty, $is_native_order:expr, |$number:ident| $convert:expr) => {
        impl ArchivedNumber for $archived {
            type Native = $native;
        }

        impl number::Convert<$native> for $archived {
            const IS_NATIVE_ORDER: bool = $is_native_order;

            #[inline]
            fn convert(self) -> $native {
                let $number = self;
                $convert
            }
        }
    };
}

macro_rules! native_layout {
    ($archived:ty) => {
        impl NativeLayout for $archived {}

        const _: () = {
            type Native = <$archived as ArchivedNumber>::Native;
            assert!(size_of::<$archived>() == size_of::<Native>());
            assert!(align_of::<$archived>() >= align_of::<Native>());
        };
    };
}

macro_rules! numbers {
    ($($native:ty: $le:ident $be:ident $ule:ident $ube:ident;)*) => {$(
        number!($le as $native, cfg!(target_endian = "little"), |it| it.to_native());
        number!($be as $native, cfg!(target_endian = "big"), |it| it.to_native());
        number!(unaligned::$ule as $native, cfg!(target_endian = "little"), |it| it.to_native());
        number!(unaligned::$ube as $native, cfg!(target_endian = "big"), |it| it.to_native());
        #[cfg(target_endian = "little")]
        native_layout!($le);
        #[cfg(target_endian = "big")]
        native_layout!($be);
    )*};
}

numbers! {
    f32: f32_le f32_be f32_ule f32_ube;
    f64: f64_le f64_be f64_ule f64_ube;
    i16: i16_le i16_be i16_ule i16_ube;
    i32: i32_le i32_be i32_ule i32_ube;
    i64: i64_le i64_be i64_ule i64_ube;
    i128: i128_le i128_be i128_ule i128_ube;
    u16: u16_le u16_be u16_ule u16_ube;
    u32: u32_le u32_be u32_ule u32_ube;
    u64: u64_le u64_be u64_ule u64_ube;
    u128: u128_le u128_be u128_ule u128_ube;
}

number!(u8 as u8, true, |it| it);
number!(i8 as i8, true, |it| it);
native_layout!(u8);
native_layout!(i8);

impl<T: ArchivedNumber, const N: usize> ArchivedNumber for [T; N] {
    type Native = [T::Native; N];
}

impl<T: ArchivedNumber, const N: usize> number::Convert<[T::Native; N]> for [T; N] {
    const IS_NATIVE_ORDER: bool = T::IS_NATIVE_ORDER;

    #[inline]
    fn convert(self) -> [T::Native; N] {
        array::from_fn(|at| self[at].convert())
    }
}

// An array has the layout of its elements.
impl<T: NativeLayout, const N: usize> NativeLayout for [T; N] {}
