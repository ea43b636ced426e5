//! Errors and the log escape names that would control a terminal.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::backing_store::StoreError;
use file_backed::fbstore::PreparedPath;
use uuid::Uuid;

use super::{Places, prepared, track};
use crate::support::{test, traced};

/// A colour, a second line, a line that runs backwards, and a byte that is no text.
const NAME: &[u8] = b"\x1b[31mred\nitems: 0 \xe2\x80\xae\xc2\x9b\xff";
const SHOWN: &str = r"\u{1b}[31mred\nitems: 0 \u{202e}\u{9b}\xff";

fn is_harmless(text: &str) -> bool {
    let reorders = |char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|char| char.is_control() || reorders(char))
}

/// A directory's name used to be printed as it is, so its author could recolour a
/// terminal or forge lines of a log.
#[test]
fn names_are_escaped_in_errors_and_in_the_log() {
    test(|| {
        let mut places = Places::new();
        let parent = places.cache.parent().expect("it has one").to_owned();
        let shown = |rest: &str| format!("{}/{SHOWN}/{rest}", parent.display());
        let root = parent.join(OsStr::from_bytes(NAME));
        fs::create_dir(&root).expect("it is made");
        places.cache = root.join("cache");
        places.saved = root.join("saved");

        let (error, lines) = traced(|| {
            drop(prepared(&places.saved));
            let foreign = places.saved.join("00").join(OsStr::from_bytes(NAME));
            fs::write(foreign, "").expect("it is written");
            // It keeps the value, so that this thread writes it.
            let pool = Arc::new(FBPool::<String, _>::new(places.store(), 10));
            let tracked = track(pool.store(), &places.saved).expect("it is tracked");
            let item = pool.insert("value".to_owned());
            item.blocking_persist(&tracked).expect("it is persisted");
            pool.store().blocking_sync(&tracked).expect("it is synced");
            drop(item);
            pool.blocking_register(&tracked, Uuid::from_u128(7))
                .expect_err("nothing is saved there")
        });
        let text = format!(
            "could not register item 00000000000000000000000000000007 ({}): no persisted file with \
             this key at the tracked path: persist the item there first, or track the path again \
             if another process persisted it",
            shown("saved")
        );
        assert_eq!(error.to_string(), text);
        let parts = [
            "a name that does not belong to an item",
            "wrote a value to its file",
            "SPAN store",
        ];
        for part in parts {
            let said = |line: &String| line.contains(part) && line.contains("path=");
            assert!(lines.iter().any(said), "{part:?} is not in {lines:#?}");
        }
        for line in &lines {
            assert!(is_harmless(line), "{line:?}");
        }

        let error = PreparedPath::blocking_open_read_only(root.join("none")).unwrap_err();
        assert!(error.to_string().contains(&shown("none")), "{error}");
        assert!(is_harmless(&error.to_string()), "{error:?}");
    });
}

#[test]
fn error_texts_of_codecs_and_stores_are_escaped() {
    let said = "unknown variant `\u{1b}[2J\n`";
    let error = StoreError::value(said).at(Path::new("a\nb"));
    assert_eq!(error.to_string(), r"a\nb: unknown variant `\u{1b}[2J\n`");
}
