//! Writes that wait for room in a store with a quota that does not say how much they need.

use shuttle::thread;

use super::{World, explore, of};
use crate::testing::MemPath;

/// Room appears between the refusal and the question how much room there is. The write must
/// not be left to wait for more than that.
#[test]
fn a_write_that_is_refused_while_room_is_made_is_tried_again() {
    explore(|| {
        let world = World::with_quota(0, 1);
        let first = world.pool.insert(of(1));
        world.settle();
        let drops = thread::spawn(move || drop(first));
        let second = world.pool.insert(of(2));
        drops.join().expect("it dropped");
        world.settle();
        assert_eq!(world.pool.stats().writes_waiting, 0, "it fits");
        drop(second);
        world.end();
    });
}

/// The cache stays full while other calls overlap with the refused writes. If their attempts
/// kept each other going, nothing would settle.
#[test]
fn writes_that_do_not_fit_do_not_keep_each_other_going() {
    explore(|| {
        let world = World::with_quota(0, 1);
        let saved = world.track(MemPath::default());
        let first = world.pool.insert(of(1));
        world.settle();
        let persists = {
            let (first, saved) = (first.clone(), saved.clone());
            thread::spawn(move || first.blocking_persist(&saved))
        };
        let others = [2, 3].map(|byte| {
            let pool = world.pool.clone();
            thread::spawn(move || pool.insert(of(byte)))
        });
        persists.join().expect("no panic").expect("it is persisted");
        let others = others.map(|other| other.join().expect("it inserted"));
        world.settle();
        assert_eq!(world.pool.stats().writes_waiting, 2);
        drop(first);
        world.settle();
        assert_eq!(world.pool.stats().writes_waiting, 1, "one fits now");
        drop(others);
        world.end();
    });
}
