//! `kill -9` of a process that commits, while others read.

use std::collections::VecDeque;

use super::*;

mod leftovers;
mod old;
mod openings;

/// Killed so many times. Each kill takes a process that starts, opens the
/// dataset, commits and is gone.
const KILLS: u64 = 300;

/// The name of the item that an even commit adds.
const EVEN: &str = "even";

/// Commit `n`. An odd one consists of a few texts, a blob and a long root of this number, and of
/// nothing else. An even one adds an item with a name. So it builds on the one before, which
/// becomes a part, and each fourth commit or so writes a base. Every other even one has names that
/// are too long together to be written again: it writes a part of its own.
pub(super) fn commit(user: &User, n: u64) {
    match n.is_multiple_of(2) {
        true => commit_even(user, n),
        false => commit_odd(user, n),
    }
}

fn commit_odd(user: &User, n: u64) {
    let texts = [(); 3].map(|()| user.insert(&n.to_string()));
    let blob = user.blobs.insert(blob(n));
    let committed = user.library.blocking_commit(|saver| {
        let mut root = Catalogue::default();
        for (name, text) in ["a", "b", "c"].into_iter().zip(&texts) {
            root.texts.insert(name.to_owned(), saver.save(text)?);
        }
        root.texts.insert(long(n), root.texts["a"]);
        root.blobs.push(saver.save(&blob)?);
        Ok::<_, Error>(root)
    });
    committed.expect("nothing fails");
}

fn commit_even(user: &User, n: u64) {
    let item = user.insert(&n.to_string());
    let aliases = if n.is_multiple_of(4) { 13 } else { 0 };
    let edited = user.library.blocking_edit(|edit| {
        let key = edit.put_named(EVEN, &item)?;
        for alias in 0..aliases {
            edit.set_name(&format!("{alias:02}").repeat(500), key)?;
        }
        Ok::<_, Error>(())
    });
    edited.expect("nothing fails");
}

/// A root with this in it is not written again, and three of them are longer than the deltas of
/// a small dataset may be.
fn long(n: u64) -> String {
    format!("{n:08}").repeat(5000)
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
    for name in ["a", "b", "c", &long(n)] {
        assert_eq!(user.text(name), n.to_string(), "of one commit");
    }
    if user.library.key_named::<String>(EVEN).is_none() {
        return n;
    }
    assert_eq!(user.named(EVEN), (n + 1).to_string(), "of one commit");
    let aliases = user.library.names().iter().count() - 1;
    assert_eq!(aliases, if (n + 1).is_multiple_of(4) { 13 } else { 0 });
    n + 1
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

/// Opens one commit after the other to read, and has the last three pinned.
#[test]
fn child_that_reads() {
    let Some(places) = place() else { return };
    let is_told_to_end = is_told_to_end();
    let mut pinned = VecDeque::new();
    let mut last = 0;
    tell("begin");
    while !is_told_to_end() {
        let user = places.reader();
        let n = number(&user);
        assert!(n >= last, "a commit that was there has gone");
        last = n;
        pinned.push_back((user, n));
        if pinned.len() > 3
            && let Some((user, n)) = pinned.pop_front()
        {
            check_pinned(user, n);
        }
    }
    for (user, n) in pinned {
        check_pinned(user, n);
    }
    tell("end");
}

/// Whatever was committed since, a reader has all of its own commit.
pub(super) fn check_pinned(user: User, n: u64) {
    assert_eq!(number(&user), n);
    assert_is_whole(&user);
    end(user);
}

fn assert_is_whole(user: &User) {
    let verified = user.library.blocking_verify(Default::default());
    assert!(verified.expect("it reads").is_whole());
}

/// An instant that has nothing to do with what the other process does.
struct Instants(u64);

impl Instants {
    fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Somewhere in what another process does next.
    fn pass(&mut self) {
        for _ in 0..self.below(200_000) {
            std::hint::spin_loop();
        }
    }
}

/// What the killed processes have told.
struct Commits {
    instants: Instants,
    acknowledged: u64,
    in_flight: u64,
}

impl Commits {
    fn beginning_at(n: u64) -> Self {
        Self {
            instants: Instants::new(),
            acknowledged: n,
            in_flight: n,
        }
    }

    fn note(&mut self, told: &str) {
        let (what, n) = told.split_once(' ').expect("a word and a number");
        let n = n.parse().expect("a number");
        match what {
            "begin" => self.in_flight = n,
            _ => self.acknowledged = n,
        }
    }

    /// Kills a process that commits.
    fn kill_one(&mut self, places: &Places) {
        let child = "dataset::processes::kills::child_that_commits";
        let mut child = Process::start(child, &places.saved);
        for _ in 0..1 + self.instants.below(6) {
            let told = child.told().expect("it commits until it is killed");
            self.note(&told);
        }
        self.instants.pass();
        for told in child.kill() {
            self.note(&told);
        }
    }

    /// Checks what the next process finds, which is what it goes on from.
    fn check(&mut self, user: &User) -> u64 {
        let found = number(user);
        let Self {
            acknowledged,
            in_flight,
            ..
        } = *self;
        assert!(
            found == acknowledged || found == in_flight,
            "{found} was found, {acknowledged} acknowledged, {in_flight} begun"
        );
        assert_is_whole(user);
        (self.acknowledged, self.in_flight) = (found, found);
        found
    }
}

#[test]
fn a_kill_at_any_instant_leaves_the_last_commit_or_the_one_in_flight() {
    let places = Places::new();
    let user = places.user();
    commit(&user, 1);
    end(user);
    old::make_old(&places);
    let mut reader = Process::start("dataset::processes::kills::child_that_reads", &places.saved);
    reader.expect("begin");
    let mut commits = Commits::beginning_at(1);
    for _ in 0..KILLS {
        commits.kill_one(&places);
        let user = places.user();
        commits.check(&user);
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
