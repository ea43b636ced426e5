//! Every file operation of a commit that fails or is cut off by a power cut. The dice are
//! for the tests of the modules of this room.

pub(super) mod dice;
mod faults;
mod old_manifests;
mod power;

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
