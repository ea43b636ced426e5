//! The codecs, with values that hold numbers.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use file_backed::FBPool;
use file_backed::fbstore::{
    BinCodec, Codec, FBStore, MappedCodec, MixedCodec, PreparedPath, ProstCodec,
};

use super::{Ours, Setting, store};
use crate::systems::form::{self, Form};
use crate::systems::pools::{OnDisk, Room};

/// A codec, and the values that it is given.
pub trait Coded: Send + Sync + 'static {
    /// The system's name.
    const NAME: &'static str;
    type Form: Form;
    type Codec: Codec<<Self::Form as Form>::Value>;

    fn codec() -> Self::Codec;
}

/// Numbers through bincode.
pub struct Bin;

impl Coded for Bin {
    const NAME: &'static str = "file_backed/bincodec";
    type Form = form::Bin;
    type Codec = BinCodec;

    fn codec() -> BinCodec {
        BinCodec
    }
}

/// Messages through protobuf.
pub struct Prost;

impl Coded for Prost {
    const NAME: &'static str = "file_backed/prostcodec";
    type Form = form::Prost;
    type Codec = ProstCodec;

    fn codec() -> ProstCodec {
        ProstCodec
    }
}

/// Archives, mapped as the codec likes it: files below its crossover are read.
pub struct Archive;

impl Coded for Archive {
    const NAME: &'static str = "file_backed/mappedcodec";
    type Form = form::Archive;
    type Codec = MappedCodec;

    fn codec() -> MappedCodec {
        // SAFETY: the files are made in a directory of this process's own by the
        // library, which writes each once; nobody else knows them.
        unsafe { MappedCodec::new() }
    }
}

/// The same, where every file is mapped, whatever its size.
pub struct ArchiveAlwaysMapped;

impl Coded for ArchiveAlwaysMapped {
    const NAME: &'static str = "file_backed/mappedcodec-crossover0";
    type Form = form::Archive;
    type Codec = MappedCodec;

    fn codec() -> MappedCodec {
        Archive::codec().crossover(0)
    }
}

/// The same, where every file is read, whatever its size.
pub struct ArchiveAlwaysRead;

impl Coded for ArchiveAlwaysRead {
    const NAME: &'static str = "file_backed/mappedcodec-heap";
    type Form = form::Archive;
    type Codec = MappedCodec;

    fn codec() -> MappedCodec {
        MappedCodec::heap()
    }
}

/// The same as [`Archive`], for a program that inserts without waiting for
/// write-back.
pub struct ArchiveUnbounded;

impl Coded for ArchiveUnbounded {
    const NAME: &'static str = "file_backed/mappedcodec-insert";
    type Form = form::Archive;
    type Codec = MappedCodec;

    fn codec() -> MappedCodec {
        Archive::codec()
    }
}

/// Archives in a codec that takes serde values too.
pub struct Mixed;

impl Coded for Mixed {
    const NAME: &'static str = "file_backed/mixedcodec";
    type Form = form::Archive;
    type Codec = MixedCodec;

    fn codec() -> MixedCodec {
        MixedCodec::from(Archive::codec())
    }
}

/// Serde values in the codec that takes archives too.
pub struct MixedSerde;

impl Coded for MixedSerde {
    const NAME: &'static str = "file_backed/mixedcodec";
    type Form = form::Bin;
    type Codec = MixedCodec;

    fn codec() -> MixedCodec {
        Mixed::codec()
    }
}

impl<C: Coded> Setting for C {
    type Value = <C::Form as Form>::Value;
    type Store = FBStore<C::Codec>;
}

impl<C: Coded, const ASYNC: bool> OnDisk for Ours<C, ASYNC> {
    type Form = C::Form;
    const NAME: &'static str = C::NAME;
    const CALLS: &'static str = if ASYNC { "/async" } else { "" };

    fn pool(dir: &Path, room: Room) -> Result<Self::Pool> {
        let path = PreparedPath::blocking_open(dir.join("cache"))?;
        let store = store(FBStore::open(C::codec(), path)?);
        Ok(match room.backlog {
            None => Arc::new(FBPool::new(store, room.items)),
            // The items are the budget; the bytes are there so that the values
            // are weighed.
            Some(bytes) => FBPool::builder(store)
                .items(room.items)
                .bytes(u64::MAX, C::Form::weigh)
                .backlog_bytes(bytes as u64)
                .build(),
        })
    }

    fn place(dir: &Path) -> Result<PreparedPath> {
        Ok(PreparedPath::blocking_open(dir.to_owned())?)
    }
}
