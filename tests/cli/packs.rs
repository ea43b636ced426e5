//! What the tool tells of items in packs.

use std::fs;
use std::path::PathBuf;

use file_backed::fbstore::frame::{FOOTER_LEN, Footer};
use file_backed::fbstore::pack::PackWriter;
use serde_json::Value;

use super::{Place, flip, tool};

/// Moves all items but the first from their files into a pack, and returns its path.
fn pack(place: &Place) -> PathBuf {
    let mut pack = Vec::new();
    let mut writer = PackWriter::new(&mut pack, [0xab; 16]);
    for at in 1..place.keys.len() {
        let file = fs::read(place.file(at)).expect("it is there");
        let (payload, footer) = file.split_last_chunk::<FOOTER_LEN>().expect("a footer");
        let footer = Footer::from_bytes(footer).expect("it is whole");
        let added = writer.add(place.keys[at].into_bytes(), &footer, 1, payload);
        added.expect("it is whole");
        fs::remove_file(place.file(at)).expect("it is there");
    }
    writer.finish().expect("it is in memory");
    let packs = place.path.join("file_backed.packs");
    fs::create_dir(&packs).expect("it is made");
    let path = packs.join("ab".repeat(16));
    fs::write(&path, pack).expect("it is written");
    path
}

#[test]
fn items_of_packs_are_listed_and_read() {
    let place = Place::by_hand();
    let before = tool(&["ls"], &place.path);
    let contents = |at: usize| tool(&["cat", &place.simple(at)], &place.path);
    let read: Vec<_> = (0..3).map(|at| contents(at).out).collect();
    let path = pack(&place);
    let after = tool(&["ls"], &place.path);
    assert_eq!((after.code, &after.out), (0, &before.out));
    for (at, text) in read.iter().enumerate() {
        assert_eq!(&contents(at).out, text);
    }
    let listed = tool(&["ls", "--json"], &place.path).out;
    let listed: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    let paths = [place.file(0), path.clone(), path.clone()];
    let paths = paths.map(|path| Value::from(path.to_str().expect("it is text")));
    assert!(
        listed.iter().map(|item| &item["path"]).eq(&paths),
        "{listed:?}"
    );
    let told = tool(&["verify"], &place.path);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.starts_with("3 files"), "{}", told.out);

    // A byte of the trailer that is zero.
    flip(&path, fs::metadata(&path).expect("it is there").len() - 6);
    let told = tool(&["verify"], &place.path);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("the pack is damaged"), "{}", told.out);
    assert!(told.out.contains(path.to_str().expect("it is text")));
    assert!(told.out.contains("1 of 2 files damaged"), "{}", told.out);
}
