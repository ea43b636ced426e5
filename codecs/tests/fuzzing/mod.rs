//! No bytes make a codec panic, even if the checksums are right. Runs the bodies of the
//! fuzz targets on a bounded number of inputs, which are made from the files in
//! `corpus/`.

#[cfg(feature = "mappedcodec")]
mod archives;
mod corpus;
mod mutation;
mod targets;

use mutation::Mutations;

/// For each file of the corpus.
const MUTATIONS: usize = 150;

fn drive(name: &str) {
    let Some(target) = targets::ALL.iter().find(|target| target.name == name) else {
        panic!("no such target");
    };
    #[cfg(feature = "map")]
    let _budget = crate::budget::undisturbed();
    let files = corpus::kept(name);
    let mut mutations = Mutations::of(&files);
    for file in &files {
        (target.body)(file);
        for _ in 0..MUTATIONS {
            (target.body)(&mutations.next(file));
        }
    }
}

#[test]
fn arbitrary_frames_never_panic() {
    drive("frame");
}

#[test]
fn arbitrary_packs_never_panic() {
    drive("pack");
}

#[cfg(feature = "bincodec")]
#[test]
fn arbitrary_serde_values_never_panic() {
    drive("bin");
}

#[cfg(feature = "bincodec")]
#[test]
fn arbitrary_files_without_a_footer_never_panic() {
    drive("import");
}

#[cfg(feature = "prostcodec")]
#[test]
fn arbitrary_protobuf_messages_never_panic() {
    drive("protobuf");
}

#[cfg(feature = "mappedcodec")]
#[test]
fn arbitrary_archives_in_memory_never_panic() {
    drive("mapped_heap");
}

#[cfg(feature = "mappedcodec")]
#[test]
fn arbitrary_mapped_archives_never_panic() {
    drive("mapped");
}

#[cfg(feature = "bytescodec")]
#[test]
fn arbitrary_plain_bytes_never_panic() {
    drive("bytes");
}
