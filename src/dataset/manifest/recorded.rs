//! Reading a generation in whichever version it was written.

use file_backed_codecs::Source;

use super::delta::Delta;
use super::file_id::WrittenFile;
use super::sealed::{damaged, field};
use super::whole::Manifest;
use crate::error::StoreError;

/// A generation as it was found.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// Version 1.
    Whole(Manifest),
    /// Version 2.
    Delta(Delta, WrittenFile),
}

impl Recorded {
    /// Reads the manifest of this generation, and checks everything in it.
    pub(crate) fn read(source: &dyn Source, generation: u64) -> Result<Self, StoreError> {
        match version_of(source)? {
            Some(1) => Manifest::read(source, generation).map(Self::Whole),
            _ => {
                let (delta, written) = Delta::read(source)?;
                match delta.generation == generation {
                    true => Ok(Self::Delta(delta, written)),
                    false => Err(damaged("it is of another generation").into()),
                }
            }
        }
    }
}

/// The version that a file states; `None` if it is too short. Nothing else is checked.
fn version_of(source: &dyn Source) -> Result<Option<u16>, StoreError> {
    let mut start = [0; 10];
    if source.len()? < start.len() as u64 {
        return Ok(None);
    }
    source.read_exact_at(&mut start, 0)?;
    Ok(Some(u16::from_le_bytes(field(&start, 8))))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dataset::manifest::Changes;

    #[test]
    fn a_generation_is_read_in_the_version_that_it_was_written_in() {
        let manifest = Manifest {
            generation: 7,
            root: b"{}".to_vec(),
            entries: Vec::new(),
        };
        let delta = Delta {
            id: Uuid::nil(),
            generation: 7,
            base: None,
            parent: None,
            root: None,
            changes: Changes::default(),
        };
        let old = manifest.encode().expect("it is short");
        let new = delta.encode().expect("it is short");
        match Recorded::read(&old, 7).expect("it is whole") {
            Recorded::Whole(read) => assert_eq!(read, manifest),
            other => panic!("{other:?}"),
        }
        match Recorded::read(&new, 7).expect("it is whole") {
            Recorded::Delta(read, written) => {
                assert_eq!(read, delta);
                assert_eq!(written, delta.written(&new));
            }
            other => panic!("{other:?}"),
        }
        let mut later = new[..new.len() - 4].to_vec();
        later[8] = 4;
        later.extend(crc32fast::hash(&later).to_le_bytes());
        for (bytes, why) in [
            (later, "version 4"),
            (b"too short".to_vec(), "does not begin like a manifest"),
            (b"something else".to_vec(), "does not begin like a manifest"),
        ] {
            let error = Recorded::read(&bytes, 7).expect_err("it is something else");
            assert!(error.to_string().contains(why), "{error}: not {why}");
        }
        for bytes in [old, new] {
            let error = Recorded::read(&bytes, 8).expect_err("it is of generation 7");
            assert!(error.to_string().contains("another generation"), "{error}");
        }
    }
}
