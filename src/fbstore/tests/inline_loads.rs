//! Loads on the thread of an async task: what that thread does, and what it leaves to
//! others.

use std::fs::File;
use std::future::poll_fn;
use std::io::{IoSliceMut, Write as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, ThreadId};

use file_backed_codecs::frame::FOOTER_LEN;
use file_backed_codecs::{BoxError, Codec, CodecId, Payload, PayloadWriter};
use parking_lot::Mutex;
use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::super::file_ref::Shards;
use super::super::files::Files as _;
use super::super::real_files::RealFiles;
use super::super::{FBStore, PreparedPath, key_path};
use crate::testing::{Fault, FaultyFiles, Plain, scratch};
use crate::{BackingStore, FBPool, Fb};

type Pool<T, C> = Arc<FBPool<T, FBStore<C>>>;

/// A store whose file operations are counted. Tasks run on the thread of the test.
struct World<T, C: Codec<T>> {
    files: FaultyFiles,
    pool: Pool<T, C>,
    runtime: Runtime,
    dir: TempDir,
}

impl<T: Send + Sync + 'static, C: Codec<T>> World<T, C> {
    /// Nothing stays in memory.
    fn new(codec: C) -> Self {
        Self::at(scratch(), codec)
    }

    fn at(dir: TempDir, codec: C) -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let files = FaultyFiles::default();
        let cache = PreparedPath::open_with(cache_in(&dir), Arc::new(files.clone()));
        let store = FBStore::open(codec, cache.expect("it is made"));
        let store = store.expect("nobody else uses it");
        let store = Arc::new(BackingStore::new(store, runtime.handle().clone()));
        Self {
            files,
            pool: Arc::new(FBPool::new(store, 0)),
            runtime,
            dir,
        }
    }

    /// An item that is in its file only.
    fn absent(&self, value: T) -> Fb<T, FBStore<C>> {
        let item = self.pool.insert(value);
        self.settle();
        assert!(item.try_load().is_none(), "the pool keeps nothing");
        item
    }

    /// The opens and reads so far that may wait.
    fn waiting_calls(&self) -> [usize; 2] {
        ["open", "read"].map(|operation| self.files.calls(operation))
    }

    /// Those of this thread.
    fn waiting_calls_here(&self) -> [usize; 2] {
        ["open", "read"].map(|operation| self.files.calls_here(operation))
    }

    fn settle(&self) {
        self.pool.store().blocking_finished();
    }

    fn load<R>(&self, item: &Fb<T, FBStore<C>>, look: impl FnOnce(&T) -> R) -> R {
        self.runtime
            .block_on(async { look(&*item.read().await.expect("nothing is wrong with it")) })
    }

    /// Takes the file of an item out of the page cache.
    fn evict_pages(&self, item: &Fb<T, FBStore<C>>) {
        let file = key_path(&cache_in(&self.dir), item.key());
        evict_pages(&File::open(file).expect("it is there"));
    }
}

/// Asks the kernel for it, which keeps a page that something looks at just then.
fn evict_pages(file: &File) {
    file.sync_all().expect("it is on the disk");
    fadvise(file, 0, None, Advice::DontNeed).expect("a hint");
}

/// How often a test evicts the pages of a file until the disk has to be read.
const MOST_TRIES: usize = 20;

/// Whether the file system takes files out of memory when it is asked to. Says so if not.
/// (The question brings a page back, so it is not asked of the files of a test.)
fn can_evict_pages(dir: &TempDir) -> bool {
    let path = dir.path().join("probe");
    std::fs::write(&path, "a page").expect("it is written");
    let file = File::open(path).expect("it is there");
    let can_evict = (0..MOST_TRIES).any(|_| {
        evict_pages(&file);
        let mut byte = [0];
        let mut bufs = [IoSliceMut::new(&mut byte)];
        preadv2(&file, &mut bufs, 0, ReadWriteFlags::NOWAIT) == Err(Errno::AGAIN)
    });
    if !can_evict {
        let text = "skipped: the file system of the temporary files keeps all pages in memory";
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    can_evict
}

fn cache_in(dir: &TempDir) -> PathBuf {
    dir.path().join("cache")
}

/// On a disk, if the machine has its temporary files there.
fn on_disk() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Like [`Plain`], but records where it decodes how much.
#[derive(Clone, Default)]
struct Recording {
    decoded: Arc<Mutex<Vec<(ThreadId, usize)>>>,
    is_inline: bool,
}

impl Recording {
    fn inline() -> Self {
        Self {
            is_inline: true,
            ..Self::default()
        }
    }

    /// The lengths that this thread has decoded, and those that others have.
    fn take(&self) -> (Vec<usize>, Vec<usize>) {
        let decoded = std::mem::take(&mut *self.decoded.lock());
        let (here, elsewhere): (Vec<_>, Vec<_>) = decoded
            .into_iter()
            .partition(|(by, _)| *by == thread::current().id());
        let lengths = |of: Vec<(_, _)>| of.into_iter().map(|(_, len)| len).collect();
        (lengths(here), lengths(elsewhere))
    }
}

impl Codec<Vec<u8>> for Recording {
    const ID: CodecId = CodecId::user(2);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Plain.encode(value, out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        let value: Vec<u8> = Plain.decode(payload)?;
        self.decoded
            .lock()
            .push((thread::current().id(), value.len()));
        Ok(value)
    }

    fn decodes_inline(&self) -> bool {
        self.is_inline
    }
}

#[test]
fn a_file_in_the_page_cache_is_loaded_on_the_thread_of_the_task() {
    let codec = Recording::inline();
    let world = World::new(codec.clone());
    let item = world.absent(vec![7; 5000]);
    let before = world.waiting_calls();
    world.load(&item, |value| assert_eq!(*value, [7; 5000]));
    assert_eq!(codec.take(), (vec![5000], vec![]));
    assert_eq!(world.waiting_calls(), before, "calls that may wait");
    let stats = world.pool.stats();
    assert_eq!(stats.misses, 1);
    assert_eq!(stats.bytes_read, 5000 + FOOTER_LEN as u64);
}

#[test]
fn a_codec_that_does_not_decode_inline_is_left_to_another_thread() {
    let codec = Recording::default();
    let world = World::new(codec.clone());
    let item = world.absent(vec![7; 100]);
    world.load(&item, |value| assert_eq!(*value, [7; 100]));
    assert_eq!(codec.take(), (vec![], vec![100]));
    assert_eq!(world.files.calls("open_cached"), 0);
}

/// The first attempt opens the file and reads a part of it, and the second one uses that.
#[test]
fn what_a_refused_load_has_opened_is_used_and_nothing_counts_twice() {
    for refused in ["open_cached", "len", "read_cached"] {
        let world = World::new(Plain);
        let item = world.absent(vec![7; 5000]);
        let [opens, _] = world.waiting_calls();
        let [_, reads_here] = world.waiting_calls_here();
        let fault = Fault::Errno(crate::testing::errno::EIO);
        world.files.fail_on_this_thread(refused, fault);
        world.load(&item, |value| assert_eq!(*value, [7; 5000]));
        world.files.lift();
        let opens = opens + usize::from(refused == "open_cached");
        assert_eq!(world.waiting_calls()[0], opens, "{refused} fails");
        assert_eq!(world.waiting_calls_here()[1], reads_here, "{refused} fails");
        let stats = world.pool.stats();
        assert_eq!(stats.misses, 1, "{refused} fails");
        assert_eq!(
            stats.bytes_read,
            5000 + FOOTER_LEN as u64,
            "{refused} fails"
        );
    }
}

/// The thread of the task must not wait for a disk, or decode for long.
#[test]
fn files_on_the_disk_and_long_ones_are_read_and_decoded_by_other_threads() {
    let (codec, dir) = (Recording::inline(), on_disk());
    if !can_evict_pages(&dir) {
        return;
    }
    let world = World::at(dir, codec.clone());
    let lengths = [1, 5000, 15_000, 100_000, 3 << 20];
    let items = lengths.map(|len| world.absent(vec![7; len]));
    let before = world.waiting_calls_here();
    for (item, len) in items.iter().zip(lengths) {
        // A page may have stayed in memory, or have come back before it was asked for: a read
        // that does not wait starts one that does, and a fast disk may end that first. Then
        // the load is rightly made here, by calls that do not wait.
        let is_elsewhere = (0..MOST_TRIES).any(|_| {
            world.settle();
            world.evict_pages(item);
            world.load(item, |value| assert_eq!(value.len(), len));
            let (here, elsewhere) = codec.take();
            assert_eq!([here, elsewhere.clone()].concat(), [len], "loaded once");
            !elsewhere.is_empty()
        });
        assert!(is_elsewhere, "the disk is read");
    }
    // The pages are in memory now.
    let longest = &items[4];
    for _ in 0..3 {
        world.settle();
        world.load(longest, |value| assert_eq!(value.len(), 3 << 20));
    }
    assert_eq!(codec.take(), (vec![], vec![3 << 20; 3]), "too long");
    assert_eq!(world.waiting_calls_here(), before, "calls that may wait");
}

/// Nothing is known yet of how long they take.
#[test]
fn the_first_of_longer_values_is_left_to_another_thread() {
    let codec = Recording::inline();
    let world = World::new(codec.clone());
    let item = world.absent(vec![7; 16 << 10]);
    world.load(&item, |value| assert_eq!(value.len(), 16 << 10));
    assert_eq!(codec.take(), (vec![], vec![16 << 10]));
}

/// A value that notes where it is dropped.
struct Noting {
    is_real: bool,
    dropped: Arc<Mutex<Vec<(ThreadId, bool)>>>,
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.dropped
            .lock()
            .push((thread::current().id(), self.is_real));
    }
}

/// A codec that makes some value of a file that it cannot read.
struct Hiding(Arc<Mutex<Vec<(ThreadId, bool)>>>);

impl Codec<Noting> for Hiding {
    const ID: CodecId = CodecId::user(3);

    fn encode(&self, _: &Noting, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(b"real")?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Noting, BoxError> {
        Ok(Noting {
            is_real: payload.read_whole().is_ok(),
            dropped: self.0.clone(),
        })
    }

    fn decodes_inline(&self) -> bool {
        true
    }
}

#[test]
fn a_value_made_after_a_refused_read_is_dropped_elsewhere_and_never_seen() {
    let dropped = Arc::default();
    let world = World::new(Hiding(Arc::clone(&dropped)));
    let item = world.absent(Noting {
        is_real: true,
        dropped: dropped.clone(),
    });
    dropped.lock().clear();
    // The footer is read first.
    world.files.plan_on("read_cached", 1, 1, Fault::Error);
    world.load(&item, |value| assert!(value.is_real));
    world.settle();
    let mut dropped = std::mem::take(&mut *dropped.lock());
    dropped.sort_by_key(|(_, is_real)| *is_real);
    // `settle` runs jobs on this thread too, which may block.
    let kinds: Vec<_> = dropped.iter().map(|(_, is_real)| *is_real).collect();
    assert_eq!(kinds, [false, true]);
}

/// The values that make room for a load are dropped together, and not on the thread of
/// the task.
#[test]
fn values_that_a_load_evicts_are_dropped_by_other_threads() {
    let dropped: Arc<Mutex<Vec<(ThreadId, bool)>>> = Arc::default();
    let world = World::new(Hiding(Arc::clone(&dropped)));
    let pool: Pool<Noting, Hiding> = Arc::new(FBPool::new(world.pool.store().clone(), 1));
    let value = || Noting {
        is_real: true,
        dropped: dropped.clone(),
    };
    let items: Vec<_> = (0..200).map(|_| pool.insert(value())).collect();
    world.settle();
    dropped.lock().clear();
    for item in &items {
        world.load(item, |value| assert!(value.is_real));
    }
    let here = thread::current().id();
    assert!(dropped.lock().iter().all(|(by, _)| *by != here));
    assert!(world.files.calls_here("read_cached") > 100);
    world.runtime.block_on(pool.store().finished());
    // Those of 200 loads, and the one that was in memory at first; one is there now.
    assert_eq!(dropped.lock().len(), 200);
    assert!(dropped.lock().iter().all(|(by, _)| *by != here));
}

/// A directory is opened where the caller may wait.
#[test]
fn a_file_is_opened_without_waiting_only_in_a_shard_that_is_open() {
    let (dir, key) = (scratch(), Uuid::from_u128(1));
    let file = key_path(dir.path(), key);
    std::fs::create_dir_all(file.parent().expect("a shard")).expect("it is made");
    std::fs::write(file, "a value").expect("it is written");
    let shards = Shards::open(dir.path().to_owned()).expect("it is there");
    let item = shards.item(key);
    assert!(RealFiles.open_cached(&item).is_none());
    RealFiles.open(&item).expect("it opens the shard");
    let source = RealFiles.open_cached(&item).expect("the shard is open");
    assert_eq!(source.len().expect("it has a length"), 7);
    let other = shards.item(Uuid::from_u128(2));
    assert!(
        RealFiles.open_cached(&other).is_none(),
        "there is no such file"
    );
}

/// One poll of a task that loads many items leaves time for other tasks.
#[test]
fn one_poll_loads_no_more_than_the_budget_of_a_task_allows() {
    let world = World::new(Plain);
    let items: Vec<_> = (0..1000).map(|_| world.absent(vec![7; 10])).collect();
    let mut loads: Vec<Pin<Box<_>>> = items.iter().map(|item| Box::pin(item.read())).collect();
    world.runtime.block_on(async {
        let polled = poll_fn(|context| {
            let ready = loads
                .iter_mut()
                .filter_map(|load| match load.as_mut().poll(context) {
                    Poll::Ready(loaded) => Some(loaded.expect("it is loaded")),
                    Poll::Pending => None,
                });
            Poll::Ready(ready.count())
        });
        let loaded = polled.await;
        assert!((1..=128).contains(&loaded), "{loaded} in one poll");
    });
    assert!(world.files.calls_here("open_cached") <= 128);
}

/// What a poll may do is not bounded there.
#[test]
fn outside_of_tokio_every_load_is_left_to_another_thread() {
    let world = World::new(Plain);
    let item = world.absent(vec![7; 10]);
    let read = crate::sync::block_on(item.read()).expect("it is loaded");
    assert_eq!(*read, [7; 10]);
    assert_eq!(world.files.calls("open_cached"), 0);
}
