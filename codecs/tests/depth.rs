//! Validation follows only so many pointers, because it takes stack for each.

use file_backed_codecs::{FrameError, Mapped, MappedCodec, frame};

use crate::files::{file_of, refusal};
use crate::values::List;

#[test]
fn a_value_at_the_limit_is_accepted_and_one_beyond_it_is_not() {
    for limit in [0, 1, 2, 50] {
        let codec = MappedCodec::heap().max_depth(limit);
        let list = codec.archive(&List::of(limit)).unwrap();
        let file = file_of(&codec, &list);
        frame::read_file::<Mapped<List>, _>(&codec, &file).unwrap();

        let error = refusal(codec.archive(&List::of(limit + 1)));
        assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
        let deeper = MappedCodec::heap().archive(&List::of(limit + 1)).unwrap();
        let file = file_of(&codec, &deeper);
        let error = refusal(frame::read_file::<Mapped<List>, _>(&codec, &file));
        assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
    }
    let any = MappedCodec::heap().max_depth(usize::MAX);
    any.archive(&List::of(200)).unwrap();
}

#[test]
fn the_default_is_128_pointers() {
    Mapped::new(&List::of(128)).unwrap();
    let error = refusal(Mapped::new(&List::of(129)));
    assert!(matches!(error, FrameError::InvalidArchive(_)), "{error}");
}

/// Also in a debug build, whose frames are the largest.
#[test]
fn the_default_fits_a_small_stack() {
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(|| {
            let codec = MappedCodec::heap();
            let list = List::of(128);
            let file = file_of(&codec, &Mapped::new(&list).unwrap());
            let read: Mapped<List> = frame::read_file(&codec, &file).unwrap();
            assert_eq!(read.deserialize().unwrap(), list);
        })
        .unwrap()
        .join()
        .unwrap();
}
