//! Callers that share a commit or a computation.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::*;
use crate::support::{ByHand, test};

/// An error of a computation.
#[derive(Debug)]
enum Failure {
    Computing,
    Library(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error.to_string())
    }
}

type Computed = std::result::Result<Fb<String, B>, Arc<Failure>>;

/// A computation that waits for its value.
async fn gated(
    value: oneshot::Receiver<std::result::Result<String, Failure>>,
) -> std::result::Result<String, Failure> {
    value.await.expect("it is sent")
}

#[test]
fn puts_that_wait_for_the_same_turn_share_a_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let items: Vec<_> = (0..20).map(|n| user.insert(&n.to_string())).collect();
        let names: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let mut puts = Vec::new();
        let first = user.library.blocking_edit(|_| {
            // This edit has the turn.
            for (name, item) in names.iter().zip(&items) {
                puts.push(ByHand::waiting(user.library.put_named(name, item)));
            }
            // Nobody wants this one any more.
            puts.remove(7);
            Ok::<_, Error>(())
        });
        first.expect("nothing fails");
        for put in puts {
            put.finish().expect("nothing fails");
        }
        assert_eq!(user.library.generation(), 2);
        assert_eq!(user.library.names().len(), 19);
        assert!(user.library.key_named::<String>("7").is_none());
        drop(items);
        end(user);
        assert_eq!(places.user().library.names().len(), 19);
    });
}

#[test]
fn a_put_that_fails_does_not_fail_those_that_share_its_commit() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (lost, good) = (user.insert("lost"), user.insert("good"));
        lost.write_now().wait().expect("nothing fails");
        drop(
            (0..20)
                .map(|n| user.insert(&n.to_string()))
                .collect::<Vec<_>>(),
        );
        user.library.store().blocking_finished();
        assert!(lost.try_load().is_none(), "it is in its file alone");
        fs::remove_file(key_path(&user.cache, lost.key())).expect("it is there");

        let mut puts = Vec::new();
        let first = user.library.blocking_edit(|_| {
            for (name, item) in [("lost", &lost), ("good", &good)] {
                puts.push(ByHand::waiting(user.library.put_named(name, item)));
            }
            Ok::<_, Error>(())
        });
        first.expect("nothing fails");
        let [lost_put, good_put] = puts.try_into().unwrap_or_else(|_| unreachable!());
        // Both are polled, because one waits for the turn of the other.
        let (lost_put, good_put) = std::thread::scope(|scope| {
            let good_put = scope.spawn(|| good_put.finish());
            (lost_put.finish(), good_put.join().expect("no panic"))
        });
        let error = lost_put.expect_err("its file is gone");
        assert!(error.is_not_found(), "{error}");
        good_put.expect("it is there");
        assert_eq!(user.named("good"), "good");
        assert_eq!(user.library.names().len(), 1);
        drop((lost, good));
        end(user);
    });
}

#[test]
fn concurrent_calls_compute_a_value_once_and_get_the_same_item() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (sender, value) = oneshot::channel();
        let get = |value| {
            let computing = user
                .library
                .get_or_put_with(&user.texts, "a", || gated(value));
            ByHand::waiting(computing)
        };
        let first = get(value);
        let others: Vec<_> = (0..5)
            .map(|_| {
                let (_, never) = oneshot::channel();
                get(never)
            })
            .collect();
        sender.send(Ok("text".to_owned())).expect("it waits");
        let first = first.finish().expect("nothing fails");
        for other in others {
            let other: Computed = other.finish();
            assert_eq!(other.expect("nothing fails").key(), first.key());
        }
        assert_eq!((user.library.generation(), user.texts.size()), (1, 1));
        drop(first);
        end(user);
        let user = places.reader();
        let found = user
            .library
            .blocking_get_or_put_with(&user.texts, "a", || Err::<String, _>(Failure::Computing));
        assert_eq!(
            *found.expect("it is there").blocking_read().expect("whole"),
            "text"
        );
        let missing = user
            .library
            .blocking_get_or_put_with(&user.texts, "b", || Err::<String, _>(Failure::Computing));
        match &*missing.expect_err("it was opened read-only") {
            Failure::Library(error) => assert!(error.contains("read-only"), "{error}"),
            Failure::Computing => panic!("it has computed"),
        }
        end(user);
    });
}

#[test]
fn if_the_call_that_computes_is_dropped_or_panics_another_one_computes() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        for panics in [false, true] {
            let name = panics.to_string();
            let (sender, value) = oneshot::channel();
            let first = user.library.get_or_put_with(&user.texts, &name, || async {
                let value: std::result::Result<String, Failure> = gated(value).await;
                assert!(!panics, "the computation fails");
                value
            });
            let first = ByHand::waiting(first);
            let second = user.library.get_or_put_with(&user.texts, &name, || async {
                Ok::<_, Failure>("second".to_owned())
            });
            let second = ByHand::waiting(second);
            if panics {
                sender.send(Ok("first".to_owned())).expect("it waits");
                let panic = std::panic::AssertUnwindSafe(|| first.finish());
                assert!(std::panic::catch_unwind(panic).is_err());
            } else {
                drop(first);
            }
            let second = second.finish().expect("nothing fails");
            assert_eq!(*second.blocking_read().expect("it is whole"), "second");
        }
        end(user);
    });
}

#[test]
fn calls_that_waited_for_a_computation_get_its_error_and_nothing_is_stored() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (sender, value) = oneshot::channel();
        let first = user
            .library
            .get_or_put_with(&user.texts, "a", || gated(value));
        let first = ByHand::waiting(first);
        let (_, never) = oneshot::channel();
        let second = user
            .library
            .get_or_put_with(&user.texts, "a", || gated(never));
        let second = ByHand::waiting(second);
        sender.send(Err(Failure::Computing)).expect("it waits");
        let first = first.finish().expect_err("it failed");
        let second = second.finish().expect_err("it failed");
        assert!(matches!(*first, Failure::Computing) && Arc::ptr_eq(&first, &second));
        assert_eq!((user.library.generation(), user.texts.size()), (0, 0));
        let again = user
            .library
            .blocking_get_or_put_with(&user.texts, "a", || Ok::<_, Failure>("text".to_owned()));
        assert_eq!(
            *again.expect("it computes").blocking_read().expect("whole"),
            "text"
        );
        end(user);
    });
}

#[test]
fn threads_that_want_the_same_names_compute_each_once() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let computed: [AtomicUsize; 10] = Default::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (user, computed) = (&user, &computed);
                scope.spawn(move || {
                    for n in 0..10 {
                        let n = (n + thread) % 10;
                        let got = user.library.blocking_get_or_put_with(
                            &user.texts,
                            &n.to_string(),
                            || {
                                computed[n].fetch_add(1, Ordering::SeqCst);
                                Ok::<_, Error>(n.to_string())
                            },
                        );
                        let got = got.expect("nothing fails");
                        assert_eq!(*got.blocking_read().expect("it is whole"), n.to_string());
                    }
                });
            }
        });
        assert!(
            computed
                .iter()
                .all(|count| count.load(Ordering::SeqCst) == 1)
        );
        assert_eq!(user.library.names().len(), 10);
        end(user);
    });
}

type Got = std::result::Result<Fb<String, B>, Arc<Error>>;

/// A call for the name "a" that computes what is sent.
fn computing(
    user: &User,
) -> (
    oneshot::Sender<Result<String>>,
    ByHand<impl Future<Output = Got> + use<'_>>,
) {
    let (sender, value) = oneshot::channel();
    let compute = || async { value.await.expect("it is sent") };
    let call = user.library.get_or_put_with(&user.texts, "a", compute);
    (sender, ByHand::waiting(call))
}

/// A call for the name "a" that computes this text, if it has to.
fn returning<'a>(
    user: &'a User,
    pool: &'a Arc<FBPool<String, B>>,
    text: &'static str,
) -> impl Future<Output = Got> + use<'a> {
    let compute = move || async { Ok(text.to_owned()) };
    user.library.get_or_put_with(pool, "a", compute)
}

/// Polls a future to the end, and runs `other` after its first poll.
fn after<F: Future>(future: F, other: impl FnOnce()) -> F::Output {
    let mut future = ByHand::new(future);
    let polled = future.poll();
    other();
    match polled {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => future.finish(),
    }
}

/// A call that comes after a computation has failed gets its error without computing, as long
/// as one of those that waited has not been polled.
#[test]
fn a_call_after_a_failed_computation_computes_again() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (sender, first) = computing(&user);
        let second = ByHand::waiting(returning(&user, &user.texts, "2"));
        assert!(sender.send(Err(failed())).is_ok());
        first.finish().expect_err("it failed");
        // The first call has returned. This one comes later.
        let third = returning(&user, &user.texts, "3");
        let third = after(third, || drop(second.finish()));
        let third = third.map(|item| item.blocking_read().expect("whole").clone());
        end(user);
        assert_eq!(third.expect("the next call computes again"), "3");
    });
}

/// The same with a value whose name was removed since.
#[test]
fn a_call_after_the_name_was_removed_computes_again() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (sender, first) = computing(&user);
        let second = ByHand::waiting(returning(&user, &user.texts, "2"));
        assert!(sender.send(Ok("1".to_owned())).is_ok());
        first.finish().expect("nothing fails");
        let removed = user.library.blocking_edit(|edit| edit.remove_named("a"));
        removed.expect("it is there");
        let third = returning(&user, &user.texts, "3");
        let third = after(third, || drop(second.finish()));
        let third = third.expect("nothing fails");
        let is_there = user.library.key_named::<String>("a") == Some(Key::from_uuid(third.key()));
        drop(third);
        end(user);
        assert!(
            is_there,
            "it returns once the item is durable under the name"
        );
    });
}

/// A caller gets an item of the pool that it has passed.
#[test]
fn a_call_that_waits_gets_an_item_of_its_own_pool() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let other: Arc<FBPool<String, B>> = Arc::new(FBPool::new(user.library.store().clone(), 10));
        let (sender, first) = computing(&user);
        let second = ByHand::waiting(returning(&user, &other, "2"));
        assert!(sender.send(Ok("1".to_owned())).is_ok());
        first.finish().expect("nothing fails");
        let second = second.finish().expect("nothing fails");
        let is_own = Arc::ptr_eq(second.pool(), &other);
        drop(second);
        drop(other);
        end(user);
        assert!(is_own);
    });
}

/// A value that was put under the name during the computation is newer.
#[test]
fn a_computed_value_does_not_replace_one_that_was_put_meanwhile() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let (sender, computing) = computing(&user);
        let put = user.insert("put");
        user.library.blocking_put_named("a", &put).expect("durable");
        assert!(sender.send(Ok("computed".to_owned())).is_ok());
        drop(computing.finish());
        let found = user.library.blocking_get_named(&user.texts, "a");
        let found = found
            .expect("there")
            .blocking_read()
            .expect("whole")
            .clone();
        drop(put);
        end(user);
        assert_eq!(found, "put");
    });
}

/// Of two puts under one name, the later one wins, whatever became of a third one.
#[test]
fn puts_of_one_name_that_share_a_commit_are_made_in_the_order_of_their_calls() {
    test(|| {
        let places = Places::new();
        let user = places.user();
        let items = ["0", "1", "2"].map(|text| user.insert(text));
        let mut puts = Vec::new();
        let first = user.library.blocking_edit(|_| {
            for item in &items {
                puts.push(ByHand::waiting(user.library.put_named("a", item)));
            }
            puts.remove(0);
            Ok::<_, Error>(())
        });
        first.expect("nothing fails");
        for put in puts {
            put.finish().expect("nothing fails");
        }
        let found = user.library.blocking_get_named(&user.texts, "a");
        let found = found
            .expect("there")
            .blocking_read()
            .expect("whole")
            .clone();
        drop(items);
        end(user);
        assert_eq!(found, "2");
    });
}
