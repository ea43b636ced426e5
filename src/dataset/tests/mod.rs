//! Every file operation of a commit that fails or is cut off by a power cut. The dice are
//! for the tests of the modules of this room.

mod chains;
mod changed;
mod copies;
pub(super) mod dice;
mod edits;
mod faults;
mod old_manifests;
mod parts;
mod power;

use std::path::Path;

use super::Snapshot;
use super::manifest::Manifest;
use crate::fbstore::{Manifests, PreparedPath};

/// The directory of manifests.
const DIRECTORY: &str = "file_backed.manifest";

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
