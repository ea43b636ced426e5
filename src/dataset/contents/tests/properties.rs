//! Random edits, chains of files and new bases.

use std::collections::HashMap;
use std::sync::Arc;

use super::model::Model;
use super::{entry, key, put_named};
use crate::dataset::contents::{Chain, Commit, Contents, Edit, ReadChain};
use crate::dataset::dice::Dice;
use crate::dataset::manifest::{Base, Changes, Delta, FileId};

/// A dataset whose files are in memory.
struct Disk {
    files: HashMap<FileId, Vec<u8>>,
    generation: u64,
    contents: Contents,
    root: Arc<[u8]>,
    chain: Chain,
    dice: Dice,
}

impl Disk {
    /// A dataset with an empty commit.
    fn new(seed: u64) -> Self {
        let mut disk = Self {
            files: HashMap::new(),
            generation: 0,
            contents: Contents::empty(),
            root: b"{}".as_slice().into(),
            chain: Chain::beginning_at(None),
            dice: Dice::new(seed),
        };
        let (contents, root) = (disk.contents.clone(), Some(disk.root.clone()));
        disk.write(contents, Changes::default(), root);
        disk
    }

    fn random_id(&mut self) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(self.dice.roll(), self.dice.roll())
    }

    /// Commits; returns the length of the file.
    fn commit(&mut self, edit: Edit, root: Option<Arc<[u8]>>) -> usize {
        let before = self.contents.clone();
        let (contents, changes) = edit.finish().expect("it is consistent");
        assert_eq!(before.changes_to(&contents), changes);
        self.write(contents, changes, root)
    }

    fn write(&mut self, contents: Contents, changes: Changes, root: Option<Arc<[u8]>>) -> usize {
        self.generation += 1 + self.dice.below(3) as u64;
        self.root = root.clone().unwrap_or(self.root.clone());
        let commit = Commit {
            generation: self.generation,
            id: self.random_id(),
            root,
            changes,
        };
        let (bytes, chain) = self.chain.next(commit).expect("it is small");
        let newest = chain.deltas().next_back().expect("it was written");
        let len = bytes.len();
        assert_eq!(newest.len, len as u64);
        self.files.insert(newest.file, bytes);
        self.contents = contents;
        self.chain = chain;
        // No other file may be needed.
        let deltas = self.chain.deltas().map(|written| written.file);
        let base = self.chain.base().map(|base| base.file);
        let needed: Vec<_> = deltas.chain(base).collect();
        self.files.retain(|file, _| needed.contains(file));
        len
    }

    /// Whether a commit of these changes should write a base.
    fn needs_new_base(&mut self, changes: &Changes) -> bool {
        let commit = Commit {
            generation: self.generation + 1,
            id: self.random_id(),
            root: None,
            changes: changes.clone(),
        };
        let root_len = self.root.len() as u64;
        self.chain.needs_new_base(&commit, root_len)
    }

    /// Writes a base of a version; a later commit takes it up.
    fn write_base(&mut self) -> (Arc<Base>, Contents) {
        let id = self.random_id();
        let bytes = self.contents.encode_base(id, self.generation, &self.root);
        let base = Base::from_bytes(bytes.expect("it is small")).expect("it is whole");
        let made_of = self.contents.clone();
        (Arc::new(base), made_of)
    }

    /// Commits what changed since a base was made, on that base.
    fn take_up(&mut self, base: Arc<Base>, made_of: &Contents) {
        let changes = made_of.changes_to(&self.contents);
        let contents = Contents::of(base.clone()).with(&changes);
        let contents = contents.expect("it is consistent");
        assert_eq!(made_of.changes_to(&contents), changes);
        let bytes = made_of.encode_base(base.written().file.id, base.generation(), base.root());
        self.files
            .insert(base.written().file, bytes.expect("it is small"));
        self.chain = Chain::beginning_at(Some(base.written()));
        let root = (*base.root() != self.root).then(|| self.root.clone());
        self.write(contents, changes, root);
    }

    /// Reads the newest generation from its files.
    fn reopen(&mut self) {
        let written: Vec<_> = self.chain.deltas().collect();
        let mut deltas = Vec::new();
        let mut next = written.last().map(|newest| newest.file);
        while let Some(file) = next {
            let read = Delta::read(&self.files[&file]).expect("it is whole");
            assert_eq!(read.1.file, file);
            next = read.0.parent;
            deltas.push(read);
        }
        deltas.reverse();
        let base = deltas[0].0.base.map(|file| &self.files[&file]);
        let base = base.map(|bytes| Arc::new(Base::read(bytes).expect("it is whole")));
        let read = Chain::read(base, deltas).expect("it is consistent");
        let ReadChain {
            contents,
            root,
            chain,
        } = read;
        assert_eq!(root, self.root);
        assert!(chain.deltas().eq(written));
        assert_eq!(chain.base(), self.chain.base());
        assert_eq!(self.contents.changes_to(&contents), Changes::default());
        self.contents = contents;
        self.chain = chain;
    }
}

fn root(dice: &mut Dice) -> Option<Arc<[u8]>> {
    match dice.below(6) {
        0 => Some(vec![b'r'; dice.below(3000)].into()),
        1 => Some(vec![b's'; dice.below(10)].into()),
        _ => None,
    }
}

#[test]
fn any_sequence_of_edits_reopens_and_bases_has_the_contents_of_the_model() {
    for seed in 0..20 {
        let mut disk = Disk::new(seed);
        let mut dice = Dice::new(1000 + seed);
        let mut model = Model::default();
        let mut pending = None;
        for _ in 0..40 {
            let steps = dice.below(8) + if dice.below(10) == 0 { 150 } else { 0 };
            let edit = match dice.below(8) {
                0 => model.edit_anew(&disk.contents, &mut dice, steps),
                _ => model.edit(&disk.contents, &mut dice, steps),
            };
            let earlier = disk.contents.clone();
            disk.commit(edit, root(&mut dice));
            model.assert_is(&disk.contents, &mut dice);
            let back = disk.contents.changes_to(&earlier);
            let undone = disk.contents.with(&back).expect("it is consistent");
            assert_eq!(earlier.changes_to(&undone), Changes::default());
            match dice.below(6) {
                0 => disk.reopen(),
                1 => pending = Some(disk.write_base()),
                2 => {
                    if let Some((base, made_of)) = pending.take() {
                        disk.take_up(base, &made_of);
                    }
                }
                _ => {}
            }
            model.assert_is(&disk.contents, &mut dice);
        }
        disk.reopen();
        model.assert_is(&disk.contents, &mut dice);
    }
}

/// The limits that the documentation of [`Chain`] states.
#[test]
fn a_small_commit_writes_at_most_16_kib_and_the_chain_grows_slowly() {
    let mut disk = Disk::new(1);
    let mut written = 0;
    for n in 0..1000 {
        let mut edit = Edit::of(&disk.contents);
        let name = format!("a name of 20 b. {n:04}");
        put_named(&mut edit, &name, n, entry(n)).expect("it is short");
        let len = disk.commit(edit, None);
        assert!(len <= 16 << 10, "{len}");
        written = written.max(len);
    }
    assert!(written > 11 << 10, "{written}");
    let deltas = disk.chain.deltas().count();
    assert!((4..=10).contains(&deltas), "{deltas}");
    disk.reopen();
    assert_eq!(
        (disk.contents.len(), disk.contents.name_count()),
        (1000, 1000)
    );
}

#[test]
fn a_large_commit_is_one_delta_and_is_not_written_again() {
    let mut disk = Disk::new(2);
    let mut edit = Edit::of(&disk.contents);
    (0..5000).for_each(|n| edit.put(key(n), entry(n)));
    let (contents, changes) = edit.finish().expect("it is consistent");
    let nothing = Changes::default();
    assert!(disk.needs_new_base(&changes) && !disk.needs_new_base(&nothing));
    let large = disk.write(contents, changes, None);
    assert!(large > 5000 * 30, "{large}");
    assert!(disk.needs_new_base(&nothing));
    let mut edit = Edit::of(&disk.contents);
    edit.put(key(6000), entry(6000));
    let small = disk.commit(edit, None);
    assert!(small < 300, "{small}");
    assert_eq!(disk.chain.deltas().count(), 2);
    disk.reopen();
    assert_eq!(disk.contents.len(), 5001);
    let (base, made_of) = disk.write_base();
    disk.take_up(base, &made_of);
    assert_eq!(disk.chain.deltas().count(), 1);
    assert!(!disk.needs_new_base(&nothing));
    disk.reopen();
    assert_eq!(disk.contents.len(), 5001);
}

/// A commit that changes much makes a base in memory; otherwise a million changes would
/// take 480 bytes each.
#[test]
fn contents_after_large_commits_take_little_memory() {
    let n = 20_000_u64;
    let name = |n: u64| format!("a name of 20 b {n:05}");
    let mut disk = Disk::new(3);
    for part in 0..5 {
        let mut edit = Edit::of(&disk.contents);
        for n in part * n / 5..(part + 1) * n / 5 {
            put_named(&mut edit, &name(n), n, entry(n)).expect("it is short");
        }
        disk.commit(edit, None);
    }
    disk.contents.validate();
    assert_eq!(disk.contents.len(), n);
    let memory = |disk: &Disk| {
        let names = n as usize * name(0).len();
        let base = disk.contents.base.memory() - names;
        (base + disk.contents.overlay.len() / 2 * 480) / n as usize
    };
    assert!(memory(&disk) <= 64, "{}", memory(&disk));
    disk.reopen();
    assert!(memory(&disk) <= 64, "{}", memory(&disk));
}
