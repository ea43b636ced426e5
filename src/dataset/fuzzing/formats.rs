//! The three formats, one file at a time.

use std::sync::Arc;

use super::agreement::Model;
use super::as_is_and_sealed;
use crate::dataset::cause::DatasetCause;
use crate::dataset::contents::Contents;
use crate::dataset::manifest::{Base, Delta, FileId, Manifest, encoded_len_of};
use crate::error::StoreError;

/// What was read, unless the bytes were refused for what they are.
pub(super) fn accepted<T>(read: Result<T, StoreError>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) if error.get_ref().is::<DatasetCause>() => None,
        Err(error) => panic!("a fault, whatever the bytes are: {error}"),
    }
}

/// The generation that a manifest states, or any if it is too short.
pub(super) fn generation_of(manifest: &[u8]) -> u64 {
    let stated = manifest.get(16..).and_then(<[u8]>::first_chunk);
    stated.map_or(0, |stated| u64::from_le_bytes(*stated))
}

pub(super) fn read_manifest(bytes: &[u8]) {
    for file in as_is_and_sealed(bytes) {
        drop(accepted(Manifest::read(&file, generation_of(&file))));
    }
}

pub(super) fn read_delta(bytes: &[u8]) {
    for file in as_is_and_sealed(bytes) {
        drop(accepted(Delta::read(&file)));
    }
}

pub(super) fn read_base(bytes: &[u8]) {
    for file in as_is_and_sealed(bytes) {
        drop(accepted(Base::read(&file)));
    }
}

pub(super) fn check_manifest(bytes: &[u8]) -> bool {
    let check = |file: Vec<u8>| {
        let generation = generation_of(&file);
        let manifest = accepted(Manifest::read(&file, generation))?;
        let again = manifest.encode().expect("it is no longer than before");
        assert_eq!(again.len(), file.len());
        let again = Manifest::read(&again, generation).expect("it was encoded");
        assert_eq!(again, manifest);
        let contents = Contents::of_manifest(&manifest).expect("a base holds as many");
        let model = Model::of(&contents);
        model.assert_is(&contents);
        let keys = manifest.entries.iter().map(|record| record.key);
        assert!(model.items.keys().copied().eq(keys));
        Some(())
    };
    as_is_and_sealed(bytes).filter_map(check).count() > 0
}

pub(super) fn check_delta(bytes: &[u8]) -> bool {
    let check = |file: Vec<u8>| {
        let (delta, written) = accepted(Delta::read(&file))?;
        assert_eq!(written, delta.written(&file));
        assert_eq!(written.read_again(&file).expect("it has not changed"), file);
        let encoded = delta.encode().expect("it is no longer than before");
        assert!(encoded.len() <= file.len(), "kinds may be listed twice");
        let nothing = Delta {
            changes: Default::default(),
            ..delta.clone()
        };
        let fixed = nothing.encode().expect("it is shorter").len() as u64;
        assert_eq!(encoded_len_of(&delta.changes), encoded.len() as u64 - fixed);
        let (again, _) = Delta::read(&encoded).expect("it was encoded");
        assert_eq!(again, delta);
        let mut model = Model::default();
        model.apply(&delta.changes);
        let contents = Contents::empty().with(&delta.changes);
        assert_eq!(contents.is_ok(), model.is_consistent());
        if let Ok(contents) = contents {
            model.assert_is(&contents);
        }
        Some(())
    };
    as_is_and_sealed(bytes).filter_map(check).count() > 0
}

pub(super) fn check_base(bytes: &[u8]) -> bool {
    let check = |file: Vec<u8>| {
        let base = accepted(Base::read(&file))?;
        let (generation, root, written) = (base.generation(), base.root().clone(), base.written());
        let id = written.file.id;
        assert_eq!(written.file, FileId::of(id, &file));
        assert_eq!(written.len, file.len() as u64);
        let contents = Contents::of(Arc::new(base));
        let model = Model::of(&contents);
        model.assert_is(&contents);
        let encoded = contents.encode_base(id, generation, &root);
        let encoded = encoded.expect("it is no longer than before");
        assert!(encoded.len() <= file.len(), "kinds may be listed twice");
        let again = Base::read(&encoded).expect("it was encoded");
        assert_eq!((again.generation(), again.root()), (generation, &root));
        model.assert_is(&Contents::of(Arc::new(again)));
        Some(())
    };
    as_is_and_sealed(bytes).filter_map(check).count() > 0
}
