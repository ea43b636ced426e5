//! No bytes make a codec panic, also where the checksums are right: the bodies
//! of the fuzzer, driven a bounded way from the files in `corpus/`.

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
fn of_the_frame() {
    drive("frame");
}

#[cfg(feature = "bincodec")]
#[test]
fn of_serde_values() {
    drive("bin");
}

#[cfg(feature = "bincodec")]
#[test]
fn of_files_without_a_footer() {
    drive("import");
}

#[cfg(feature = "prostcodec")]
#[test]
fn of_messages() {
    drive("protobuf");
}

#[cfg(feature = "mappedcodec")]
#[test]
fn of_archives_in_memory() {
    drive("mapped_heap");
}

#[cfg(feature = "mappedcodec")]
#[test]
fn of_mapped_archives() {
    drive("mapped");
}

#[cfg(feature = "bytescodec")]
#[test]
fn of_plain_bytes() {
    drive("bytes");
}
