//! How many entries a map has that are not found any more.

use std::sync::Arc;

use super::WeakMap;
use super::entries::SLACK;
use crate::testing::{MemStore, runtime};
use crate::{BackingStore, Error, FBPool};

type Map = WeakMap<usize, Vec<u8>, Arc<MemStore>>;

fn with_pool(test: impl FnOnce(&Arc<FBPool<Vec<u8>, Arc<MemStore>>>)) {
    let runtime = runtime("weak map");
    let mem = Arc::new(MemStore::default());
    let store = Arc::new(BackingStore::new(mem, runtime.handle().clone()));
    test(&Arc::new(FBPool::new(store, 10)));
}

fn entries(map: &Map) -> usize {
    map.entries.lock().len()
}

#[test]
fn entries_of_dropped_items_never_outnumber_the_others_by_more_than_the_slack() {
    with_pool(|pool| {
        let map = Map::new();
        let mut held = Vec::new();
        for n in 0..2000 {
            let made = map.blocking_get_or_insert_with(n, || Ok::<_, Error>(pool.insert(vec![1])));
            let made = made.expect("nothing fails");
            if n % 10 == 0 {
                held.push(made);
            }
            let most = 2 * held.len() + SLACK;
            assert!(entries(&map) <= most, "{} of {most}", entries(&map));
        }
        assert_eq!(map.len(), held.len());
        assert_eq!(entries(&map), held.len(), "counting sweeps");
    });
}

#[test]
fn entries_of_changed_items_are_swept() {
    with_pool(|pool| {
        let map = Map::new();
        let mut held: Vec<_> = (0..SLACK).map(|_| pool.insert(vec![1])).collect();
        for (n, item) in held.iter_mut().enumerate() {
            map.insert(n, item);
            item.blocking_load_mut().push(2);
        }
        assert_eq!(entries(&map), SLACK);
        map.insert(SLACK, &held[0]);
        assert_eq!((entries(&map), map.len()), (1, 1));
    });
}

#[test]
fn no_computation_is_known_once_its_calls_have_returned() {
    with_pool(|pool| {
        let map = Map::new();
        for n in 0..10 {
            let made = map.blocking_get_or_insert_with(n, || match n % 2 {
                0 => Ok(pool.insert(vec![1])),
                _ => Err("odd"),
            });
            assert_eq!(made.is_ok(), n % 2 == 0);
        }
        assert!(map.computations_are_idle());
    });
}
