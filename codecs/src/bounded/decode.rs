//! A deserializer that bounds what a malformed or foreign file can do.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{COPIES, FREE_ELEMENTS, RED_ZONE, too_deep, too_many, with_stack};

/// Most nested containers in a value that is read.
const MOST_LEVELS: u32 = 2 * super::MOST_LEVELS;

/// Wraps a deserializer, and everything that serde passes on from it (visitors, seeds,
/// access objects), and changes four things:
///
/// * Strings and byte buffers are borrowed from the input and then copied. Asked for an
///   owned one, bincode reserves whatever length the input states, which aborts the
///   process if there is not enough memory. Asked for a borrowed one, it checks the
///   length against the rest of the input.
/// * The size hint of a sequence or map is at most the length of the input in bytes,
///   because visitors reserve memory for that many elements.
/// * A sequence or map whose stated length exceeds the element budget is refused before
///   its first element. Its elements may take no bytes, and so could continue without
///   end.
/// * Containers nest at most [`MOST_LEVELS`] deep, and there is stack for each level.
pub(crate) struct Bounded<'b, X> {
    inner: X,
    /// Number of enclosing containers.
    level: u32,
    budget: &'b Budget,
}

/// The budget of one decoding.
pub(crate) struct Budget {
    /// The stack address below which a new segment is allocated. The stack grows
    /// downwards on all platforms that Rust supports.
    floor: Cell<usize>,
    /// Length of the input in bytes.
    len: usize,
    /// Elements that further sequences and maps may hold.
    ///
    /// There is one count for the whole value. Otherwise elements that take no bytes
    /// could fill each of many short sequences. All other elements are fewer than the
    /// input has bytes: each can be assigned a byte of its own, namely one of the length
    /// of a sequence inside it, or else any byte that it takes.
    elements: Cell<u64>,
}

impl Budget {
    /// Creates the budget for decoding `len` bytes on the current stack.
    pub(crate) fn new(len: usize) -> Self {
        Self {
            floor: Cell::new(floor()),
            len,
            elements: Cell::new((len as u64).saturating_add(FREE_ELEMENTS)),
        }
    }

    /// Starts a value of type `T`.
    pub(crate) fn seed<T>(&self) -> Bounded<'_, PhantomData<T>> {
        Bounded {
            inner: PhantomData,
            level: 0,
            budget: self,
        }
    }

    /// Runs `decode`, which creates a `T`, with enough stack for it.
    #[inline(always)]
    fn with_stack<T, R>(&self, decode: impl FnOnce() -> R) -> R {
        let needed = size_of::<T>().saturating_mul(COPIES);
        if stack_address() > self.floor.get().saturating_add(needed) {
            return decode();
        }
        self.grow::<T, R>(decode)
    }

    #[cold]
    #[inline(never)]
    fn grow<T, R>(&self, decode: impl FnOnce() -> R) -> R {
        let before = self.floor.get();
        let decoded = with_stack(size_of::<T>(), || {
            self.floor.set(floor());
            decode()
        });
        self.floor.set(before);
        decoded
    }

    /// Deducts a sequence or map of this many elements from the budget.
    fn pay<E: Error>(&self, elements: Option<usize>) -> Result<(), E> {
        let elements = elements.map_or(0, |elements| elements as u64);
        match self.elements.get().checked_sub(elements) {
            Some(left) => {
                self.elements.set(left);
                Ok(())
            }
            None => Err(E::custom(too_many(self.len as u64))),
        }
    }
}

/// An address in the caller's frame, or right below it. There is no `black_box` around
/// it, because that would make the decoder spill its state to memory for every container.
#[inline(always)]
fn stack_address() -> usize {
    let local = 0_u8;
    (&raw const local).addr()
}

/// The address that this thread's stack should stay above. If the system does not report
/// the size of the stack, the remaining stack is checked for each container.
fn floor() -> usize {
    let here = stack_address();
    match stacker::remaining_stack() {
        Some(remaining) => here.saturating_sub(remaining).saturating_add(RED_ZONE),
        None => usize::MAX,
    }
}

#[cold]
#[inline(never)]
fn refused<E: Error>() -> E {
    E::custom(too_deep(MOST_LEVELS))
}

impl<'b, X> Bounded<'b, X> {
    #[inline(always)]
    fn with<Y>(&self, inner: Y) -> Bounded<'b, Y> {
        Bounded {
            inner,
            level: self.level,
            budget: self.budget,
        }
    }

    /// Enters a container, with `inner`.
    #[inline(always)]
    fn within<Y, E: Error>(&self, inner: Y) -> Result<Bounded<'b, Y>, E> {
        if self.level == MOST_LEVELS {
            return Err(refused());
        }
        let mut within = self.with(inner);
        within.level += 1;
        Ok(within)
    }

    fn announce(&self, elements: Option<usize>) -> Option<usize> {
        elements.map(|elements| elements.min(self.budget.len))
    }
}

macro_rules! leaves {
    ($($method:ident)*) => {$(
        #[inline(always)]
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
            let (visitor, budget) = (self.within(visitor)?, self.budget);
            budget.with_stack::<V::Value, _>(|| self.inner.$method($($arg,)* visitor))
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
        let (visitor, budget) = (Paying(self.within(visitor)?), self.budget);
        budget.with_stack::<V::Value, _>(|| self.inner.deserialize_seq(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let (visitor, budget) = (Paying(self.within(visitor)?), self.budget);
        budget.with_stack::<V::Value, _>(|| self.inner.deserialize_map(visitor))
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

/// Everything that is passed to a container's visitor is bounded too.
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

    #[inline(always)]
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

    #[inline(always)]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(self.with(deserializer))
    }
}

/// A seed that comes from a visitor.
struct Seed<'b, S>(Bounded<'b, S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<'_, S> {
    type Value = S::Value;

    #[inline(always)]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.0.with(deserializer);
        self.0.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline(always)]
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

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = Seed(self.with(seed));
        self.inner.next_key_seed(seed)
    }

    #[inline]
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
        let (level, budget) = (self.level, self.budget);
        let (value, inner) = self.inner.variant_seed(seed)?;
        let variant = Bounded {
            inner,
            level,
            budget,
        };
        Ok((value, variant))
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

/// Passes a borrowed string or byte slice on as the owned one that was requested.
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
