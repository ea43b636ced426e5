//! A producer that is faster than the disk stays within the stated memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use file_backed::fbstore::{
    BoxError, Codec, CodecId, FBStore, Payload, PayloadWriter, PreparedPath,
};
use file_backed::{BackingStore, FBPool};
use std::io::Write as _;

use crate::support::test;

const VALUE: usize = 16 << 10;
const BUDGET: usize = 8 * VALUE;
const BACKLOG: usize = 4 * VALUE;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are counted as long as they live.
struct Counted(Vec<u8>);

impl Counted {
    fn new(byte: u8) -> Self {
        let live = LIVE.fetch_add(VALUE, Ordering::SeqCst) + VALUE;
        PEAK.fetch_max(live, Ordering::SeqCst);
        Self(vec![byte; VALUE])
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(VALUE, Ordering::SeqCst);
    }
}

struct Counts;

impl Codec<Counted> for Counts {
    const ID: CodecId = CodecId::user(77);

    fn encode(&self, value: &Counted, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(&value.0)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Counted, BoxError> {
        Ok(Counted::new(payload.read_whole()?[0]))
    }
}

#[test]
fn a_producer_faster_than_the_disk_stays_within_the_stated_memory() {
    test(|| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let path = PreparedPath::blocking_temp().expect("a directory");
        let files = FBStore::open(Counts, path).expect("a store");
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        let pool: Arc<FBPool<Counted, _>> = FBPool::builder(store)
            .bytes(BUDGET as u64, |value: &Counted| value.0.len() as u64)
            .backlog_bytes(BACKLOG as u64)
            .build();
        let producers = 3;
        let items: Vec<_> = std::thread::scope(|scope| {
            let produce = |n: u8| {
                let pool = &pool;
                move || {
                    let item = |_| {
                        let permit = pool.blocking_reserve().expect("the disk takes it");
                        permit.insert(Counted::new(n))
                    };
                    (0..400).map(item).collect::<Vec<_>>()
                }
            };
            let threads: Vec<_> = (0..producers).map(|n| scope.spawn(produce(n))).collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined
                .flat_map(|items| items.expect("it produced"))
                .collect()
        });
        // One for each permit in hand, and for each thread that has just written.
        let threads = std::thread::available_parallelism().map_or(2, usize::from) + 2;
        let allowed = BUDGET + BACKLOG + (usize::from(producers) + threads) * VALUE;
        let peak = PEAK.load(Ordering::SeqCst);
        assert!(peak <= allowed, "{peak} of {allowed} bytes");
        assert_eq!(items[1199].blocking_load().0[0], producers - 1);
        drop(items);
        pool.store().blocking_finished();
        assert_eq!(LIVE.load(Ordering::SeqCst), 0);
    });
}
