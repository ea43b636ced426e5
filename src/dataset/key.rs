//! Typed keys of committed items.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// Names one committed item whose value has type `T`. A root holds keys instead of
/// handles.
///
/// [`Saver::save`](super::Saver::save) returns a key, and
/// [`Dataset::get`](super::Dataset::get) turns it into a handle. It costs 16 bytes. In
/// text formats it is 32 hex digits, the name of the item's file.
///
/// # Examples
///
/// ```
/// use file_backed::dataset::Key;
/// use file_backed::uuid::Uuid;
///
/// let key: Key<String> = Key::from_uuid(Uuid::from_u128(7));
/// assert_eq!(key.to_string(), "00000000000000000000000000000007");
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
pub struct Key<T: ?Sized> {
    uuid: Uuid,
    of: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized> Key<T> {
    /// The key of an item of this type under `uuid`. Nothing is checked: a missing
    /// item or a wrong type shows when the item is registered or loaded.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            of: PhantomData,
        }
    }

    /// The item's key, without its type.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<T: ?Sized> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Key<T> {}

impl<T: ?Sized> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<T: ?Sized> Eq for Key<T> {}

impl<T: ?Sized> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: ?Sized> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<T: ?Sized> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<T: ?Sized> fmt::Display for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.simple().fmt(f)
    }
}

impl<T: ?Sized> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.uuid.simple())
    }
}

impl<T: ?Sized> FromStr for Key<T> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self::from_uuid)
    }
}

impl<T: ?Sized> Serialize for Key<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let mut text = Uuid::encode_buffer();
            serializer.serialize_str(self.uuid.simple().encode_lower(&mut text))
        } else {
            serializer.serialize_bytes(self.uuid.as_bytes())
        }
    }
}

impl<'de, T: ?Sized> Deserialize<'de> for Key<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let uuid = if deserializer.is_human_readable() {
            deserializer.deserialize_str(UuidVisitor)?
        } else {
            deserializer.deserialize_bytes(UuidVisitor)?
        };
        Ok(Self::from_uuid(uuid))
    }
}

struct UuidVisitor;

impl Visitor<'_> for UuidVisitor {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of an item")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uuid, E> {
        Uuid::try_parse(text).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Uuid, E> {
        Uuid::from_slice(bytes).map_err(E::custom)
    }
}
