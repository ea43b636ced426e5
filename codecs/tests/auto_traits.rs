//! Everything can be sent to and shared with other threads.

use file_backed_codecs::{Codec, CodecId, Footprint, FrameError, Payload, Source, frame, pack};

fn send_and_sync<T: Send + Sync>() {}
fn send<T: Send>() {}
fn codec<T, C: Codec<T> + Clone + std::fmt::Debug>() {
    send_and_sync::<C>();
}

#[test]
fn the_frame_is_send_and_sync() {
    send_and_sync::<CodecId>();
    send_and_sync::<Footprint>();
    send_and_sync::<FrameError>();
    send_and_sync::<file_backed_codecs::ReadAhead>();
    send_and_sync::<frame::Footer>();
    send_and_sync::<frame::ArchiveLayout>();
    send_and_sync::<Box<dyn Source>>();
    send_and_sync::<pack::Pack>();
    send_and_sync::<pack::PackedItem>();
    send_and_sync::<pack::PackIdentity>();
    send_and_sync::<pack::ItemSource<'_>>();
    send::<Payload<'_>>();
    codec::<Vec<u8>, crate::values::Plain>();
}

#[cfg(feature = "bincodec")]
#[test]
fn bincodec_is_send_and_sync() {
    codec::<String, file_backed_codecs::BinCodec>();
}

#[cfg(feature = "prostcodec")]
#[test]
fn prostcodec_is_send_and_sync() {
    codec::<crate::values::Message, file_backed_codecs::ProstCodec>();
}

#[cfg(feature = "map")]
#[test]
fn maps_are_send_and_sync() {
    send_and_sync::<file_backed_codecs::Map>();
    send_and_sync::<file_backed_codecs::MapLicence>();
    send::<file_backed_codecs::MapAttempt<'_>>();
    send_and_sync::<file_backed_codecs::Access>();
    send_and_sync::<file_backed_codecs::Prefault>();
}

#[cfg(feature = "bytescodec")]
#[test]
fn bytescodec_is_send_and_sync() {
    use file_backed_codecs::{BytesCodec, MappedBytes};
    send_and_sync::<MappedBytes>();
    codec::<MappedBytes, BytesCodec>();
}

#[cfg(feature = "mappedcodec")]
mod mapped {
    use file_backed_codecs::{Archivable, Mapped, MappedCodec, Verify};

    use super::{codec, send_and_sync};
    use crate::values::Record;

    /// One bound is enough for everything downstream.
    fn generic<T: Archivable>() {
        send_and_sync::<Mapped<T>>();
        codec::<Mapped<T>, MappedCodec>();
        fn sharable<A: Send + Sync + 'static>() {}
        sharable::<T::Archived>();
    }

    /// Cannot leave its thread; its archived form can.
    #[derive(rkyv::Archive, rkyv::Serialize)]
    struct Local {
        name: String,
        #[rkyv(with = rkyv::with::Skip)]
        _thread: std::marker::PhantomData<*const ()>,
    }

    #[test]
    fn archives_are_send_and_sync() {
        generic::<Record>();
        generic::<Vec<String>>();
        generic::<Local>();
        send_and_sync::<Verify>();
    }
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
#[test]
fn mixedcodec_is_send_and_sync_for_both_kinds() {
    use file_backed_codecs::{Mapped, MixedCodec};

    use crate::values::Record;
    codec::<Record, MixedCodec>();
    codec::<Mapped<Record>, MixedCodec>();
}
