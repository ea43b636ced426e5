//! `update`: deserializes an archive, changes the value, and archives it again.

use std::path::Path;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{FBStore, FrameError, Mapped, MappedCodec, rkyv};

use crate::support::{test, told};

type Pool = FBPool<Mapped<Vec<u32>>, FBStore<MappedCodec>>;

fn with_pool(mem_size: usize, body: impl AsyncFnOnce(Arc<Pool>)) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let pool = Pool::temp(MappedCodec::heap(), mem_size).await;
        body(pool.expect("a pool")).await;
    });
}

#[test]
fn an_update_gets_a_new_key_and_no_other_handle_sees_it() {
    test(|| {
        for mem_size in [0, 4] {
            with_pool(mem_size, async |pool| {
                let mut item = pool.insert_archived(vec![1, 2]).await.expect("archived");
                let (before, key) = (item.clone(), item.key());
                let len = item.update(|numbers| {
                    numbers.push(3);
                    numbers.len()
                });
                assert_eq!(len.await.expect("changed"), 3);
                let second = item.key();
                assert_ne!(key, second);
                item.blocking_update(|numbers| numbers.clear())
                    .expect("changed");
                assert!(![key, second].contains(&item.key()));
                assert!(item.read().await.expect("loaded").is_empty());
                assert_eq!(before.read().await.expect("loaded").len(), 2);
                assert_eq!(pool.size(), 2);
                drop((item, before));
                pool.store().finished().await;
                assert_eq!(pool.size(), 0);
            });
        }
    });
}

#[test]
fn a_failed_update_changes_nothing() {
    test(|| {
        with_pool(1, async |pool| {
            let mut item = pool.insert_archived(vec![1]).await.expect("archived");
            let key = item.key();
            let panicked = item.update(|numbers| {
                numbers.clear();
                assert!(!numbers.is_empty(), "on purpose");
            });
            let error = panicked.await.expect_err("it panics");
            assert!(error.is_panic());
            assert_eq!(
                told(&error, Path::new("ROOT")),
                "could not update item KEY: the operation panicked: on purpose"
            );
            assert_eq!(item.key(), key);
            assert_eq!(item.read().await.expect("loaded")[0], 1);
        });
    });
}

#[test]
fn a_dropped_update_is_done_whole_or_not_at_all() {
    test(|| {
        with_pool(1, async |pool| {
            let mut item = pool.insert_archived(vec![1]).await.expect("archived");
            let key = item.key();
            {
                let mut update = std::pin::pin!(item.update(|numbers| numbers.clear()));
                let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(update.as_mut().poll(cx)))
                    .await
                    .is_ready();
            }
            pool.store().finished().await;
            // It may have been done at the first poll, and is whole or not at all.
            let value = item.read().await.expect("loaded");
            assert_eq!(value.is_empty(), item.key() != key);
        });
    });
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[rkyv(
    crate = file_backed::fbstore::rkyv,
    serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: rkyv::rancor::Source),
    deserialize_bounds(__D::Error: rkyv::rancor::Source),
    bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: rkyv::rancor::Source))
)]
struct Link(#[rkyv(omit_bounds)] Option<Box<Link>>);

impl Link {
    fn lengthen(&mut self, links: usize) {
        for _ in 0..links {
            *self = Self(Some(Box::new(Self(self.0.take()))));
        }
    }
}

/// The depth limit used to be lost, so a value could be loaded and not changed.
#[test]
fn an_update_keeps_the_depth_limit_of_a_trusting_codec() {
    test(|| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            // SAFETY: the files are those that the pool writes, of one type, in a
            // directory of its own.
            let codec = unsafe { MappedCodec::heap().max_depth(200).trusting() };
            let pool: Arc<FBPool<Mapped<Link>, _>> = FBPool::temp(codec, 1).await.expect("a pool");
            let mut list = Link(None);
            list.lengthen(190);
            let mut item = pool.insert_archived(list).await.expect("archived");
            item.update(|list| list.lengthen(10))
                .await
                .expect("changed");
            let key = item.key();
            let deeper = item.update(|list| list.lengthen(1)).await;
            let error = deeper.expect_err("it is too deep");
            let cause = error.get_ref().downcast_ref::<FrameError>();
            assert!(
                matches!(cause, Some(FrameError::TooDeep { limit: 200 })),
                "{error}"
            );
            assert_eq!(item.key(), key);
        });
    });
}
