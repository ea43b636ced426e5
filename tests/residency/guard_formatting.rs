//! Guards format like their values.

use file_backed::ReadGuard;

use crate::support::{World, test};

#[test]
fn every_guard_formats_like_its_value() {
    test(|| {
        let world = World::new();
        let pool = world.pool(1);
        let mut item = pool.insert("a\n".to_owned());
        let check = |guard: &dyn std::fmt::Display, debug: &dyn std::fmt::Debug| {
            assert_eq!(format!("{guard:>3}"), " a\n");
            assert_eq!(format!("{debug:?}"), r#""a\n""#);
        };
        let guard = item.blocking_read().expect("it is in memory");
        check(&guard, &guard);
        let part = ReadGuard::map(guard, |value| value.as_str());
        check(&part, &part);
        drop(part);
        let owned = item.blocking_read_owned().expect("it is in memory");
        check(&owned, &owned);
        drop(owned);
        let changed = item.blocking_write().expect("it is in memory");
        check(&changed, &changed);
    });
}
