//! Writes an archive of more than 4 GiB, maps it, and reads what stands on both
//! sides of the boundary. Fails where any of it is not as it was written.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use file_backed_codecs::{CodecId, Mapped, MappedCodec, PayloadWriter, frame};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::with::{ArchiveWith, SerializeWith};
use rkyv::{Place, rancor::Fallible};

const LEN: usize = (4 << 30) + 4096;

/// So many bytes, of which none is in memory: each is written when its turn comes.
struct Sparse;

/// The byte at this place: mostly zeros.
fn byte(at: usize) -> u8 {
    if at.is_multiple_of(4096) {
        (at / 4096) as u8
    } else {
        0
    }
}

impl ArchiveWith<Sparse> for Sparse {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    fn resolve_with(_: &Sparse, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(LEN, resolver, out);
    }
}

impl<S> SerializeWith<Sparse, S> for Sparse
where
    S: Fallible + rkyv::ser::Writer + ?Sized,
{
    fn serialize_with(_: &Sparse, out: &mut S) -> Result<VecResolver, S::Error> {
        let at = out.pos();
        let page: Vec<u8> = (0..4096).map(|_| 0).collect();
        for number in 0..LEN / 4096 {
            out.write(&[byte(number * 4096)])?;
            out.write(&page[1..])?;
        }
        Ok(VecResolver::from_pos(at))
    }
}

#[derive(rkyv::Archive, rkyv::Serialize)]
struct Large {
    before: String,
    #[rkyv(with = Sparse)]
    bytes: Sparse,
    after: String,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let file = tempfile::tempfile_in(directory)?;
    write(&file)?;
    // SAFETY: the file has no name, and is not written any more.
    let codec = unsafe { MappedCodec::new() };
    let read: Mapped<Large> = frame::read_file(&codec, &file)?;
    assert!(read.is_mapped());
    assert!(read.as_bytes().len() > LEN, "larger than 32 bits can say");
    assert_eq!(read.before.as_str(), "stands before the first byte");
    assert_eq!(read.after.as_str(), "stands behind 4 GiB of others");
    assert_eq!(read.bytes.len(), LEN);
    for at in [0, 4096, (4 << 30) - 4096, 4 << 30, LEN - 4096, LEN - 1] {
        assert_eq!(read.bytes[at], byte(at), "byte {at}");
    }
    println!(
        "{} bytes of archive are as they were written",
        read.as_bytes().len()
    );
    Ok(())
}

fn write(file: &File) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut payload = PayloadWriter::new(&mut out);
    let large = Large {
        before: "stands before the first byte".into(),
        bytes: Sparse,
        after: "stands behind 4 GiB of others".into(),
    };
    MappedCodec::heap().encode_archive(&large, &mut payload)?;
    payload.finish(CodecId::RKYV)?;
    out.flush().map_err(io::Error::into)
}
