//! Validation follows a limited number of pointers, because each one takes stack.

use file_backed_codecs::{CodecError, FrameError, Mapped, MappedCodec, Verify, frame};

use crate::files::{file_of, on_disk, refusal};
use crate::mapping::licensed;
use crate::values::List;

/// The value is too deep, and nothing is damaged: neither what was archived nor a
/// file that is whole.
#[track_caller]
fn assert_too_deep<T>(result: Result<T, impl Into<CodecError>>, limit: usize) {
    let error = refusal(result);
    assert!(
        matches!(error, FrameError::TooDeep { limit: at } if at == limit),
        "{error}"
    );
    assert!(!error.is_damage() && !error.is_mismatch());
    assert_eq!(
        error.to_string(),
        format!(
            "the archive contains a chain of more than {limit} pointers, and validation needs stack for each: make the value flatter, or raise the limit with `MappedCodec::max_depth`"
        )
    );
}

#[test]
fn an_archive_at_the_depth_limit_is_accepted_and_a_deeper_one_refused() {
    for limit in [0, 1, 2, 50] {
        let codec = MappedCodec::heap().max_depth(limit);
        let list = codec.archive(&List::of(limit)).unwrap();
        let file = file_of(&codec, &list);
        frame::read_file::<Mapped<List>, _>(&codec, &file).unwrap();

        assert_too_deep(codec.archive(&List::of(limit + 1)), limit);
        let deeper = MappedCodec::heap().archive(&List::of(limit + 1)).unwrap();
        let file = file_of(&MappedCodec::heap(), &deeper);
        assert_too_deep(frame::read_file::<Mapped<List>, _>(&codec, &file), limit);
        let _budget = crate::budget::undisturbed();
        let mapping = licensed().crossover(0).verify(Verify::Always);
        let mapped =
            frame::read_file::<Mapped<List>, _>(&mapping.max_depth(limit), &on_disk(&file));
        assert_too_deep(mapped, limit);
    }
    let any = MappedCodec::heap().max_depth(usize::MAX);
    any.archive(&List::of(200)).unwrap();
}

/// A value that was archived with a larger limit used to be written by a codec that could
/// not read it back.
#[test]
fn an_archive_deeper_than_its_codec_reads_is_not_written() {
    let deep = MappedCodec::heap().max_depth(300);
    let smaller = MappedCodec::heap();
    let mut file = Vec::new();
    for links in [128, 129, 200] {
        file.clear();
        let list = deep.archive(&List::of(links)).unwrap();
        let written = frame::write_file(&smaller, &list, &mut file);
        match links {
            128 => {
                written.unwrap();
                frame::read_file::<Mapped<List>, _>(&smaller, &file).unwrap();
            }
            _ => assert_too_deep(written, 128),
        }
    }
}

#[test]
fn the_default_depth_limit_is_128_pointers() {
    Mapped::new(&List::of(128)).unwrap();
    assert_too_deep(Mapped::new(&List::of(129)), 128);
}

/// Also in a debug build, whose stack frames are the largest.
#[test]
fn the_default_depth_limit_fits_a_small_stack() {
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
