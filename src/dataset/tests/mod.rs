//! Every file operation of a commit that fails or is cut off by a power cut. The samples
//! are for the tests of the modules of this room.

mod bases;
mod chains;
mod changed;
mod copies;
mod edits;
mod faults;
mod old_manifests;
mod packs;
mod parts;
mod power;
mod salvage;
pub(super) mod samples;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::manifest::Manifest;
use super::reading::Generation;
use super::{Dataset, OpenOptions, Snapshot};
use crate::fbstore::files::Files;
use crate::fbstore::{FBStore, Manifests, PreparedPath};
use crate::testing::Plain;
use crate::{BackingStore, FBPool};

/// The directory of manifests.
const DIRECTORY: &str = "file_backed.manifest";

/// What a program that is cut off is about to commit, or has committed.
#[derive(Clone, Copy)]
enum Told {
    Begins(u64),
    Committed(u64),
}

/// The last commit that was acknowledged, and the last one that was begun; 0 for none.
fn last_told(all: Vec<&Told>) -> (u64, u64) {
    let (mut committed, mut begun) = (0, 0);
    for told in all {
        match told {
            Told::Begins(n) => begun = *n,
            Told::Committed(n) => committed = *n,
        }
    }
    (committed, begun)
}

type Opened<Root> = (
    Dataset<Root, FBStore<Plain>>,
    Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
);

/// Opens the dataset of a program that keeps all of its files below `root`.
fn start<Root>(runtime: &Runtime, root: &Path, files: impl Fn() -> Arc<dyn Files>) -> Opened<Root>
where
    Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
{
    start_with(&OpenOptions::new(), runtime, root, files)
}

fn start_with<Root>(
    options: &OpenOptions,
    runtime: &Runtime,
    root: &Path,
    files: impl Fn() -> Arc<dyn Files>,
) -> Opened<Root>
where
    Root: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
{
    let open = |name: &str| PreparedPath::open_with(root.join(name), files());
    let cache = open("cache").expect("it is opened");
    let store = FBStore::open(Plain, cache).expect("nobody has it");
    let store = Arc::new(BackingStore::new(store, runtime.handle().clone()));
    let dataset = options.blocking_open(&store, open("saved").expect("it is opened"));
    let dataset = dataset.expect("it is found, or made");
    (dataset, Arc::new(FBPool::new(store, 1)))
}

/// Writes a manifest of version 1 durably, as a library did that knows no other.
fn write_old(path: &PreparedPath, manifest: &Manifest) {
    let manifests = Manifests::of(path);
    path.claim_to_persist().expect("it is ours");
    let bytes = manifest.encode().expect("it is short");
    let written = manifests.write(manifest.generation, &bytes);
    written.expect("nothing fails");
    path.sync_persisted().expect("nothing fails");
    manifests.sync().expect("nothing fails");
}

/// Asserts that the manifests and parts that are there are those of the current generation,
/// which is not the first after a new base.
fn assert_no_manifest_is_left(saved: &Path) {
    let snapshot = Snapshot::blocking_open(saved).expect("it is a dataset");
    let files = snapshot.files().map(|file| saved.join(file));
    let files = files.filter(|file| file.parent().is_some_and(|dir| dir.ends_with(DIRECTORY)));
    let mut files: Vec<_> = files.collect();
    files.sort();
    let found = std::fs::read_dir(saved.join(DIRECTORY)).expect("it is there");
    let mut found: Vec<_> = found.map(|file| file.expect("a name").path()).collect();
    found.sort();
    assert_eq!(found, files);
}

/// Asserts that there are no packs but those that the current commit needs, and nothing
/// beside them. Returns how many there are.
fn count_packs(saved: &Path) -> usize {
    let path = PreparedPath::blocking_open_read_only(saved).expect("it is there");
    let manifests = Manifests::of(&path);
    let generation = manifests.generations().expect("they are listed").pop();
    let generation = generation.expect("it has one");
    let found = Generation::read(&manifests, generation).expect("it is whole");
    let needed = found
        .contents
        .packs()
        .map(|(pack, _)| pack.file.id.simple().to_string());
    let mut needed: Vec<_> = needed.collect();
    needed.sort_unstable();
    let there = std::fs::read_dir(saved.join("file_backed.packs"))
        .into_iter()
        .flatten();
    let name = |file: std::io::Result<std::fs::DirEntry>| file.expect("it is listed").file_name();
    let mut there: Vec<_> = there
        .map(|file| name(file).into_string().expect("ASCII"))
        .collect();
    there.sort_unstable();
    assert_eq!(there, needed);
    there.len()
}
