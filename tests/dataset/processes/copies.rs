//! Copies, while another process commits.

use file_backed::dataset::{Snapshot, VerifyOptions};

use super::*;

/// `cp -r` made copies that could not be opened, six of six, because the other process
/// deleted and added files meanwhile.
#[test]
fn a_copy_made_while_another_process_commits_can_be_opened() {
    let places = Places::new();
    drop(places.user());
    let child = "dataset::processes::kills::child_that_commits";
    let mut writer = Process::start(child, &places.saved);
    for n in 0..10 {
        // It has committed once more since the last copy.
        while !writer.told().expect("it commits").starts_with("done") {}
        let snapshot = Snapshot::blocking_open(&*places.saved).expect("it is pinned");
        let to = places.saved.with_file_name(format!("copy {n}"));
        let copied = snapshot.blocking_copy_to(&*to).expect("it is whole");
        let copy = Places::at(to);
        let user = copy.user();
        assert_eq!(user.library.generation(), copied.generation);
        kills::number(&user);
        let verified = user.library.blocking_verify(VerifyOptions::all());
        assert!(verified.expect("it reads").is_whole());
        assert_eq!(copy.files(), user.library.all_keys());
        end(user);
    }
    writer.kill().for_each(drop);
}
