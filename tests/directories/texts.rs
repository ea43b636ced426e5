//! The complete error texts for a directory that cannot be used.

use std::fs::{self, File};
use std::path::Path;

use file_backed::fbstore::PreparedPath;
use file_backed::{Error, FBPool};

use super::{Places, prepared, track};
use crate::support::{LockedElsewhere, Plain, test, told};

/// The text, with the directory by its name.
fn text(error: &Error, places: &Places) -> String {
    let root = places.cache.parent().expect("it is in one");
    told(error, root)
}

fn lock(directory: &Path) -> LockedElsewhere {
    drop(prepared(directory));
    let file = File::create(directory.join("file_backed.lock")).expect("it is opened");
    LockedElsewhere::new(file)
}

#[test]
fn errors_of_locks_say_what_to_do() {
    test(|| {
        let places = Places::new();
        let other = lock(&places.cache);
        let error = places.open(&places.cache).unwrap_err();
        assert_eq!(
            text(&error, &places),
            "could not open a store on the directory (ROOT/cache): another process is using the directory: wait until it ends (an option `lock_timeout` does so), or use a separate directory for this process; meanwhile, persisted items can be read with `track_read_only` (a dataset with `Dataset::open_read_only`)"
        );
        drop(other);
        let store = places.store();
        let _other = lock(&places.saved);
        assert_eq!(
            text(&track(&store, &places.saved).unwrap_err(), &places),
            "could not track the persisted directory (ROOT/saved): another process is using the directory: wait until it ends (an option `lock_timeout` does so), or use a separate directory for this process; meanwhile, persisted items can be read with `track_read_only` (a dataset with `Dataset::open_read_only`)"
        );
    });
}

#[test]
fn errors_of_roles_say_what_to_do() {
    test(|| {
        let places = Places::new();
        let store = places.store();
        drop(track(&store, &places.saved).expect("nobody has it"));
        assert_eq!(
            text(&places.open(&places.saved).unwrap_err(), &places),
            "could not open a store on the directory (ROOT/saved): the directory is a persisted directory (`file_backed.role`), and a cache would sweep its files: use another directory for the cache"
        );
        drop(store);
        let spare = places.cache.with_file_name("spare");
        let other = places.open(&spare).expect("nobody has it");
        assert_eq!(
            text(&track(&other, &places.cache).unwrap_err(), &places),
            "could not track the persisted directory (ROOT/cache): the directory is a cache directory (`file_backed.role`), whose files are swept: persist to another directory"
        );
        fs::write(places.saved.join("file_backed.role"), "a garden\n").expect("it is written");
        assert_eq!(
            text(&track(&other, &places.saved).unwrap_err(), &places),
            "could not track the persisted directory (ROOT/saved/file_backed.role): the mark names a use of the directory that this version does not know: use a newer release, or another directory"
        );
    });
}

#[test]
fn the_error_of_a_file_in_place_of_a_cache_says_what_to_do() {
    test(|| {
        let places = Places::new();
        fs::write(&places.cache, "").expect("it is written");
        let opened = FBPool::<String, _>::open(Plain, &places.cache, 1);
        let error = places.world.block_on(opened);
        assert_eq!(
            text(&error.expect_err("a file is no directory"), &places),
            "could not prepare the directory (ROOT/cache): something else with this name is in the way: move it away, or use another path"
        );
    });
}

#[cfg(unix)]
#[test]
fn errors_of_temporary_directories_say_what_to_do() {
    let test = "directories::texts::errors_of_temporary_directories_say_what_to_do";
    let nowhere = ("TMPDIR", "/nowhere/at/all");
    crate::support::in_a_process_with(&[nowhere], test, || {
        let error = PreparedPath::blocking_temp().expect_err("there is no such directory");
        let text = error.to_string();
        let (before, after) = text.split_once("file_backed-").expect("a name by chance");
        assert_eq!(
            (before, after.split_once('"').map(|(_, rest)| rest)),
            (
                "could not create a temporary directory (/nowhere/at/all): No such file or directory (os error 2) at path \"/nowhere/at/all/",
                Some(": set `TMPDIR` to a directory that this process may write to")
            )
        );
    });
}
