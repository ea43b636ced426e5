//! What values weigh in pools without a weigher.

use file_backed::FBPool;

use crate::support::{Fault, On, Op, Pool, World, test};

/// As many values may wait while nothing is known of their weight.
fn unweighed() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) + 1
}

/// A world whose store reports what encoded texts take, and a pool without a weigher.
fn measuring(items: usize, backlog_bytes: u64) -> (World, Pool) {
    let world = World::new();
    world.mem.measure();
    let pool = FBPool::builder(world.store.clone())
        .items(items)
        .backlog_bytes(backlog_bytes)
        .build();
    (world, pool)
}

fn text(length: usize) -> String {
    "x".repeat(length)
}

/// The size of the type.
const LEAST: u64 = size_of::<String>() as u64;

/// Inserts values of this length while there is room.
fn fill(pool: &Pool, length: usize) -> Vec<crate::support::Handle> {
    let permits = std::iter::from_fn(|| pool.try_reserve().expect("nothing failed"));
    permits.map(|permit| permit.insert(text(length))).collect()
}

#[cfg(feature = "bincodec")]
mod files {
    use std::sync::mpsc::{Receiver, channel};
    use std::sync::{Arc, Mutex};

    use file_backed::FBPool;
    use file_backed::fbstore::{BinCodec, BoxError, Codec, CodecId, Payload, PayloadWriter};
    use file_backed::{BackingStore, PoolBuilder};
    use tokio::runtime::Runtime;

    use super::{test, unweighed};

    /// `BinCodec`, which encodes one value for each token that it receives, and any
    /// number once the sender is gone.
    struct Gated(Mutex<Receiver<()>>);

    impl Codec<Vec<u8>> for Gated {
        const ID: CodecId = CodecId::BINCODE;

        fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
            let _ = self.0.lock().expect("nothing panicked").recv();
            BinCodec.encode(value, out)
        }

        fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
            BinCodec.decode(payload)
        }
    }

    /// A vector counted as the 24 bytes of its type: 37 values of 16 MiB waited, where 256
    /// MiB were promised.
    #[test]
    fn a_producer_of_large_values_stays_within_the_backlog_without_a_weigher() {
        const LENGTH: usize = 64 << 10;
        const BOUND: u64 = 1 << 20;
        const FITTING: usize = BOUND as usize / LENGTH;
        test(|| {
            let runtime = Runtime::new().expect("a runtime");
            let (tokens, gate) = channel();
            let codec = Gated(Mutex::new(gate));
            let store = BackingStore::temp(codec);
            let store = runtime.block_on(store).expect("a store");
            let builder: PoolBuilder<Vec<u8>, _> = FBPool::builder(store);
            let pool: Arc<FBPool<Vec<u8>, _>> = builder.items(0).backlog_bytes(BOUND).build();
            let mut items = Vec::new();
            let mut fill = || {
                while let Some(permit) = pool.try_reserve().expect("nothing failed") {
                    items.push(permit.insert(vec![7; LENGTH]));
                }
                pool.stats().writes_waiting
            };
            assert_eq!(fill(), unweighed());
            tokens.send(()).expect("the store is there");
            while pool.stats().writes == 0 {
                std::thread::yield_now();
            }
            assert_eq!(fill(), FITTING);
            let bytes = pool.stats().writes_waiting_bytes;
            let full = BOUND..BOUND + (1 << 10);
            assert!(full.contains(&bytes), "{bytes}");
            drop(tokens);
            for _ in 0..10 * FITTING {
                let permit = pool.blocking_reserve().expect("nothing failed");
                items.push(permit.insert(vec![7; LENGTH]));
                assert!(pool.stats().writes_waiting <= FITTING);
            }
            drop(items);
        });
    }

    #[test]
    fn a_value_loaded_from_a_file_weighs_its_payload() {
        test(|| {
            let runtime = Runtime::new().expect("a runtime");
            let pool = runtime.block_on(FBPool::temp(BinCodec, 1)).expect("a pool");
            let items = [1000, 2000].map(|length| pool.insert(vec![7_u8; length]));
            pool.store().blocking_finished();
            let _ = items[0].blocking_load();
            pool.store().blocking_finished();
            // With the length of the vector before its bytes.
            assert_eq!(pool.stats().resident_bytes, 1008);
        });
    }

    /// An archive knows what it takes, so it need not be written first.
    #[cfg(feature = "mappedcodec")]
    #[test]
    fn archives_are_weighed_before_they_are_written() {
        use file_backed::fbstore::{Mapped, MappedCodec};

        test(|| {
            let runtime = Runtime::new().expect("a runtime");
            let pool = runtime.block_on(FBPool::temp(MappedCodec::heap(), 100));
            let pool: Arc<FBPool<Mapped<Vec<u8>>, _>> = pool.expect("a pool");
            let permits: Vec<_> =
                std::iter::from_fn(|| pool.try_reserve().expect("nothing failed")).collect();
            assert_eq!(permits.len(), 128);
            let archive = Mapped::new(&vec![7; 5000]).expect("it is archived");
            let _item = pool.insert(archive);
            assert!(pool.stats().resident_bytes >= 5000);
        });
    }
}

/// The values were resident, and weighed nothing, before it was known what they weigh.
#[test]
fn values_that_were_inserted_before_the_first_write_count_once_they_wait() {
    test(|| {
        let (world, pool) = measuring(10, 1000);
        let items: Vec<_> = (0..10).map(|_| pool.insert(text(100))).collect();
        assert_eq!(pool.stats().resident_bytes, 10 * LEAST);
        items[0].blocking_write_now().expect("it is written");
        assert_eq!(pool.stats().resident_bytes, 10 * 100);
        let gate = world.mem.gate(Op::Store, None);
        // The one that was written goes first. Ten that were not follow.
        let more = fill(&pool, 100);
        assert_eq!(more.len(), 11);
        assert_eq!(pool.stats().writes_waiting_bytes, 1000);
        gate.open();
        drop((items, more));
        world.assert_empty(&pool);
    });
}

#[test]
fn a_write_corrects_the_weight_and_leaves_the_order() {
    test(|| {
        let (world, pool) = measuring(3, 1 << 20);
        let items = [70, 50, 60].map(|length| pool.insert(text(length)));
        items[0].blocking_write_now().expect("it is written");
        // 70 stands in for the other two.
        assert_eq!(pool.stats().resident_bytes, 210);
        items[1].blocking_write_now().expect("it is written");
        assert_eq!(pool.stats().resident_bytes, 190);
        let fourth = pool.insert(text(10));
        world.settle();
        assert!(items[0].try_load().is_none(), "it was used least recently");
        assert!(items[1].try_load().is_some());
        drop((items, fourth));
        world.assert_empty(&pool);
        assert_eq!(pool.stats().resident_bytes, 0);
    });
}

#[test]
fn a_loaded_value_weighs_its_encoding_or_its_type_where_that_is_larger() {
    test(|| {
        let (world, pool) = measuring(2, 1 << 20);
        let items = [100, 1].map(|length| world.absent(&pool, &text(length)));
        for item in &items {
            let _ = item.blocking_load();
        }
        assert_eq!(pool.stats().resident_bytes, 100 + LEAST);
        drop(items);
        world.assert_empty(&pool);
    });
}

#[test]
fn a_changed_value_is_unweighed_again() {
    test(|| {
        let (world, pool) = measuring(2, 1 << 20);
        let mut item = pool.insert(text(100));
        item.blocking_write_now().expect("it is written");
        *item.blocking_write().expect("it is resident") = text(40);
        assert_eq!(
            pool.stats().resident_bytes,
            100,
            "what the last one weighed"
        );
        item.blocking_write_now().expect("it is written");
        assert_eq!(pool.stats().resident_bytes, 40);
        drop(item);
        world.assert_empty(&pool);
    });
}

/// Otherwise a store whose footprints are exact, or that implements nothing of this,
/// would have less room before its first write.
#[test]
fn a_store_that_does_not_measure_is_not_held_back_before_its_first_write() {
    test(|| {
        let world = World::new();
        let pool = FBPool::builder(world.store.clone()).items(0).build();
        let gate = world.mem.gate(Op::Store, None);
        let items = fill(&pool, 100);
        assert_eq!(items.len(), 128);
        assert_eq!(pool.stats().writes_waiting_bytes, 128 * LEAST);
        gate.open();
        drop(items);
        world.assert_empty(&pool);
    });
}

/// No write ever ends well, so no weight is ever known.
#[test]
fn unweighed_values_that_cannot_be_written_end_the_wait_with_an_error() {
    test(|| {
        let (world, pool) = measuring(0, 1 << 20);
        world.mem.fail(On::every(Op::Store), Fault::Refused);
        let mut items = Vec::new();
        for _ in 0..unweighed() {
            let permit = pool.blocking_reserve().expect("there is room");
            items.push(permit.insert(text(1)));
            world.settle();
        }
        assert!(pool.blocking_reserve().is_err());
        world.mem.heal();
        drop(items);
        world.assert_empty(&pool);
    });
}
