//! The codecs, with values that hold numbers.

use std::path::Path;
use std::sync::Arc;

use ancestor::FBPool;
use ancestor::fbstore::{BinCodec, Codec, FBStore, PreparedPath, ProstCodec, key_path};
use anyhow::Result;
use prost::Message as _;
use uuid::Uuid;

use super::{Ancestor, Setting, store};
use crate::systems::form::{self, Form};
use crate::systems::pools::{OnDisk, Room};

/// A codec, and the values that it is given.
pub trait Coded: Send + Sync + 'static {
    /// The system's name.
    const NAME: &'static str;
    type Form: Form;
    type Codec: Codec<<Self::Form as Form>::Value>;

    fn codec() -> Self::Codec;

    /// What the codec would write.
    fn encode(value: &<Self::Form as Form>::Value) -> Result<Vec<u8>>;
}

/// Numbers through bincode.
pub struct Bin;

impl Coded for Bin {
    const NAME: &'static str = "ancestor/bincodec";
    type Form = form::Bin;
    type Codec = BinCodec;

    fn codec() -> BinCodec {
        BinCodec
    }

    fn encode(value: &Vec<f32>) -> Result<Vec<u8>> {
        let config = bincode::config::legacy();
        Ok(bincode::serde::encode_to_vec(value, config)?)
    }
}

/// Messages through protobuf.
pub struct Prost;

impl Coded for Prost {
    const NAME: &'static str = "ancestor/prostcodec";
    type Form = form::Prost;
    type Codec = ProstCodec;

    fn codec() -> ProstCodec {
        ProstCodec
    }

    fn encode(value: &<form::Prost as Form>::Value) -> Result<Vec<u8>> {
        Ok(value.encode_to_vec())
    }
}

impl<C: Coded> Setting for C {
    type Value = <C::Form as Form>::Value;
    type Store = FBStore<C::Codec>;
}

impl<C: Coded> OnDisk for Ancestor<C> {
    type Form = C::Form;
    const NAME: &'static str = C::NAME;

    /// What waits to be written cannot be bounded.
    fn pool(dir: &Path, room: Room) -> Result<Self::Pool> {
        let path = PreparedPath::blocking_new(dir.join("cache"), vec![]);
        let store = store(FBStore::new(C::codec(), path));
        Ok(Arc::new(FBPool::new(store, room.items)))
    }

    fn place(dir: &Path) -> Result<PreparedPath> {
        Ok(PreparedPath::blocking_new(dir.to_owned(), vec![]))
    }

    fn write_for_loads(place: &PreparedPath, id: usize, blob: &[f32]) -> Result<Option<Uuid>> {
        let key =
            Uuid::from_u128((id as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let bytes = C::encode(&C::Form::value(blob)?)?;
        std::fs::write(key_path(place, key), bytes)?;
        Ok(Some(key))
    }
}
