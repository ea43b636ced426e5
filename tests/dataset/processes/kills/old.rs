//! Datasets as the first version of the format has them.

use file_backed::dataset::Inspection;

use super::*;

/// Replaces the files that record the dataset by one manifest of version 1, which has no names:
/// no item may have any. No process has the dataset open.
pub(super) fn make_old(places: &Places) {
    let found = Inspection::blocking_open(&places.saved).expect("it is a dataset");
    assert_eq!(found.names().iter().count(), 0, "they would be lost");
    let generation = found.generation().expect("it is a dataset");
    let root = found.root_json().expect("it is a dataset").as_bytes();
    let keys = found.all_keys();
    let mut manifest = b"\x89fbdata\n\x01\0\0\0\0\0\0\0".to_vec();
    for number in [generation, root.len() as u64, keys.len() as u64] {
        manifest.extend(number.to_le_bytes());
    }
    manifest.extend(root);
    for key in keys {
        let file = fs::read(file_of(places, key)).expect("it is there");
        manifest.extend(key.as_bytes());
        manifest.extend((file.len() as u64).to_le_bytes());
        // The checksum of the footer is its end.
        manifest.extend(file.last_chunk::<4>().expect("it has a footer"));
    }
    manifest.extend(crc32fast::hash(&manifest).to_le_bytes());
    drop(found);
    let directory = places.saved.join("file_backed.manifest");
    for file in fs::read_dir(&directory).expect("it is there") {
        fs::remove_file(file.expect("an entry").path()).expect("it is ours");
    }
    let path = directory.join(format!("{generation:016x}"));
    fs::write(path, manifest).expect("it is ours");
}
