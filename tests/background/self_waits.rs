//! Codecs that use the library while it runs them.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use file_backed::fbstore::{
    BoxError, Codec, CodecId, FBStore, Payload, PayloadWriter, PreparedPath,
};
use file_backed::{BackingStore, Error, FBPool, Fb, Result};
use tokio::runtime::Runtime;

use crate::support::{Plain, scratch, test, told};

type Pool = Arc<FBPool<String, FBStore<Meddling>>>;
type Handle = Fb<String, FBStore<Meddling>>;
type Hook = Box<dyn FnOnce() -> Result<()> + Send>;

/// A codec that once does something else first. What that returns, it returns.
#[derive(Clone, Default)]
struct Meddling {
    encode: Arc<Mutex<Option<Hook>>>,
    decode: Arc<Mutex<Option<Hook>>>,
}

fn run(hook: &Mutex<Option<Hook>>) -> Result<()> {
    let hook = hook.lock().expect("nothing panicked").take();
    hook.map_or(Ok(()), |hook| hook())
}

impl Codec<String> for Meddling {
    const ID: CodecId = CodecId::user(9);

    fn encode(&self, value: &String, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        run(&self.encode)?;
        Plain.encode(value, out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<String, BoxError> {
        run(&self.decode)?;
        Plain.decode(payload)
    }
}

struct World {
    runtime: Arc<Runtime>,
    codec: Meddling,
    pool: Pool,
}

impl World {
    /// A pool that keeps so many values.
    fn new(mem_size: usize) -> Self {
        let runtime = Arc::new(Runtime::new().expect("a runtime"));
        let codec = Meddling::default();
        let store = runtime.block_on(BackingStore::temp(codec.clone()));
        let pool = FBPool::new(store.expect("a store"), mem_size);
        Self {
            runtime,
            codec,
            pool: Arc::new(pool),
        }
    }

    fn in_encode(&self, hook: impl FnOnce() -> Result<()> + Send + 'static) {
        *self.codec.encode.lock().expect("nothing panicked") = Some(Box::new(hook));
    }

    fn in_decode(&self, hook: impl FnOnce() -> Result<()> + Send + 'static) {
        *self.codec.decode.lock().expect("nothing panicked") = Some(Box::new(hook));
    }

    /// An item that is in its file alone.
    fn absent(&self, value: &str) -> Handle {
        let item = self.pool.insert(value.to_owned());
        self.pool.store().blocking_finished();
        assert!(item.try_load().is_none());
        item
    }
}

const OF_ITS_ITEM: &str = "the call came from the codec or store that is loading or writing this \
    very item, so it would wait for its own end: keep what the codec needs in the value, or make \
    the call after the load or write";

/// Asserts that the error, which a codec passed on, has this text at its end.
fn assert_deadlock(error: &Error, expected: &str) {
    assert!(error.is_deadlock(), "{error}");
    let text = told(error, Path::new("ROOT"));
    assert!(text.ends_with(expected), "{text}");
}

/// It waited for the write that it is part of.
#[test]
fn a_codec_that_reserves_gets_an_error() {
    test(|| {
        let world = World::new(0);
        let pool = world.pool.clone();
        let reserve = move || {
            // What does not wait works.
            drop(pool.try_reserve()?);
            let inserted = pool.insert("another".to_owned());
            assert_eq!(*inserted.blocking_read()?, "another");
            pool.blocking_reserve().map(drop)
        };
        let expected = "could not reserve room for another value: the call came from a codec or \
                        store at work, and room may depend on its end: call `reserve` outside of \
                        it, or use `insert` or `try_reserve`, which do not wait";
        let item = world.absent("a");
        world.in_decode(reserve);
        let error = item.blocking_read().map(drop).expect_err("it reserves");
        assert_deadlock(&error, expected);

        let (pool, runtime) = (world.pool.clone(), world.runtime.clone());
        world.in_decode(move || runtime.block_on(pool.reserve()).map(drop));
        let error = item.blocking_read().map(drop).expect_err("it reserves");
        assert_deadlock(&error, expected);
        assert_eq!(*item.blocking_read().expect("it does not reserve"), "a");

        let world = World::new(1);
        let item = world.pool.insert("a".to_owned());
        let pool = world.pool.clone();
        world.in_encode(move || pool.blocking_reserve().map(drop));
        let error = item.blocking_write_now().expect_err("it reserves");
        assert_deadlock(&error, expected);
        item.blocking_write_now().expect("it does not reserve");
    });
}

#[test]
fn a_codec_may_reserve_in_a_pool_of_another_store() {
    test(|| {
        let (world, other) = (World::new(0), World::new(0));
        let item = world.absent("a");
        let pool = other.pool.clone();
        world.in_decode(move || pool.blocking_reserve().map(drop));
        assert_eq!(*item.blocking_read().expect("it is loaded"), "a");
    });
}

#[test]
fn a_codec_that_reads_the_item_it_decodes_gets_an_error() {
    test(|| {
        let world = World::new(0);
        let item = world.absent("a");
        let same = item.clone();
        world.in_decode(move || same.blocking_read().map(drop));
        let error = item.blocking_read().map(drop).expect_err("it reads itself");
        assert_deadlock(&error, OF_ITS_ITEM);

        let (same, runtime) = (item.clone(), world.runtime.clone());
        world.in_decode(move || runtime.block_on(same.read()).map(drop));
        let error = item.blocking_read().map(drop).expect_err("it reads itself");
        assert_deadlock(&error, OF_ITS_ITEM);

        // By way of another item.
        let (same, between) = (item.clone(), world.absent("between"));
        let codec = world.codec.clone();
        world.in_decode(move || {
            let hook: Hook = Box::new(move || same.blocking_read().map(drop));
            *codec.decode.lock().expect("nothing panicked") = Some(hook);
            between.blocking_read().map(drop)
        });
        let error = item.blocking_read().map(drop).expect_err("it reads itself");
        assert_deadlock(&error, OF_ITS_ITEM);
        assert_eq!(*item.blocking_read().expect("it reads nothing"), "a");
    });
}

#[test]
fn a_codec_that_writes_or_persists_the_item_it_encodes_gets_an_error() {
    test(|| {
        let world = World::new(1);
        let item = world.pool.insert("a".to_owned());
        let dir = scratch();
        let path = PreparedPath::open(dir.path().join("saved"));
        let path = world.runtime.block_on(path);
        let tracked = world
            .pool
            .store()
            .blocking_track_path(path.expect("a directory"));
        let tracked = Arc::new(tracked.expect("it is tracked"));
        let hooks: [fn(&World, Handle, Arc<_>) -> Hook; 4] = [
            |_, item, _| Box::new(move || item.blocking_write_now()),
            |_, item, tracked| Box::new(move || item.blocking_persist(&tracked)),
            |world, item, _| {
                let runtime = world.runtime.clone();
                Box::new(move || runtime.block_on(async { item.spawn_write_now().await.await }))
            },
            |world, item, tracked| {
                let runtime = world.runtime.clone();
                Box::new(move || {
                    runtime.block_on(async { item.spawn_persist(&tracked).await.await })
                })
            },
        ];
        for hook in hooks {
            let hook = hook(&world, item.clone(), tracked.clone());
            world.in_encode(hook);
            let error = item.blocking_write_now().expect_err("it writes itself");
            assert_deadlock(&error, OF_ITS_ITEM);
        }
        item.blocking_write_now().expect("it writes no other");
    });
}

/// Only a write-back without a caller can have the only handle.
#[test]
fn a_codec_that_changes_the_item_it_encodes_gets_an_error() {
    test(|| {
        let world = World::new(0);
        let (give, take) = channel::<Handle>();
        let (tell, told) = channel();
        world.in_encode(move || {
            let mut item = take.recv().expect("it is given");
            let changed = item.blocking_write().map(drop);
            tell.send((item, changed)).expect("the test waits");
            Ok(())
        });
        give.send(world.pool.insert("a".to_owned()))
            .expect("the codec waits");
        let (mut item, changed) = told.recv().expect("it is told");
        assert_deadlock(&changed.expect_err("it is being written"), OF_ITS_ITEM);
        item.blocking_write().expect("it is written").push('!');
        assert_eq!(*item.blocking_read().expect("it is there"), "a!");
    });
}

#[test]
fn a_codec_may_use_other_items() {
    test(|| {
        let world = World::new(0);
        let dir = scratch();
        let path = PreparedPath::open(dir.path().join("saved"));
        let path = world.runtime.block_on(path);
        let tracked = world
            .pool
            .store()
            .blocking_track_path(path.expect("a directory"));
        let tracked = Arc::new(tracked.expect("it is tracked"));
        let item = world.absent("a");
        item.blocking_persist(&tracked).expect("it is saved");
        // Another item with the same file.
        let twins = Arc::new(FBPool::new(world.pool.store().clone(), 0));
        let twin = twins.blocking_register(&tracked, item.key());
        let twin = twin.expect("it is registered");
        let mut other = world.absent("other");
        let pool = world.pool.clone();
        let use_others = move || {
            assert_eq!(*twin.blocking_read()?, "a");
            assert_eq!(*other.blocking_read()?, "other");
            other.blocking_write()?.push('!');
            other.blocking_write_now()?;
            other.blocking_persist(&tracked)?;
            pool.insert("new".to_owned()).blocking_write_now()
        };
        world.in_decode(use_others);
        assert_eq!(*item.blocking_read().expect("it is loaded"), "a");

        let mut other = world.absent("other");
        world.in_encode(move || {
            other.blocking_write()?.push('!');
            other.blocking_write_now()
        });
        let item = world.pool.insert("b".to_owned());
        item.blocking_write_now().expect("it is written");
    });
}
