//! A deserializer that a file of anything cannot lead astray.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Bytes of stack that one decoding may use. A thread has 2 MiB unless told
/// otherwise, and the main thread of some systems 1 MiB: this leaves room there
/// for the callers, and for the frames of the last level.
const STACK: usize = 768 * 1024;

/// Elements of sequences and maps that one value may hold beyond those that its
/// bytes pay for: elements such as `()` take no bytes.
const FREE_ELEMENTS: usize = 65_536;

/// Stands around a deserializer, and around everything that serde hands on from
/// it (visitors, seeds, access objects), and changes four things:
///
/// * Strings and byte buffers are borrowed from the input and then copied.
///   Asked for an owned one, bincode reserves whatever length the input states,
///   and the process aborts where there is not so much memory; asked to
///   borrow, it compares the length with what is left.
/// * A sequence is announced with no more elements than the input has bytes, to
///   visitors that reserve room for as many as are announced.
/// * A sequence or map whose stated length the input cannot pay for is refused
///   before its first element, which may take no bytes and come without end.
/// * Containers nest no deeper than [`STACK`] allows.
pub(crate) struct Bounded<'b, X> {
    inner: X,
    budget: &'b Budget,
}

/// What one decoding may use.
pub(crate) struct Budget {
    /// The address that the stack stays above: it grows downwards wherever Rust
    /// runs.
    floor: usize,
    /// Length of the input in bytes.
    len: usize,
    /// Elements that the sequences and maps to come may hold.
    ///
    /// One count for the whole value: elements that take no bytes could
    /// otherwise fill each of many short sequences. All others are fewer than
    /// the input has bytes. Each can be told apart by a byte of its own, which
    /// is the length of a sequence inside of it or else any that it takes.
    elements: Cell<usize>,
}

impl Budget {
    /// Of a decoding that begins here, from `len` bytes.
    pub(crate) fn new(len: usize) -> Self {
        Self {
            floor: stack_address().saturating_sub(STACK),
            len,
            elements: Cell::new(len.saturating_add(FREE_ELEMENTS)),
        }
    }

    /// Begins a value of type `T`.
    pub(crate) fn seed<T>(&self) -> Bounded<'_, PhantomData<T>> {
        Bounded {
            inner: PhantomData,
            budget: self,
        }
    }

    /// Refuses to go on where the stack could end.
    fn descend<E: Error>(&self) -> Result<(), E> {
        if stack_address() > self.floor {
            Ok(())
        } else {
            Err(too_deep())
        }
    }

    /// Takes a sequence or map of so many elements out of the budget.
    fn pay<E: Error>(&self, elements: Option<usize>) -> Result<(), E> {
        let elements = elements.unwrap_or(0);
        match self.elements.get().checked_sub(elements) {
            Some(left) => {
                self.elements.set(left);
                Ok(())
            }
            None => Err(too_many(elements, self.len)),
        }
    }
}

/// An address in the frame of the caller, or right below it. A black box around
/// it would make the decoder write its state to memory for each container.
#[inline(always)]
fn stack_address() -> usize {
    let local = 0_u8;
    (&raw const local).addr()
}

#[cold]
#[inline(never)]
fn too_deep<E: Error>() -> E {
    E::custom(format_args!(
        "the value nests too deep: decoding takes more than {} KiB of stack; a value that is meant to be so deep can be stored as a list whose items refer to each other by index",
        STACK / 1024
    ))
}

#[cold]
#[inline(never)]
fn too_many<E: Error>(elements: usize, len: usize) -> E {
    E::custom(format_args!(
        "a length of {elements} is more than a payload of {len} bytes can hold, where {FREE_ELEMENTS} elements more than bytes are allowed for those that take none; a value that is meant to hold so many can be stored as their number"
    ))
}

impl<'b, X> Bounded<'b, X> {
    fn with<Y>(&self, inner: Y) -> Bounded<'b, Y> {
        Bounded {
            inner,
            budget: self.budget,
        }
    }

    /// Goes one container deeper, with `inner`.
    fn enter<Y, E: Error>(&self, inner: Y) -> Result<Bounded<'b, Y>, E> {
        self.budget.descend()?;
        Ok(self.with(inner))
    }

    fn announce(&self, elements: Option<usize>) -> Option<usize> {
        elements.map(|elements| elements.min(self.budget.len))
    }
}

macro_rules! leaves {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

macro_rules! containers {
    ($($method:ident($($arg:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($arg: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            let visitor = self.enter(visitor)?;
            self.inner.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    leaves! {
        deserialize_any deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_bytes deserialize_unit
        deserialize_identifier deserialize_ignored_any
    }

    containers! {
        deserialize_option()
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = Paying(self.enter(visitor)?);
        self.inner.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = Paying(self.enter(visitor)?);
        self.inner.deserialize_map(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_str(Owning(visitor))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_bytes(Owning(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Whatever a container's visitor is handed, it gets bounded.
impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.inner.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.inner.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.inner.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.inner.visit_map(access)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.inner.visit_enum(access)
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Bounded<'_, PhantomData<T>> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(self.with(deserializer))
    }
}

/// A seed that somebody else made.
struct Seed<'b, S>(Bounded<'b, S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.0.with(deserializer);
        self.0.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = Seed(self.with(seed));
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.announce(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = Seed(self.with(seed));
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = Seed(self.with(seed));
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.announce(self.inner.size_hint())
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let seed = Seed(self.with(seed));
        let budget = self.budget;
        let (value, inner) = self.inner.variant_seed(seed)?;
        Ok((value, Bounded { inner, budget }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = Seed(self.with(seed));
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}

/// The visitor of a container whose length the input states.
struct Paying<'b, V>(Bounded<'b, V>);

impl<'de, V: Visitor<'de>> Visitor<'de> for Paying<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.budget.pay(access.size_hint())?;
        self.0.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.budget.pay(access.size_hint())?;
        self.0.visit_map(access)
    }
}

/// Hands a borrowed string or byte slice on as the owned one that was asked
/// for.
struct Owning<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Owning<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_string(text.to_owned())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        self.0.visit_byte_buf(bytes.to_owned())
    }
}
