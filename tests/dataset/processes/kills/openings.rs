//! `kill -9` of a process that salvages a damaged dataset, or makes one of existing items.

use file_backed::dataset::OpenOptions;

use super::*;

const ROUNDS: u64 = 40;

/// Told nothing, it waits to be killed.
fn wait_for_the_kill() {
    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
}

/// Kills a child after the first word that it tells, or after a later one. Returns whether it
/// told that all was done.
fn kill_one(child: &str, places: &Places, instants: &mut Instants) -> bool {
    let child = format!("dataset::processes::kills::openings::{child}");
    let mut child = Process::start(&child, &places.saved);
    let mut is_done = false;
    for _ in 0..1 + instants.below(2) {
        let told = child.told().expect("it works until it is killed");
        is_done |= told == "done";
    }
    instants.pass();
    child
        .kill()
        .fold(is_done, |is_done, told| is_done || told == "done")
}

fn assert_has(user: &User, keys: &[Uuid]) {
    let found = user.library.all_keys();
    let lost = keys.iter().find(|key| found.binary_search(key).is_err());
    assert_eq!(lost, None, "it was whole");
    assert_is_whole(user);
}

#[test]
fn child_that_salvages() {
    let Some(places) = place() else { return };
    tell("begin");
    let (user, _) = places.salvage();
    tell("salvaged");
    let kept = user.library.blocking_edit(|_| Ok::<_, Error>(()));
    kept.expect("nothing fails");
    tell("done");
    wait_for_the_kill();
}

/// Replaces the file by one that cannot be read.
fn spoil(path: &Path) {
    fs::remove_file(path).expect("it is there");
    fs::write(path, b"spoilt").expect("it is ours");
}

/// Damages the last manifest, a part, or an item. Returns the items that are whole.
fn damage_one(places: &Places, round: u64) -> Vec<Uuid> {
    let directory = places.saved.join("file_backed.manifest");
    let paths = fs::read_dir(directory).expect("it is there");
    let mut paths: Vec<_> = paths.map(|file| file.expect("an entry").path()).collect();
    paths.sort();
    let is_manifest = |path: &PathBuf| path.file_name().is_some_and(|name| name.len() == 16);
    let (manifests, parts): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_manifest);
    let mut whole = places.files();
    match round % 4 {
        0 => spoil(manifests.last().expect("there is one")),
        1 => fs::remove_file(manifests.last().expect("there is one")).expect("it is ours"),
        2 => spoil(&parts[round as usize % parts.len()]),
        _ => spoil(&file_of(places, whole.remove(round as usize % whole.len()))),
    }
    whole
}

#[test]
fn a_kill_during_a_salvage_and_its_commit_loses_no_whole_item() {
    let mut instants = Instants::new();
    let mut done = 0;
    for round in 0..ROUNDS {
        let places = Places::new();
        let user = places.user();
        (1..=6 + round % 5).for_each(|n| commit(&user, n));
        end(user);
        let whole = damage_one(&places, round);
        for _ in 0..3 {
            let is_done = kill_one("child_that_salvages", &places, &mut instants);
            done += u64::from(is_done);
            match places.try_user() {
                Ok(library) => {
                    let keys = library.all_keys();
                    assert!(whole.iter().all(|key| keys.contains(key)));
                }
                Err(error) => assert!(!is_done, "it was committed: {error}"),
            }
            let (user, _) = places.salvage();
            assert_has(&user, &whole);
            end(user);
        }
        let (user, _) = places.salvage();
        let kept = user.library.blocking_edit(|_| Ok::<_, Error>(()));
        kept.expect("nothing fails");
        end(user);
        let user = places.user();
        assert_has(&user, &whole);
        assert_eq!(places.files(), user.library.all_keys());
    }
    assert!(0 < done && done < 3 * ROUNDS, "{done} were done");
}

#[test]
fn child_that_includes_existing_items() {
    let Some(places) = place() else { return };
    tell("begin");
    let options = OpenOptions::new().with_existing_items();
    let library = options.blocking_open(&places.store(), places.path());
    let library: Library = library.expect("all items are whole");
    tell("opened");
    let texts: Arc<FBPool<String, B>> = Arc::new(FBPool::new(library.store().clone(), 10));
    let item = texts.insert("another".to_owned());
    let edited = library.blocking_edit(|edit| edit.put(&item));
    edited.expect("nothing fails");
    tell("done");
    wait_for_the_kill();
}

/// Persists items without a dataset.
fn persist(places: &Places) -> Vec<Uuid> {
    let store = places.store();
    let pool = Arc::new(FBPool::new(store.clone(), 10));
    let tracked = store.blocking_track_path(places.path());
    let tracked = Arc::new(tracked.expect("nobody has it"));
    for n in 0..6 {
        let item = pool.insert(n.to_string());
        item.blocking_persist(&tracked).expect("nothing fails");
    }
    store.blocking_sync(&tracked).expect("nothing fails");
    let mut keys = tracked.all_keys();
    keys.sort_unstable();
    drop((pool, tracked));
    store.blocking_finished();
    keys
}

#[test]
fn a_kill_while_existing_items_become_a_dataset_loses_none() {
    let mut instants = Instants::new();
    let (mut done, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let places = Places::new();
        let items = persist(&places);
        let child = "child_that_includes_existing_items";
        let is_done = kill_one(child, &places, &mut instants);
        done += u64::from(is_done);
        match places.try_user() {
            Ok(library) => {
                let keys = library.all_keys();
                assert!(items.iter().all(|key| keys.contains(key)));
            }
            // It is no dataset yet.
            Err(error) => {
                assert!(!is_done && !error.is_damaged(), "{error}");
                assert_eq!(places.files(), items);
                refused += 1;
            }
        }
        let options = OpenOptions::new().with_existing_items();
        let library: Result<Library> = options.blocking_open(&places.store(), places.path());
        drop(library.expect("all items are whole"));
        let user = places.user();
        assert_has(&user, &items);
        assert_eq!(places.files(), user.library.all_keys());
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
}
