//! A serializer that refuses to write what could not be read back.

use std::cell::Cell;

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{FREE_ELEMENTS, MOST_LEVELS, too_deep, too_many, with_stack};

/// The serializer checks for enough stack once per this many levels.
const LEVELS_AT_ONCE: u32 = 8;

/// A value or a serializer, together with its depth and the element count.
///
/// Both are passed by value, so that they stay in registers. Numbers, strings and bytes
/// are passed to the inner serializer without any extra work.
pub(crate) struct Bounded<'b, X> {
    inner: X,
    /// Number of enclosing containers.
    level: u32,
    /// Elements of sequences and maps counted so far.
    elements: &'b Cell<u64>,
}

/// Encodes `value` with `encode`, which receives a wrapper for it and returns the number
/// of bytes written.
pub(crate) fn encode<T: Serialize + ?Sized, E: Error>(
    value: &T,
    encode: impl FnOnce(Bounded<'_, &T>) -> Result<u64, E>,
) -> Result<(), E> {
    let elements = Cell::new(0);
    let bounded = Bounded {
        inner: value,
        level: 0,
        elements: &elements,
    };
    let len = with_stack(0, || encode(bounded))?;
    if elements.get() > len.saturating_add(FREE_ELEMENTS) {
        return Err(E::custom(too_many(len)));
    }
    Ok(())
}

impl<T: Serialize + ?Sized> Serialize for Bounded<'_, &T> {
    #[inline(always)]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let serializer = self.place(serializer);
        if self.level % LEVELS_AT_ONCE == LEVELS_AT_ONCE - 1 {
            return serialize_with_stack(self.inner, serializer);
        }
        self.inner.serialize(serializer)
    }
}

/// Kept out of the common path, which is a copy for a number.
#[cold]
#[inline(never)]
fn serialize_with_stack<T: Serialize + ?Sized, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    with_stack(0, || value.serialize(serializer))
}

impl<'b, X> Bounded<'b, X> {
    /// Wraps something else at the same level.
    #[inline(always)]
    fn place<Y>(&self, inner: Y) -> Bounded<'b, Y> {
        Bounded {
            inner,
            level: self.level,
            elements: self.elements,
        }
    }

    /// Enters a container.
    #[inline(always)]
    fn within<E: Error>(&self) -> Result<Bounded<'b, ()>, E> {
        if self.level == MOST_LEVELS {
            return Err(refused());
        }
        let mut within = self.place(());
        within.level += 1;
        Ok(within)
    }

    fn count(&self, elements: Option<usize>) {
        let elements = elements.map_or(0, |elements| elements as u64);
        let all = self.elements.get().saturating_add(elements);
        self.elements.set(all);
    }
}

#[cold]
#[inline(never)]
fn refused<E: Error>() -> E {
    E::custom(too_deep(MOST_LEVELS))
}

macro_rules! leaves {
    ($($method:ident($type:ty))*) => {$(
        #[inline(always)]
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

impl<'b, S: Serializer> Serializer for Bounded<'b, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Bounded<'b, S::SerializeSeq>;
    type SerializeTuple = Bounded<'b, S::SerializeTuple>;
    type SerializeTupleStruct = Bounded<'b, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Bounded<'b, S::SerializeTupleVariant>;
    type SerializeMap = Bounded<'b, S::SerializeMap>;
    type SerializeStruct = Bounded<'b, S::SerializeStruct>;
    type SerializeStructVariant = Bounded<'b, S::SerializeStructVariant>;

    leaves! {
        serialize_bool(bool)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128)
        serialize_f32(f32) serialize_f64(f64) serialize_char(char)
        serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.within()?.place(value);
        self.inner.serialize_some(&value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.within()?.place(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.within()?.place(value);
        (self.inner).serialize_newtype_variant(name, index, variant, &value)
    }

    #[inline(always)]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let within = self.within()?;
        within.count(len);
        Ok(within.place(self.inner.serialize_seq(len)?))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let within = self.within()?;
        within.count(len);
        Ok(within.place(self.inner.serialize_map(len)?))
    }

    #[inline(always)]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let within = self.within()?;
        Ok(within.place(self.inner.serialize_tuple(len)?))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let within = self.within()?;
        Ok(within.place(self.inner.serialize_tuple_struct(name, len)?))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let within = self.within()?;
        let inner = (self.inner).serialize_tuple_variant(name, index, variant, len)?;
        Ok(within.place(inner))
    }

    #[inline(always)]
    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        let within = self.within()?;
        Ok(within.place(self.inner.serialize_struct(name, len)?))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let within = self.within()?;
        let inner = (self.inner).serialize_struct_variant(name, index, variant, len)?;
        Ok(within.place(inner))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! containers {
    ($($container:ident::$method:ident)*) => {$(
        impl<C: $container> $container for Bounded<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let value = self.place(value);
                self.inner.$method(&value)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

containers! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

impl<C: SerializeMap> SerializeMap for Bounded<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        let key = self.place(key);
        self.inner.serialize_key(&key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = self.place(value);
        self.inner.serialize_value(&value)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

/// The file does not contain field names, so no field may be missing.
#[cold]
fn skipped<E: Error>(field: &'static str) -> E {
    E::custom(format_args!(
        "the field `{field}` was skipped (`skip_serializing_if`), so a reader could not distinguish it from the next one: write all fields, or use another codec for the type"
    ))
}

macro_rules! structs {
    ($($container:ident)*) => {$(
        impl<C: $container> $container for Bounded<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline(always)]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                let value = self.place(value);
                self.inner.serialize_field(key, &value)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                Err(skipped(key))
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

structs! {
    SerializeStruct
    SerializeStructVariant
}
