//! `kill -9` of a process that commits, while another reads.

use super::*;

/// Killed so many times. Each kill takes a process that starts, opens the
/// dataset, commits and is gone.
const KILLS: u64 = 300;

/// Commit `n` consists of a few texts and a blob of this number, and of nothing
/// else.
fn commit(user: &User, n: u64) {
    let texts = [(); 3].map(|()| user.insert(&n.to_string()));
    let blob = user.blobs.insert(blob(n));
    let committed = user.library.blocking_commit(|saver| {
        let mut root = Catalogue::default();
        for (name, text) in ["a", "b", "c"].into_iter().zip(&texts) {
            root.texts.insert(name.to_owned(), saver.save(text)?);
        }
        root.blobs.push(saver.save(&blob)?);
        Ok::<_, Error>(root)
    });
    committed.expect("nothing fails");
}

fn blob(n: u64) -> Vec<u8> {
    n.to_le_bytes().repeat(1 << (n % 14))
}

/// The number of the commit that is there, which is whole; 0 for none.
pub(super) fn number(user: &User) -> u64 {
    let root = user.library.root();
    let Some(key) = root.blobs.first() else {
        assert_eq!(*root, Catalogue::default());
        return 0;
    };
    let found = user.library.blocking_get(&user.blobs, *key);
    let found = found.expect("it is committed");
    let found = found.blocking_read().expect("it is whole");
    let n = u64::from_le_bytes(found[..8].try_into().expect("8 bytes"));
    assert_eq!(*found, blob(n));
    for name in ["a", "b", "c"] {
        assert_eq!(user.text(name), n.to_string(), "of one commit");
    }
    n
}

/// Opens the dataset, and commits and reports each commit until it is killed.
#[test]
fn child_that_commits() {
    let Some(places) = place() else { return };
    let user = places.user();
    let mut n = number(&user);
    loop {
        n += 1;
        tell(&format!("begin {n}"));
        commit(&user, n);
        tell(&format!("done {n}"));
    }
}

#[test]
fn child_that_reads() {
    let Some(places) = place() else { return };
    let is_told_to_end = is_told_to_end();
    let mut last = 0;
    tell("begin");
    while !is_told_to_end() {
        let user = places.reader();
        let n = number(&user);
        assert!(n >= last, "a commit that was there has gone");
        last = n;
        end(user);
    }
    tell("end");
}

/// An instant that has nothing to do with what the other process does.
struct Instants(u64);

impl Instants {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn a_kill_at_any_instant_leaves_the_last_commit_or_the_one_in_flight() {
    let places = Places::new();
    drop(places.user());
    let mut reader = Process::start("dataset::processes::kills::child_that_reads", &places.saved);
    reader.expect("begin");
    let mut instants = Instants(0x9E37_79B9_7F4A_7C15);
    let (mut acknowledged, mut in_flight) = (0, 0);
    let mut note = |told: String, acknowledged: &mut u64| {
        let (what, n) = told.split_once(' ').expect("a word and a number");
        let n = n.parse().expect("a number");
        match what {
            "begin" => in_flight = n,
            _ => *acknowledged = n,
        }
        in_flight
    };
    for _ in 0..KILLS {
        let child = "dataset::processes::kills::child_that_commits";
        let mut child = Process::start(child, &places.saved);
        let mut begun = acknowledged;
        for _ in 0..1 + instants.below(6) {
            let told = child.told().expect("it commits until it is killed");
            begun = note(told, &mut acknowledged);
        }
        // Somewhere in what it does next.
        for _ in 0..instants.below(200_000) {
            std::hint::spin_loop();
        }
        for told in child.kill() {
            begun = note(told, &mut acknowledged);
        }
        let user = places.user();
        let found = number(&user);
        assert!(
            found == acknowledged || found == begun,
            "{found} was found, {acknowledged} acknowledged, {begun} begun"
        );
        let verified = user.library.blocking_verify(Default::default());
        assert!(verified.expect("it reads").is_whole());
        // What was found is what the next one goes on from.
        acknowledged = found;
        end(user);
    }
    reader.finish();
    let user = places.user();
    assert_eq!(
        places.files(),
        user.library.all_keys(),
        "nothing is left over"
    );
    assert!(user.library.generation() > KILLS / 2, "it did commit");
}
