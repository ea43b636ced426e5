//! More values resident at once than the kernel has maps for one process.
#![cfg(target_os = "linux")]

use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{FBStore, Mapped, MappedCodec, map_budget};

use crate::support::in_a_process_of_its_own;

const ITEMS: u64 = 100_000;

/// Maps that the process has, of anything.
fn maps() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the kernel tells");
    maps.lines().count()
}

fn most_maps() -> usize {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("the kernel tells");
    most.trim().parse().expect("a number")
}

#[test]
fn more_values_than_the_kernel_has_maps_can_be_resident() {
    in_a_process_of_its_own(
        "codecs::many_maps::more_values_than_the_kernel_has_maps_can_be_resident",
        || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            // SAFETY: the temporary directory is this pool's alone.
            let codec = unsafe { MappedCodec::new() }.crossover(0);
            let pool = runtime.block_on(FBPool::<Mapped<u64>, FBStore<_>>::temp(codec, 100_000));
            let pool: Arc<_> = pool.expect("a pool");
            let items: Vec<_> = (0..ITEMS)
                .map(|n| pool.blocking_insert_archived(&n).expect("archived"))
                .collect();
            // Each is in use, so that none can be let go of.
            let values: Vec<_> = items
                .iter()
                .map(|item| item.blocking_read_owned().expect("loaded"))
                .collect();
            assert!((0..).zip(&values).all(|(n, value)| value.to_native() == n));
            // Maps that were evicted before they were read are unmapped by now.
            pool.store().blocking_finished();
            let mapped = values.iter().filter(|value| value.is_mapped()).count();
            assert_eq!(mapped, map_budget::in_use());
            assert!(mapped <= map_budget::limit());
            assert!(maps() < most_maps() / 2, "{} maps", maps());
            let stats = pool.stats();
            assert!(stats.map_fallbacks >= ITEMS - mapped as u64);
            assert_eq!(stats.items, ITEMS as usize);
            // The process still has what it needs itself.
            let threads: Vec<_> = (0..64).map(|_| std::thread::spawn(|| ())).collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("a thread"));
        },
    );
}
