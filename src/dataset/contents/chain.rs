//! The files that a generation consists of.

use std::sync::Arc;

use uuid::Uuid;

use super::Contents;
use crate::dataset::cause::DatasetCause;
use crate::dataset::manifest::{Base, Changes, Delta, FileId, WrittenFile, encoded_len_of};
use crate::hash::HashSet;

/// Changes up to this many bytes are written again with those of the next commit.
const MOST_REPEATED: u64 = 12 << 10;

/// A root up to this many bytes is written again with the changes of the next commit.
const LONGEST_REPEATED_ROOT: usize = 1 << 10;

/// A chain of more deltas than this is replaced by a base.
const MOST_DELTAS: usize = 64;

/// A chain of fewer deltas than this may grow if a base cannot be written.
const MOST_DELTAS_WITHOUT_BASE: usize = 4 * MOST_DELTAS;

/// Deltas that are no longer than this together are not replaced by a base because of
/// their length.
const LEAST_REPLACED: u64 = 64 << 10;

/// A base, or none, and the deltas from there to the newest generation.
///
/// A delta holds all changes since its parent. A commit writes the changes of the newest
/// delta again, together with its own and with the same parent, as long as they are
/// short; then the newest delta becomes the parent of the next one, and its bytes are
/// written once more as a part. So a small commit writes at most 16 KiB, and the chain grows
/// by one file for about a hundred of them.
///
/// Changes that are too long for that are written as a part at once, and the newest delta
/// changes nothing in it. If the next commit had to write them once more, it would write as
/// much as they take, however small it is.
///
/// A root is written with the commit that changes it. One of more than 1 KiB is not
/// written again with each commit: the delta that holds it becomes the parent of the next
/// one. It is not written as a part at once, because the next commit may change it too, and
/// would lengthen the chain.
///
/// A commit that would make the chain too long writes a base itself, so that the next one,
/// which may be small, need not.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    base: Option<WrittenFile>,
    /// The deltas before the newest one. Each is the parent of the next.
    earlier: Vec<WrittenFile>,
    newest: Option<Newest>,
}

#[derive(Clone, Debug)]
struct Newest {
    written: WrittenFile,
    /// What it changes in its parent; `None` if that is too long to be written again.
    changes: Option<Changes>,
    root: Option<Arc<[u8]>>,
}

/// What the next generation consists of.
#[derive(Clone)]
pub(crate) struct Commit {
    /// Higher than all before, or that of a part which this one changes nothing in.
    pub(crate) generation: u64,
    /// Random: the id of the file.
    pub(crate) id: Uuid,
    /// `None` if the root has not changed. The first generation without a base has one.
    pub(crate) root: Option<Arc<[u8]>>,
    pub(crate) changes: Changes,
}

/// A new chain: a base, and a manifest that changes nothing in it. Neither is written yet.
pub(crate) struct NewChain {
    pub(crate) base_id: Uuid,
    pub(crate) base: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) chain: Chain,
}

/// A generation that was read.
#[derive(Debug)]
pub(crate) struct ReadChain {
    pub(crate) contents: Contents,
    pub(crate) root: Arc<[u8]>,
    pub(crate) chain: Chain,
}

impl Commit {
    /// Whether the changes are written as a part, because the next commit would not write
    /// them again.
    pub(crate) fn is_long(&self) -> bool {
        encoded_len_of(&self.changes) > MOST_REPEATED
    }

    fn root_len(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.len() as u64)
    }

    /// A commit of the same generation that changes nothing, on top of this one.
    pub(crate) fn nothing_more(&self, id: Uuid) -> Self {
        Self {
            generation: self.generation,
            id,
            root: None,
            changes: Changes::default(),
        }
    }
}

impl Contents {
    /// A chain that begins with these contents. Costs one pass over them.
    pub(crate) fn begin_chain(
        &self,
        generation: u64,
        root: &[u8],
    ) -> Result<NewChain, DatasetCause> {
        let base_id = crate::key::random();
        let base = self.encode_base(base_id, generation, root)?;
        let written = WrittenFile {
            file: FileId::of(base_id, &base),
            len: base.len() as u64,
        };
        let nothing = Commit {
            generation,
            id: crate::key::random(),
            root: None,
            changes: Changes::default(),
        };
        let (manifest, chain) = Chain::beginning_at(Some(written)).next(nothing)?;
        Ok(NewChain {
            base_id,
            base,
            manifest,
            chain,
        })
    }
}

impl Chain {
    /// No file yet. With a base, the next generation changes what it holds; otherwise,
    /// the next generation changes the empty dataset.
    pub(crate) fn beginning_at(base: Option<WrittenFile>) -> Self {
        Self {
            base,
            earlier: Vec::new(),
            newest: None,
        }
    }

    pub(crate) fn base(&self) -> Option<WrittenFile> {
        self.base
    }

    /// The delta of the newest generation: its manifest.
    pub(crate) fn newest(&self) -> Option<WrittenFile> {
        self.newest.as_ref().map(|newest| newest.written)
    }

    /// The delta that the newest one builds on.
    pub(crate) fn parent(&self) -> Option<WrittenFile> {
        self.earlier.last().copied()
    }

    /// The parts that the newest generation needs: the base, and the deltas before the newest
    /// one, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Uuid> {
        let parts = self.base.iter().chain(&self.earlier);
        parts.map(|part| part.file.id)
    }

    /// The parts that a later generation would need to build on the newest one.
    pub(crate) fn parts_with_newest(&self) -> impl Iterator<Item = Uuid> {
        self.parts()
            .chain(self.newest().map(|newest| newest.file.id))
    }

    /// The deltas that the newest generation needs, the newest last.
    pub(crate) fn deltas(&self) -> impl DoubleEndedIterator<Item = WrittenFile> {
        self.earlier.iter().copied().chain(self.newest())
    }

    /// Whether to write a base in place of what the chain would be with this commit, which
    /// has a root of this length.
    pub(crate) fn needs_new_base(&self, commit: &Commit, root_len: u64) -> bool {
        let base = self.base.map_or(0, |base| base.len);
        let repeated = self.repeated_with(commit);
        let own = encoded_len_of(&commit.changes).saturating_add(commit.root_len());
        let own = own.saturating_add(repeated.map_or(0, |newest| newest.len_repeated_with(commit)));
        let newest = self.newest.as_ref().filter(|_| repeated.is_none());
        let stay = self
            .earlier
            .iter()
            .chain(newest.map(|newest| &newest.written));
        let lens = stay.map(|delta| delta.len).chain([own]);
        let deltas = lens.clone().count();
        needs_new_base(base, root_len, lens.fold(0, u64::saturating_add), deltas)
    }

    /// Whether a commit may go on with the chain although it needs a new base.
    pub(crate) fn may_grow(&self) -> bool {
        self.deltas().count() < MOST_DELTAS_WITHOUT_BASE
    }

    /// The newest delta, if the next commit writes its changes again.
    fn repeated_with(&self, commit: &Commit) -> Option<&Newest> {
        let newest = self.newest.as_ref();
        newest.filter(|newest| newest.is_repeated_with(commit))
    }

    /// The bytes of the next generation's file, and the chain once it is written.
    pub(crate) fn next(&self, commit: Commit) -> Result<(Vec<u8>, Self), DatasetCause> {
        let repeated = self.repeated_with(&commit);
        let mut earlier = self.earlier.clone();
        let Commit {
            generation,
            id,
            mut root,
            mut changes,
        } = commit;
        if let Some(newest) = repeated {
            let mut all = newest.changes.clone().unwrap_or_default();
            all.extend(changes);
            changes = all;
            root = root.or(newest.root.clone());
        } else {
            earlier.extend(self.newest());
        }
        let delta = Delta {
            id,
            generation,
            base: self.base.map(|base| base.file),
            parent: earlier.last().map(|parent| parent.file),
            root,
            changes,
        };
        let bytes = delta.encode()?;
        let written = delta.written(&bytes);
        let next = Self {
            base: self.base,
            earlier,
            newest: Some(Newest::of(&delta, written)),
        };
        Ok((bytes, next))
    }

    /// Puts a generation together. `deltas` are all from the one without a parent to the
    /// newest. `base` is the one that they name.
    pub(crate) fn read(
        base: Option<Arc<Base>>,
        deltas: Vec<(Delta, WrittenFile)>,
    ) -> Result<ReadChain, DatasetCause> {
        let from = base.as_ref().map_or(0, |base| base.generation());
        if deltas
            .first()
            .is_some_and(|(first, _)| first.generation < from)
        {
            return Err(DatasetCause::DamagedManifest(
                "its base is of a later generation",
            ));
        }
        let mut chain = Self::beginning_at(base.as_ref().map(|base| base.written()));
        let mut root = base.as_ref().map(|base| base.root().clone());
        let mut changes = Changes::default();
        for (delta, written) in deltas {
            chain.earlier.extend(chain.newest());
            chain.check_follows(&delta)?;
            if delta.root.is_some() {
                root = delta.root.clone();
            }
            chain.newest = Some(Newest::of(&delta, written));
            changes.extend(delta.changes);
        }
        chain.check_ids()?;
        let contents = base.map_or_else(Contents::empty, Contents::of);
        Ok(ReadChain {
            contents: contents.with(&changes)?,
            root: root.ok_or(DatasetCause::DamagedManifest("it has no root"))?,
            chain,
        })
    }

    /// Checks that no two files have the same id. The newest delta becomes a part too once a
    /// commit builds on it, and parts are named by their ids.
    fn check_ids(&self) -> Result<(), DatasetCause> {
        let mut ids = HashSet::default();
        match self.parts_with_newest().all(|id| ids.insert(id)) {
            true => Ok(()),
            false => Err(DatasetCause::DamagedManifest(
                "two of its files have one id",
            )),
        }
    }

    /// Checks that the next delta after those in `earlier` is this one.
    fn check_follows(&self, delta: &Delta) -> Result<(), DatasetCause> {
        let damaged = |why| Err(DatasetCause::DamagedManifest(why));
        if delta.base != self.base.map(|base| base.file) {
            return damaged("its base is another one");
        }
        if delta.parent != self.parent().map(|parent| parent.file) {
            return damaged("its parent is another one");
        }
        Ok(())
    }
}

impl Newest {
    fn of(delta: &Delta, written: WrittenFile) -> Self {
        let is_short = encoded_len_of(&delta.changes) <= MOST_REPEATED;
        Self {
            written,
            changes: is_short.then(|| delta.changes.clone()),
            root: delta.root.clone(),
        }
    }

    /// The bytes of this delta that the next commit writes again, if it does.
    fn len_repeated_with(&self, commit: &Commit) -> u64 {
        let changes = self.changes.as_ref().map_or(0, encoded_len_of);
        let root = self.root.as_ref().filter(|_| commit.root.is_none());
        changes.saturating_add(root.map_or(0, |root| root.len() as u64))
    }

    /// Whether the next commit writes these changes again, in place of this delta. It does so
    /// if there are none, and only then may this delta be of the generation of its parent.
    fn is_repeated_with(&self, commit: &Commit) -> bool {
        let repeats_root = commit.root.is_none();
        let root = self.root.as_ref().filter(|_| repeats_root);
        let is_short = root.is_none_or(|root| root.len() <= LONGEST_REPEATED_ROOT);
        let len = self.changes.as_ref().map(encoded_len_of);
        let all = len.map(|len| len.saturating_add(encoded_len_of(&commit.changes)));
        is_short && (len == Some(0) || all.is_some_and(|all| all <= MOST_REPEATED))
    }
}

/// Whether a base takes the place of `deltas` files. They may grow to half of the base,
/// so writing bases triples the bytes that commits write, at most; and reading a
/// generation opens a bounded number of files. They may hold the root once, because a base
/// would have to hold it too.
fn needs_new_base(base_len: u64, root_len: u64, deltas_len: u64, deltas: usize) -> bool {
    let least = LEAST_REPLACED.saturating_add(root_len);
    deltas > MOST_DELTAS || deltas_len > (base_len / 2).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_without_a_new_base_grows_up_to_a_limit() {
        let written = WrittenFile {
            file: FileId::of(Uuid::nil(), &[0; 4]),
            len: 0,
        };
        for (deltas, may_grow) in [(0, true), (65, true), (255, true), (256, false)] {
            let chain = Chain {
                base: None,
                earlier: vec![written; deltas],
                newest: None,
            };
            assert_eq!(chain.may_grow(), may_grow, "{deltas}");
        }
    }

    #[test]
    fn a_new_base_is_due_once_the_deltas_are_long_or_many() {
        let (floor, large) = (LEAST_REPLACED, 100 * LEAST_REPLACED);
        for (base, root, len, deltas, is_due) in [
            (0, 0, 0, 0, false),
            (0, 0, floor, 1, false),
            (0, 0, floor + 1, 1, true),
            (0, large, floor + large, 1, false),
            (0, large, floor + large + 1, 1, true),
            (large, 0, floor + 1, 1, false),
            (large, 0, large / 2, 64, false),
            (large, 0, large / 2 + 1, 1, true),
            (large, floor, large / 2 + 1, 1, true),
            (large, 0, 0, 65, true),
            (u64::MAX, 0, u64::MAX, 1, true),
        ] {
            assert_eq!(
                needs_new_base(base, root, len, deltas),
                is_due,
                "{base} {root} {len} {deltas}"
            );
        }
    }
}
