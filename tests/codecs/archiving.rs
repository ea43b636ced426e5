//! Values that are archived straight into their files.

use std::path::Path;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{FBStore, Mapped, MappedCodec, Prefault, rkyv};

use crate::support::{runtime, test, told};

type Pool<T> = FBPool<Mapped<T>, FBStore<MappedCodec>>;

fn mapping() -> MappedCodec {
    // SAFETY: the temporary directories are the tests' own, and nobody changes a
    // file in them.
    unsafe { MappedCodec::new() }.crossover(0)
}

#[test]
fn archived_values_are_resident_and_clean() {
    test(|| {
        runtime().block_on(async {
            for codec in [mapping(), MappedCodec::heap()] {
                let pool: Arc<Pool<Vec<u64>>> = Pool::temp(codec, 4).await.expect("a pool");
                let numbers = Arc::new((0..10_000).collect::<Vec<u64>>());
                let shared = pool.insert_archived(numbers.clone()).await;
                let given = pool.insert_archived(vec![7]).await.expect("it is archived");
                let borrowed = pool.blocking_insert_archived(&*numbers);
                for item in [shared, borrowed] {
                    let item = item.expect("it is archived");
                    let misses = pool.stats().misses;
                    let value = item.try_load().expect("it is resident");
                    assert!(value.iter().map(|n| n.to_native()).eq(0..10_000));
                    assert_eq!(pool.stats().misses, misses);
                    drop(value);
                    item.spawn_write_now().await.await.expect("it is written");
                }
                assert_eq!(given.read().await.expect("it is resident")[0], 7);
                let stats = pool.stats();
                assert_eq!((stats.writes, stats.writes_waiting), (3, 0));
                drop(given);
                pool.store().finished().await;
                assert_eq!(pool.size(), 0);
            }
        });
    });
}

#[cfg(unix)]
#[test]
fn an_archived_value_is_a_map_of_its_file() {
    test(|| {
        let runtime = runtime();
        let pool: Arc<Pool<String>> = runtime.block_on(Pool::temp(mapping(), 0)).expect("a pool");
        let item = runtime.block_on(pool.insert_archived("a text".to_owned()));
        let item = item.expect("it is archived");
        assert!(item.try_load().expect("its map is kept").is_mapped());
    });
}

/// Archives what it is told, and then refuses.
struct Refuses;

impl rkyv::Archive for Refuses {
    type Archived = ();
    type Resolver = ();

    fn resolve(&self, (): (), _: rkyv::Place<()>) {}
}

impl<S> rkyv::Serialize<S> for Refuses
where
    S: rkyv::rancor::Fallible<Error: rkyv::rancor::Source> + rkyv::ser::Writer + ?Sized,
{
    fn serialize(&self, serializer: &mut S) -> Result<(), S::Error> {
        serializer.write(&[1; 100_000])?;
        rkyv::rancor::fail!(std::io::Error::other("on purpose"))
    }
}

#[test]
fn a_failed_archiving_leaves_no_file() {
    test(|| {
        let runtime = runtime();
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a directory");
            let pool: Arc<Pool<Refuses>> =
                Pool::open(mapping(), dir.path(), 4).await.expect("a pool");
            let error = pool.insert_archived(Refuses).await.expect_err("it refuses");
            assert_eq!(
                told(&error, dir.path()),
                "could not archive item KEY (ROOT/SHARD/KEY): on purpose"
            );
            assert!(error.path().is_some() && error.key().is_some());
            assert_eq!(files_in(dir.path()), 0);
        });
    });
}

#[derive(rkyv::Archive, rkyv::Serialize)]
#[rkyv(
    crate = file_backed::fbstore::rkyv,
    serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source),
    bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source))
)]
struct Link(#[rkyv(omit_bounds)] Option<Box<Link>>);

/// The value is written, and then found to be deeper than the codec accepts.
#[test]
fn an_archived_value_that_cannot_be_loaded_leaves_no_file() {
    test(|| {
        let runtime = runtime();
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a directory");
            let codec = mapping().max_depth(3);
            let pool: Arc<Pool<Link>> = Pool::open(codec, dir.path(), 4).await.expect("a pool");
            let chain = |links| (0..links).fold(Link(None), |rest, _| Link(Some(Box::new(rest))));
            let error = pool.insert_archived(chain(9)).await.expect_err("too deep");
            assert!(!error.is_damaged() && !error.is_mismatch(), "{error}");
            assert_eq!(
                told(&error, dir.path()),
                "could not load item KEY (ROOT/SHARD/KEY): the archive contains a chain of more than 3 pointers, and validation needs stack for each: make the value flatter, or raise the limit with `MappedCodec::max_depth`"
            );
            pool.store().finished().await;
            assert_eq!((files_in(dir.path()), pool.size()), (0, 0));
            assert!(pool.insert_archived(chain(2)).await.is_ok());
        });
    });
}

fn files_in(cache: &Path) -> usize {
    let names = std::fs::read_dir(cache).expect("the cache");
    names
        .filter_map(|shard| std::fs::read_dir(shard.ok()?.path()).ok())
        .map(Iterator::count)
        .sum()
}

#[test]
fn archived_values_can_be_read_with_their_pages_prefaulted() {
    test(|| {
        let runtime = runtime();
        runtime.block_on(async {
            let pool: Arc<Pool<Vec<u8>>> = Pool::temp(mapping(), 0).await.expect("a pool");
            let item = pool
                .insert_archived(vec![5; 100_000])
                .await
                .expect("it is archived");
            for how in [Prefault::Lazy, Prefault::WillNeed, Prefault::Populate] {
                match item.read_prefaulted(how).await {
                    Ok(value) => assert_eq!(value[99_999], 5),
                    Err(error) => assert!(is_unsupported(&error), "{error}"),
                }
                let blocking = item.blocking_read_prefaulted(how);
                assert!(blocking.is_ok() || how == Prefault::Populate);
            }
        });
    });
}

/// By a kernel that is too old.
fn is_unsupported(error: &file_backed::Error) -> bool {
    let error = error.get_ref().downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::Unsupported)
}

/// The process has no room for a second copy.
#[cfg(target_os = "linux")]
#[test]
fn archiving_takes_no_memory_for_the_archive() {
    const VALUE: usize = 96 << 20;
    crate::support::in_a_small_process(
        "codecs::archiving::archiving_takes_no_memory_for_the_archive",
        VALUE + VALUE / 2,
        || {
            // Not a thread for each core: their stacks count too.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            let pool: Arc<Pool<Vec<u8>>> =
                runtime.block_on(Pool::temp(mapping(), 2)).expect("a pool");
            let value = Arc::new(vec![7u8; VALUE]);
            assert!(Mapped::new(&*value).is_err(), "there is room for two");
            let item = runtime.block_on(pool.insert_archived(value));
            let item = item.expect("it is archived");
            assert_eq!(item.blocking_read().expect("it is mapped")[VALUE - 1], 7);
        },
    );
}
