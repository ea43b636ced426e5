//! Bytes that are archived straight into their files, and lost pages of such files.

use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes};

use crate::support::{runtime, test};

type Pool<C> = FBPool<MappedBytes, FBStore<C>>;

fn mapping() -> BytesCodec {
    // SAFETY: the temporary directories are the tests' own, and nobody changes a
    // file in them that a byte is read of afterwards.
    unsafe { BytesCodec::new() }.crossover(0)
}

#[test]
fn blobs_are_archived_from_slices() {
    test(|| {
        runtime().block_on(async {
            for codec in [mapping(), BytesCodec::heap()] {
                let pool: Arc<Pool<BytesCodec>> = Pool::temp(codec, 4).await.expect("a pool");
                let shared: Arc<[u8]> = (0..10_000).map(|n| n as u8).collect();
                let items = [
                    pool.insert_archived(shared.clone()).await,
                    pool.insert_archived(&shared[..]).await,
                    pool.insert_archived(shared.to_vec()).await,
                    pool.blocking_insert_archived(&shared[..]),
                ];
                for item in items {
                    let item = item.expect("it is archived");
                    assert_eq!(*item.try_load().expect("it is resident"), *shared);
                    item.spawn_write_now().await.await.expect("it is written");
                }
                let stats = pool.stats();
                assert_eq!((stats.writes, stats.writes_waiting), (4, 0));
            }
        });
    });
}

#[cfg(unix)]
#[test]
fn an_archived_blob_is_a_map_of_its_file() {
    test(|| {
        let runtime = runtime();
        let pool: Arc<Pool<BytesCodec>> =
            runtime.block_on(Pool::temp(mapping(), 0)).expect("a pool");
        let item = pool.blocking_insert_archived(b"a text".as_slice());
        let item = item.expect("it is archived");
        assert!(item.try_load().expect("its map is kept").is_mapped());
    });
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
#[test]
fn blobs_and_other_archives_share_a_store() {
    use file_backed::fbstore::{Mapped, MixedCodec};

    test(|| {
        runtime().block_on(async {
            let blobs: Arc<Pool<MixedCodec>> =
                Pool::temp(MixedCodec::heap(), 1).await.expect("a pool");
            let archives: Arc<FBPool<Mapped<Vec<u8>>, _>> =
                Arc::new(FBPool::new(blobs.store().clone(), 1));
            let blob = blobs.insert_archived(&[1, 2, 3][..]).await;
            let archive = archives.insert_archived(vec![4, 5]).await;
            let (blob, archive) = (blob.expect("archived"), archive.expect("archived"));
            assert_eq!(*blob.read().await.expect("loaded"), [1, 2, 3]);
            assert_eq!(archive.read().await.expect("loaded")[..], [4, 5]);
        });
    });
}

/// The process has no room for a second copy.
#[cfg(target_os = "linux")]
#[test]
fn archiving_a_blob_takes_no_memory_for_a_copy() {
    const BYTES: usize = 96 << 20;
    crate::support::in_a_small_process(
        "codecs::blobs::archiving_a_blob_takes_no_memory_for_a_copy",
        BYTES + BYTES / 2,
        || {
            use file_backed::fbstore::ArchiveInto as _;

            // Not a thread for each core: their stacks count too.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            let pool: Arc<Pool<BytesCodec>> =
                runtime.block_on(Pool::temp(mapping(), 2)).expect("a pool");
            let bytes = vec![7u8; BYTES];
            let refused: Result<MappedBytes, _> = BytesCodec::heap().archive(&bytes);
            assert!(refused.is_err(), "there is room for two");
            let item = pool.blocking_insert_archived(&bytes[..]);
            let item = item.expect("it is archived");
            assert_eq!(item.blocking_read().expect("it is mapped")[BYTES - 1], 7);
        },
    );
}

/// The missing page stands for any that the disk cannot read.
#[cfg(target_os = "linux")]
#[test]
fn a_blob_with_a_lost_page_is_damaged() {
    use file_backed::fbstore::{FrameError, Prefault};

    test(|| {
        runtime().block_on(async {
            let dir = tempfile::tempdir().expect("a directory");
            let pool: Arc<Pool<BytesCodec>> =
                Pool::open(mapping(), dir.path(), 1).await.expect("a pool");
            let item = pool.blocking_insert_archived(&[7; 100_000][..]);
            let item = item.expect("it is archived");
            match item.read_prefaulted(Prefault::Populate).await {
                Ok(value) => assert!(value.is_mapped()),
                // By a kernel that is too old.
                Err(error) => return assert!(!error.is_damaged(), "{error}"),
            }
            let file = file_of(dir.path());
            cut(&file, 5000);
            let error = item.read_prefaulted(Prefault::Populate).await;
            let error = error.expect_err("its pages are lost");
            assert!(error.is_damaged() && !error.is_mismatch(), "{error}");
            let cause = error.get_ref().downcast_ref::<FrameError>();
            assert!(matches!(cause, Some(FrameError::BadPage(_))), "{error}");
        });
    });
}

/// The one file of an item.
#[cfg(target_os = "linux")]
fn file_of(cache: &std::path::Path) -> std::path::PathBuf {
    let shards = std::fs::read_dir(cache).expect("the cache");
    let mut files = shards
        .filter_map(|shard| std::fs::read_dir(shard.ok()?.path()).ok())
        .flatten();
    files.next().expect("a file").expect("its name").path()
}

#[cfg(target_os = "linux")]
fn cut(file: &std::path::Path, len: u64) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    let file = std::fs::OpenOptions::new().write(true).open(file);
    file.and_then(|file| file.set_len(len)).expect("it is cut");
}
