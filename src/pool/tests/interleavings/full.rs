//! Writes that wait for room in a store with a quota that does not say how much they need.

use shuttle::thread;

use super::{World, explore, of};

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
