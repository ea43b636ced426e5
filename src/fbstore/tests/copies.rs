//! Tests of the copies and reflinks that replace links where there are none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;

use super::super::directory::{Directory, Opening, Wishes};
use super::super::file_ref::FileRef;
use super::super::files::Files as _;
use super::super::real_files::RealFiles;
use super::super::role::Role;
use crate::backing_store::Transfer;
use crate::error::Cause;
use crate::testing::errno::{EACCES, EDQUOT, EIO, EMLINK, ENOSPC, EOPNOTSUPP, EPERM, EROFS, EXDEV};
use crate::testing::{FaultyFiles, Links, Plain, scratch};

const KEY: Uuid = Uuid::from_u128(0xab << 120 | 7);

const NO_LINK: [i32; 4] = [EPERM, EXDEV, EMLINK, EOPNOTSUPP];

const NO_REASON_TO_COPY: [i32; 5] = [EACCES, EROFS, ENOSPC, EDQUOT, EIO];

struct TestDirectory {
    dir: TempDir,
    files: FaultyFiles,
    directory: Arc<Directory>,
}

impl TestDirectory {
    fn new(links: Links) -> Self {
        let dir = scratch();
        let files = FaultyFiles::default();
        files.set_links(links);
        let root = dir.path().join("items");
        let opening = Opening::Create(Wishes::default());
        let directory = Directory::open(root, Arc::new(files.clone()), opening);
        Self {
            dir,
            files,
            directory: directory.expect("it is there"),
        }
    }

    /// A file with a footer, outside of the directory.
    fn source(&self, name: &str, value: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        let mut file = Vec::new();
        file_backed_codecs::frame::write_file(&Plain, &value.to_vec(), &mut file)
            .expect("it is encoded");
        fs::write(&path, file).expect("it is written");
        path
    }

    fn take_in(&self, from: &Path, role: Role) -> Result<Transfer, String> {
        let taken = self
            .directory
            .take_in(&FileRef::Path(from), KEY, role, None);
        taken
            .map(|taken| taken.transfer)
            .map_err(|error| error.to_string())
    }

    fn target(&self) -> PathBuf {
        self.directory.path_of(KEY)
    }

    /// The number of names in the shard of the key.
    fn names(&self) -> usize {
        let shard = self.target().parent().map(fs::read_dir);
        shard.expect("a shard").expect("it is read").count()
    }
}

#[test]
fn a_file_that_cannot_be_linked_is_copied() {
    let big = vec![7; 3 << 20 | 1];
    for value in [&b"small"[..], &big] {
        for number in NO_LINK {
            for role in [Role::Cache, Role::Persisted] {
                let place = TestDirectory::new(Links::Refused(number));
                let source = place.source("source", value);
                assert_eq!(place.take_in(&source, role), Ok(Transfer::Copied));
                let bytes = |path| fs::read(path).expect("it is there");
                assert!(bytes(place.target()) == bytes(source));
                let metadata = fs::metadata(place.target()).expect("it is there");
                assert!(metadata.permissions().readonly());
                assert_eq!(place.names(), 1, "nothing temporary is left");
                let temporary = place.directory.temporary_ref(KEY).path().into_owned();
                let is_synced = place.files.is_synced(&temporary);
                assert_eq!(is_synced, role == Role::Persisted);
            }
        }
    }
}

#[test]
fn a_reflink_is_tried_before_a_copy() {
    let place = TestDirectory::new(Links::Reflinks(NO_LINK[0]));
    let source = place.source("source", b"value");
    let taken = place.take_in(&source, Role::Persisted);
    assert_eq!(taken, Ok(Transfer::Cloned));
    assert_eq!(fs::read(place.target()).ok(), fs::read(source).ok());
}

#[test]
fn other_failures_of_a_link_are_errors_and_make_no_copy() {
    for number in NO_REASON_TO_COPY {
        let place = TestDirectory::new(Links::Refused(number));
        let source = place.source("source", b"value");
        let error = place
            .take_in(&source, Role::Persisted)
            .expect_err("no link");
        assert!(error.contains(&*source.to_string_lossy()), "{error}");
        assert_eq!(place.names(), 0);
    }
}

/// This holds for links and for copies.
#[test]
fn an_existing_file_is_never_replaced_and_accepted_only_if_equal() {
    for links in [Links::AsTheMachine, Links::Refused(NO_LINK[1])] {
        let place = TestDirectory::new(links);
        let (source, equal) = (place.source("a", b"value"), place.source("b", b"value"));
        let other = place.source("c", b"other");
        place.take_in(&source, Role::Persisted).expect("it is new");
        let before = fs::read(place.target()).expect("it is there");
        for same in [&source, &equal] {
            let taken = place.take_in(same, Role::Persisted);
            assert_eq!(taken, Ok(Transfer::Present), "{links:?}");
        }
        let conflict = Cause::Conflict.to_string();
        let error = place.take_in(&other, Role::Persisted).expect_err("another");
        assert!(error.contains(&conflict), "{error}");
        // In a cache an equal footer proves nothing: the file may be torn.
        let error = place.take_in(&equal, Role::Cache).expect_err("another");
        assert!(error.contains(&conflict), "{error}");
        assert_eq!(fs::read(place.target()).expect("it is there"), before);
        assert_eq!(place.names(), 1);
    }
}

/// The temporary file was left by a process that crashed during a copy, or that could
/// not remove it.
#[test]
fn a_leftover_of_an_unfinished_copy_does_not_prevent_a_copy() {
    let place = TestDirectory::new(Links::Refused(NO_LINK[1]));
    let source = place.source("source", b"value");
    let temporary = place.directory.temporary_ref(KEY).path().into_owned();
    fs::write(temporary, "half").expect("it is written");
    let taken = place.take_in(&source, Role::Persisted);
    assert_eq!(taken, Ok(Transfer::Copied));
    assert_eq!(place.names(), 1);
}

#[test]
fn a_missing_file_and_a_missing_directory_are_different_errors() {
    let place = TestDirectory::new(Links::AsTheMachine);
    let missing = place.dir.path().join("missing");
    let error = place.take_in(&missing, Role::Cache).expect_err("missing");
    assert!(error.contains(&*missing.to_string_lossy()), "{error}");
    let source = place.source("source", b"value");
    fs::remove_dir(place.target().parent().expect("a shard")).expect("it is empty");
    place
        .take_in(&source, Role::Cache)
        .expect("the shard is made again");
    fs::remove_dir_all(place.directory.root()).expect("it is there");
    let error = place
        .take_in(&source, Role::Cache)
        .expect_err("no directory");
    assert!(error.contains(&Cause::DirectoryGone.to_string()), "{error}");
}

#[test]
fn a_rename_replaces_no_file() {
    let place = TestDirectory::new(Links::AsTheMachine);
    let (from, to) = (place.source("from", b"new"), place.source("to", b"old"));
    let rename = || RealFiles.rename_new(&FileRef::Path(&from), &FileRef::Path(&to));
    let before = fs::read(&to).expect("it is there");
    let error = rename().expect_err("the name is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&to).expect("it is there"), before);
    fs::remove_file(&to).expect("it is there");
    rename().expect("the name is free");
    assert!(!from.exists() && to.exists());
}

/// The shard was open when it was replaced.
#[test]
fn a_replaced_shard_is_found_by_its_path() {
    let place = TestDirectory::new(Links::AsTheMachine);
    let source = place.source("source", b"value");
    place.take_in(&source, Role::Cache).expect("it is linked");
    let shard = place.target().parent().expect("a shard").to_owned();
    fs::remove_dir_all(&shard).expect("it is there");
    fs::create_dir(&shard).expect("it is made");
    let file_ref = place.directory.file_ref(KEY);
    for _ in 0..2 {
        place.take_in(&source, Role::Cache).expect("it is linked");
        place.files.open(&file_ref).expect("it is there");
        place.files.remove(&file_ref).expect("it is there");
        drop(place.files.create(&file_ref).expect("it is free"));
        place.files.remove(&file_ref).expect("it is there");
    }
}
