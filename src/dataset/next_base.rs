//! Bases that are written beside the commits.
//!
//! A base of a million items takes a second to write. The commit that finds one due, if it is
//! small, goes on without it. Then its contents are written as a base in the background, and
//! the first commit that finds the base written builds on it: its delta holds what has changed
//! since. Until then, no manifest refers to the base, and what an interruption leaves of it is
//! a part, which the next open removes, or a temporary file, which the next commit removes.
//!
//! The first commit of an open dataset writes the base itself. Otherwise a program that
//! commits once in each run would write a base in each, and use none.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::contents::Contents;
use super::current::Version;
use super::manifest::{Base, Changes};
use super::path::DatasetPath;
use super::{Result, Shared};
use crate::backing_store::{ManifestStore, Task};
use crate::error::Operation;

/// Contents with fewer items and names than this are written as a base by the commit that
/// finds it due: that takes a few milliseconds.
pub(super) const LEAST_IN_BACKGROUND: u64 = 32 << 10;

/// Commits until a base that could not be written is tried again.
const COMMITS_BEFORE_RETRY: u64 = 16;

/// Whether, when and how the next base is written.
pub(super) struct Bases {
    next: Option<NextBase>,
    /// What a base has at least that is written in the background.
    pub(super) least_in_background: u64,
    /// Whether the dataset has committed since it was opened.
    has_committed: bool,
    /// The generation before which no base is written, because the last one failed.
    retry_at: u64,
}

/// A base of an earlier commit, which a later one builds on once it is written.
struct NextBase {
    id: Uuid,
    /// What commits have changed since the one that it holds.
    changes: Changes,
    /// The job that writes it, until its result was taken.
    writing: Option<Task<Arc<Base>>>,
    /// Once it is written.
    base: Option<Arc<Base>>,
}

/// A base that was written beside the commits, and what they have changed since.
pub(super) struct WrittenBase {
    pub(super) base: Arc<Base>,
    pub(super) changes: Changes,
}

impl Bases {
    pub(super) fn new() -> Self {
        Self {
            next: None,
            least_in_background: LEAST_IN_BACKGROUND,
            has_committed: false,
            retry_at: 0,
        }
    }

    /// The part that is being written, or that no commit has built on yet.
    pub(super) fn part(&self) -> Option<Uuid> {
        self.next.as_ref().map(|next| next.id)
    }

    /// Whether a base of these contents is written in the background.
    pub(super) fn is_for_background(&self, contents: &Contents) -> bool {
        let len = contents.len().saturating_add(contents.name_count());
        self.has_committed && len >= self.least_in_background
    }

    /// Whether the commit of this generation may write a base, or start to.
    pub(super) fn may_begin(&self, generation: u64) -> bool {
        self.next.is_none() && generation >= self.retry_at
    }

    /// Notes that a base could not be written when this generation was committed.
    pub(super) fn has_failed(&mut self, generation: u64) {
        self.retry_at = generation.saturating_add(COMMITS_BEFORE_RETRY);
    }

    /// Gives up the next base, which could not be written, or on which the commit of this
    /// generation could not build.
    pub(super) fn abandon(&mut self, generation: u64) {
        self.next = None;
        self.has_failed(generation);
    }

    /// Notes what a commit has changed. If it builds on the base that was written, that is no
    /// longer the next one.
    pub(super) fn note_commit(&mut self, base: Option<Uuid>, changes: Changes) {
        self.has_committed = true;
        match &mut self.next {
            Some(next) if Some(next.id) == base => self.next = None,
            Some(next) => next.changes.extend(changes),
            None => {}
        }
    }

    /// The base that a commit of this generation can build on. If it has to build on one that
    /// is being written, it waits.
    pub(super) fn written(&mut self, generation: u64, waits: bool) -> Option<WrittenBase> {
        let next = self.next.as_mut()?;
        let may_take = |task: &mut Task<_>| waits || task.is_finished();
        if let Some(task) = next.writing.take_if(may_take) {
            match task.wait() {
                Ok(base) => next.base = Some(base),
                Err(error) => {
                    tracing::warn!(%error, generation, "could not write a new base of a dataset in the background: commits go on without, and try again later");
                    self.abandon(generation);
                    return None;
                }
            }
        }
        Some(WrittenBase {
            base: next.base.clone()?,
            changes: next.changes.clone(),
        })
    }

    /// Starts to write the contents of the current commit as a base. Returns its id.
    pub(super) fn begin<Root, B>(
        &mut self,
        shared: &Arc<Shared<Root, B>>,
        current: &Version<Root>,
    ) -> Uuid
    where
        Root: Send + Sync + 'static,
        B: ManifestStore,
    {
        let id = crate::key::random();
        let writing = Writing {
            id,
            generation: current.generation,
            root: current.encoded_root.clone(),
            contents: current.contents.clone(),
            // Another dataset of the process may open the path while the last of it is written.
            path: DatasetPath {
                claim: None,
                ..shared.path.clone()
            },
            dataset: Arc::downgrade(shared),
        };
        let task = shared
            .path
            .store
            .task(Operation::Commit, move || writing.run());
        self.next = Some(NextBase {
            id,
            changes: Changes::default(),
            writing: Some(task),
            base: None,
        });
        id
    }
}

/// The job that writes a base.
struct Writing<Root, B: ManifestStore> {
    id: Uuid,
    generation: u64,
    root: Arc<[u8]>,
    contents: Contents,
    path: DatasetPath<B>,
    /// Whether it is still open.
    dataset: Weak<Shared<Root, B>>,
}

impl<Root, B: ManifestStore> Writing<Root, B> {
    fn run(self) -> Result<Arc<Base>> {
        let Self {
            id,
            generation,
            root,
            contents,
            path,
            dataset,
        } = self;
        let refused = |cause| path.error(Operation::Commit, cause);
        let bytes = contents.encode_base(id, generation, &root);
        let bytes = bytes.map_err(refused)?;
        if dataset.strong_count() > 0 {
            path.call(Operation::Commit, |backing, path| {
                backing.write_part(path, id, &bytes)
            })?;
        }
        if dataset.strong_count() == 0 {
            // No commit will build on it. If it cannot be removed, the next open does.
            let _ = path.call(Operation::Commit, |backing, path| {
                backing.remove_part(path, id)
            });
        }
        Base::from_bytes(bytes).map(Arc::new).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_failed_is_tried_again_some_commits_later() {
        let mut bases = Bases::new();
        assert!(bases.may_begin(5));
        bases.has_failed(5);
        assert!(!bases.may_begin(20));
        assert!(bases.may_begin(21));
    }
}
