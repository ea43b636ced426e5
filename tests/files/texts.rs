//! The complete error texts, as a user reads them.

#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use file_backed::fbstore::{
    BoxError, Codec, CodecId, FBStore, Payload, PayloadWriter, PreparedPath, frame, key_path,
};
use file_backed::uuid::Uuid;
use file_backed::{BackingStore, Error, FBPool};
use tokio::runtime::Runtime;

use super::on_disk::prepared;
use super::own_codec::Inverted;
use crate::support::scratch;
use crate::support::told;

struct Program {
    root: PathBuf,
    store: Arc<BackingStore<FBStore<Inverted>>>,
    pool: Arc<FBPool<Vec<u8>, FBStore<Inverted>>>,
    runtime: Runtime,
    _dir: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        let dir = scratch();
        let runtime = Runtime::new().unwrap();
        let files = FBStore::open(Inverted, prepared(dir.path().join("cache"))).unwrap();
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        Self {
            root: dir.path().to_owned(),
            pool: Arc::new(FBPool::new(store.clone(), 1)),
            store,
            runtime,
            _dir: dir,
        }
    }

    #[track_caller]
    fn expect<R>(&self, result: Result<R, Error>, text: &str) {
        let Err(error) = result else {
            panic!("it succeeded: {text}")
        };
        assert_eq!(told(&error, &self.root), text);
    }
}

#[test]
fn errors_of_directories_say_what_to_do() {
    let program = Program::new();
    let at = |name: &str| program.root.join(name);
    fs::write(at("file"), "in the way").unwrap();
    let open = |name| PreparedPath::blocking_open(at(name));
    program.expect(
        open("file"),
        "could not prepare the directory (ROOT/file): something else with this name is in the way: move it away, or use another path",
    );
    program.expect(
        open("file/below"),
        "could not prepare the directory (ROOT/file/below): Not a directory (os error 20): a part of the path is a file: move it away, or use another path",
    );
    program.expect(
        PreparedPath::blocking_open_read_only(at("none")),
        "could not open the directory for reading (ROOT/none): No such file or directory (os error 2): check the path: only `PreparedPath::open` creates directories",
    );
    program.expect(
        PreparedPath::blocking_open_import(at("none"), 100),
        "could not open the directory for reading (ROOT/none): No such file or directory (os error 2): check the path: only `PreparedPath::open` creates directories",
    );
    program.expect(
        PreparedPath::blocking_open_read_only(at("file")),
        "could not open the directory for reading (ROOT/file): Not a directory (os error 20): give the path of a directory",
    );
    fs::create_dir(at("shards")).unwrap();
    fs::write(at("shards/7f"), "in the way").unwrap();
    program.expect(
        open("shards"),
        "could not prepare the directory (ROOT/shards/7f): something else with this name is in the way: move it away, or use another path",
    );
    let deleted = open("deleted").unwrap();
    fs::remove_dir_all(at("deleted")).unwrap();
    program.expect(
        deleted.free_space(),
        "could not query the free space of the directory (ROOT/deleted): No such file or directory (os error 2): it was deleted from outside after it was opened: open it again with `PreparedPath::open`",
    );

    let item = program.pool.insert(vec![1]);
    item.blocking_write_now().unwrap();
    program.expect(FBStore::open(Inverted, prepared(at("cache"))), "could not open a store on the directory (ROOT/cache): another store of this process uses the directory as its cache, and handles or jobs still own files in it (1): drop those first, or give each store a separate directory");
    program.expect(
        program.store.blocking_track_path(prepared(at("cache"))),
        "could not track the persisted directory (ROOT/cache): the directory is the cache directory of this store: persist to another directory",
    );
    let read_only = || PreparedPath::blocking_open_read_only(at("cache")).unwrap();
    program.expect(
        FBStore::open(Inverted, read_only()),
        "could not open a store on the directory (ROOT/cache): the directory was opened read-only: open it with `PreparedPath::open` to write to it",
    );
    drop(item);

    let lost = program.pool.insert(vec![1]);
    let _taken = FBStore::open(Inverted, prepared(at("cache"))).unwrap();
    let other = open("other").unwrap();
    let _other = FBStore::open(Inverted, other.clone()).unwrap();
    program.expect(lost.blocking_write_now(), "could not write item KEY (ROOT/cache): another store of this process has since taken over the directory as its cache: give each store a separate directory");
}

#[test]
fn errors_of_persisted_items_say_what_to_do() {
    let program = Program::new();
    let (store, pool) = (&program.store, &program.pool);
    let saved = program.root.join("saved");
    let tracked = store.blocking_track_path(prepared(saved.clone())).unwrap();
    let item = pool.insert(vec![1]);
    program.expect(
        pool.blocking_register(&tracked, item.key()),
        "could not register item KEY (ROOT/saved): no persisted file with this key at the tracked path: persist the item there first, or track the path again if another process persisted it",
    );

    let file = key_path(&saved, item.key());
    fs::write(&file, "another").unwrap();
    program.expect(item.blocking_persist(&tracked), "could not persist item KEY (ROOT/saved/SHARD/KEY): a file with this key but different content already exists: move it away, or persist to another directory");
    fs::remove_file(&file).unwrap();
    item.blocking_persist(&tracked).unwrap();

    let read_only = store
        .blocking_track_read_only(prepared(saved.clone()))
        .unwrap();
    program.expect(
        item.blocking_persist(&read_only),
        "could not persist item KEY (ROOT/saved): the path is tracked read-only: track it with `track_path` to write to it",
    );
    program.expect(
        store.blocking_delete_persisted(&read_only, item.key()),
        "could not delete the persisted file of item KEY (ROOT/saved): the path is tracked read-only: track it with `track_path` to write to it",
    );
    let opened = PreparedPath::blocking_open_read_only(saved.clone()).unwrap();
    program.expect(store.blocking_track_path(opened), "could not track the persisted directory (ROOT/saved): the directory was opened read-only: track it with `track_read_only`, or open it with `PreparedPath::open` to write to it");
    program.expect(
        store.blocking_sync(&read_only),
        "could not sync the persisted items (ROOT/saved): the path is tracked read-only: track it with `track_path` to write to it",
    );
    let other = pool.insert(vec![2]);

    let key = item.key();
    fs::remove_file(&file).unwrap();
    program.expect(store.blocking_sync(&tracked), "could not sync the persisted items (ROOT/saved/SHARD/KEY): No such file or directory (os error 2): it was deleted from outside: restore it from a copy, or remove the item with `delete_persisted`");
    drop(item);
    store.blocking_finished();
    program.expect(pool.blocking_register(&tracked, key), "could not register item KEY (ROOT/saved/SHARD/KEY): No such file or directory (os error 2): it was deleted from outside: restore it from a copy, or remove the item with `delete_persisted`");
    program.expect(store.blocking_register_all(&tracked), "could not register all items of the tracked path (ROOT/saved/SHARD/KEY): No such file or directory (os error 2): it was deleted from outside: restore it from a copy, or remove the item with `delete_persisted`");
    store.blocking_delete_persisted(&tracked, key).unwrap();
    store.blocking_sync(&tracked).unwrap();
    fs::remove_dir(file.parent().unwrap()).unwrap();
    fs::remove_dir_all(&saved).unwrap();
    program.expect(store.blocking_track_path(tracked.path().clone()), "could not track the persisted directory (ROOT/saved): No such file or directory (os error 2): it was deleted from outside after it was opened: open it again with `PreparedPath::open`");
    program.expect(other.blocking_persist(&tracked), "could not persist item KEY (ROOT/saved): the directory was deleted or replaced while it was in use: open it again with `PreparedPath::open`, which creates it; a cache directory then works again, and a persisted directory must also be tracked again");
    program.expect(
        program
            .runtime
            .block_on(async { other.spawn_persist(&Arc::new(tracked)).await.await }),
        "could not persist item KEY (ROOT/saved): the directory was deleted or replaced while it was in use: open it again with `PreparedPath::open`, which creates it; a cache directory then works again, and a persisted directory must also be tracked again",
    );
}

#[test]
fn errors_of_imports_say_what_to_do() {
    let program = Program::new();
    let key = Uuid::new_v4();
    let file = key_path(&program.root.join("old"), key);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "of the old form").unwrap();
    let open = |limit| {
        let path = PreparedPath::blocking_open_import(program.root.join("old"), limit).unwrap();
        program.store.blocking_track_read_only(path).unwrap()
    };
    let saved = program
        .store
        .blocking_track_path(prepared(program.root.join("saved")))
        .unwrap();
    let item = program.pool.blocking_register(&open(10), key).unwrap();
    program.expect(item.blocking_read(), "could not load item KEY (ROOT/old/SHARD/KEY): the file is 15 bytes long, but the import allows 10: open it for import with a higher limit");
    program.expect(item.blocking_persist(&saved), "could not persist item KEY (ROOT/old/SHARD/KEY): the file was written by file_backed 0.6 and has no footer: load the item, insert its value again, and persist the new item");
}

#[test]
fn errors_of_damaged_files_say_what_to_do() {
    let program = Program::new();
    let (store, pool) = (&program.store, &program.pool);
    let tracked = store
        .blocking_track_path(prepared(program.root.join("saved")))
        .unwrap();
    let item = pool.insert(vec![1; 100]);
    item.blocking_persist(&tracked).unwrap();
    let key = item.key();
    drop(item);
    store.blocking_finished();
    let file = key_path(&program.root.join("saved"), key);
    let whole = fs::read(&file).unwrap();
    let read = |bytes: Vec<u8>| {
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        let item = pool.blocking_register(&tracked, key).unwrap();
        let read = item.blocking_read().map(drop);
        drop(item);
        store.blocking_finished();
        read
    };
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= byte;
        bytes
    };
    program.expect(read(vec![]), "could not load item KEY (ROOT/cache/SHARD/KEY): the file is 0 bytes long, too short for a payload and its 64-byte footer: it is empty or truncated, or was not written by this library: restore it from a copy");
    program.expect(read(vec![0; 100]), "could not load item KEY (ROOT/cache/SHARD/KEY): the file does not end with a footer of this library: it is truncated or damaged, or was written by something else (files of file_backed 0.6 have no footer: open them for import with `PreparedPath::open_import`): restore it from a copy");
    program.expect(read(with(0, 1)), "could not load item KEY (ROOT/cache/SHARD/KEY): the payload does not match its checksum, so the file is damaged: restore it from a copy");
    program.expect(read(with(150, 1)), "could not load item KEY (ROOT/cache/SHARD/KEY): the footer does not match its checksum, so the file is damaged: restore it from a copy");
    program.expect(read([&[0], &whole[..]].concat()), "could not load item KEY (ROOT/cache/SHARD/KEY): the footer states a payload of 100 bytes, but the file holds 101: it is truncated or damaged: restore it from a copy");
    let mut later = with(108, 3);
    let crc = crc32fast::hash(&later[100..160]);
    later[160..].copy_from_slice(&crc.to_le_bytes());
    program.expect(read(later), "could not load item KEY (ROOT/cache/SHARD/KEY): the file has format version 2, but this library reads version 1: open it with a newer release");
    let item = pool.blocking_register(&tracked, key).unwrap();
    fs::remove_file(key_path(&program.root.join("cache"), key)).unwrap();
    program.expect(
        item.blocking_read(),
        "could not load item KEY (ROOT/cache/SHARD/KEY): No such file or directory (os error 2): it was deleted from outside: restore it from a copy, or insert the value again",
    );
}

/// A codec and a function of the user that fail.
#[test]
fn errors_of_user_code_keep_their_text() {
    struct Failing;

    impl Codec<u8> for Failing {
        const ID: CodecId = CodecId::user(1);

        fn encode(&self, value: &u8, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
            match value {
                0 => Err("no value may be 0".into()),
                1 => panic!("a bug"),
                n => Ok(std::io::Write::write_all(out, &[*n])?),
            }
        }

        fn decode(&self, payload: Payload<'_>) -> Result<u8, BoxError> {
            match payload.read_whole()?[..] {
                [2] => Err("2 is not to be read".into()),
                [n] => Ok(n),
                _ => unreachable!(),
            }
        }
    }

    let program = Program::new();
    let files = FBStore::open(Failing, prepared(program.root.join("other"))).unwrap();
    let runtime = Runtime::new().unwrap();
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    let pool = Arc::new(FBPool::new(store.clone(), 0));
    let mut item = pool.insert(2);
    store.blocking_finished();
    program.expect(
        item.blocking_read(),
        "could not load item KEY (ROOT/other/SHARD/KEY): 2 is not to be read",
    );
    program.expect(
        item.blocking_write(),
        "could not load item KEY (ROOT/other/SHARD/KEY): 2 is not to be read",
    );
    program.expect(
        pool.insert(0).blocking_write_now(),
        "could not write item KEY (ROOT/other/SHARD/KEY): no value may be 0",
    );
    program.expect(
        pool.insert(1).blocking_write_now(),
        "could not write item KEY: the operation panicked: a bug",
    );
    let mut item = pool.insert(0);
    let clone = item.clone();
    program.expect(
        item.blocking_write(),
        "could not duplicate item KEY: no value may be 0",
    );
    drop(clone);
    std::mem::forget(item.blocking_write().unwrap());
    program.expect(item.blocking_read(), "could not load item KEY: a write guard of this item was leaked (`mem::forget`), so its value is lost: insert the value again");
    program.expect(item.blocking_write_now(), "could not write item KEY: a write guard of this item was leaked (`mem::forget`), so its value is lost: insert the value again");
    let task = store.spawn_blocking(|| panic!("{}", "a bug"));
    program.expect(
        task.wait(),
        "could not run a background task: the operation panicked: a bug",
    );
    runtime.shutdown_background();
    program.expect(
        store.spawn_blocking(|| ()).wait(),
        "could not run a background task: the runtime was shut down before the operation could run: keep the runtime until the store has finished, or use the blocking calls",
    );
}

/// What a program is told that loads `file` as a `T`.
fn told_of<T: Send + Sync + 'static, C: Codec<T>>(codec: C, file: &[u8]) -> String {
    let program = Program::new();
    let files = FBStore::open(codec, prepared(program.root.join("other"))).unwrap();
    let store = Arc::new(BackingStore::new(files, program.runtime.handle().clone()));
    let pool = Arc::new(FBPool::<T, _>::new(store.clone(), 1));
    let saved = prepared(program.root.join("saved"));
    let key = Uuid::new_v4();
    fs::write(key_path(&saved, key), file).unwrap();
    let saved = store.blocking_track_read_only(saved).unwrap();
    let item = pool.blocking_register(&saved, key).unwrap();
    let error = item.blocking_read().map(drop).unwrap_err();
    let text = told(&error, &program.root);
    let known = "could not load item KEY (ROOT/saved/SHARD/KEY): ";
    text.strip_prefix(known)
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

fn file_of<T>(codec: &impl Codec<T>, value: &T) -> Vec<u8> {
    let mut file = Vec::new();
    frame::write_file(codec, value, &mut file).unwrap();
    file
}

#[cfg(feature = "bincodec")]
#[test]
fn errors_of_serde_values_say_what_to_do() {
    use file_backed::fbstore::BinCodec;

    let file = file_of(&Inverted, &vec![1]);
    assert_eq!(
        told_of::<u32, _>(BinCodec, &file),
        "the file was written by codec 'user codec 17', but is read with codec 'bincode': use the codec that wrote it, or, with a codec of several kinds, a pool of the kind that wrote it"
    );
    let file = file_of(&BinCodec, &(1_u32, 2_u32));
    assert_eq!(
        told_of::<u32, _>(BinCodec, &file),
        "the value ends after 4 of the payload's 8 bytes: the file holds another type, or another version of this one: load it as the type that was written"
    );
    assert_eq!(
        told_of::<String, _>(BinCodec, &file),
        "the payload is intact, but codec 'bincode' cannot decode it (UnexpectedEnd { additional: 8589934593 }): the file holds another type, or another version of this one: load it as the type that was written"
    );
}

/// Files of 0.6 have no footer, so nothing proves that they are whole.
#[cfg(feature = "bincodec")]
#[test]
fn errors_of_imported_values_say_what_to_do() {
    use file_backed::fbstore::BinCodec;

    let program = Program::new();
    let key = Uuid::new_v4();
    let file = key_path(&program.root.join("old"), key);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, [1, 2]).unwrap();
    let files = FBStore::open(BinCodec, prepared(program.root.join("other"))).unwrap();
    let store = Arc::new(BackingStore::new(files, program.runtime.handle().clone()));
    let pool = Arc::new(FBPool::<u32, _>::new(store.clone(), 1));
    let old = PreparedPath::blocking_open_import(program.root.join("old"), 100).unwrap();
    let old = store.blocking_track_read_only(old).unwrap();
    program.expect(
        pool.blocking_register(&old, key).unwrap().blocking_read(),
        "could not load item KEY (ROOT/old/SHARD/KEY): codec 'bincode' cannot decode the file (UnexpectedEnd { additional: 2 }), and there is no checksum to show whether it is intact: it is damaged, or holds another type: restore it from a copy, or import it as the type that was written",
    );
}

#[cfg(feature = "prostcodec")]
#[test]
fn errors_of_messages_say_what_to_do() {
    use file_backed::fbstore::ProstCodec;

    let file = file_of(&ProstCodec, &7_u64);
    assert_eq!(
        told_of::<String, _>(ProstCodec, &file),
        "the payload is intact, but codec 'protobuf' cannot decode it (failed to decode Protobuf message: invalid wire type: Varint (expected LengthDelimited)): the file holds another type, or another version of this one: load it as the type that was written"
    );
}

#[cfg(feature = "mappedcodec")]
#[test]
fn errors_of_archives_say_what_to_do() {
    use file_backed::fbstore::{Mapped, MappedCodec, Verify};

    let codec = MappedCodec::heap().verify(Verify::Never);
    let file = file_of(&codec, &Mapped::new(&7_u32).unwrap());
    assert_eq!(
        told_of::<Mapped<u64>, _>(codec.clone(), &file),
        "the root of the archive has 4 bytes aligned to 4, but the requested type has 8 aligned to 8: the file holds another type, or an older version of this one: load it as the type that was written"
    );
    let with_id = codec.clone().schema::<u32>(7);
    assert_eq!(
        told_of::<Mapped<u32>, _>(with_id, &file),
        "the file has no schema id, but the requested type has schema id 0x7: it holds another type, or another version of this one: load it as the type that was written"
    );
    let mut file = file_of(&codec, &Mapped::new(&true).unwrap());
    file[0] = 2;
    assert_eq!(
        told_of::<Mapped<bool>, _>(codec, &file),
        "the archive is not valid for the requested type (bool set to invalid byte 2, expected either 0 or 1): the file is damaged, or holds another type: restore it from a copy, or load it as the type that was written"
    );
}
