//! The memory of loads in flight.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use file_backed::fbstore::{BoxError, Codec, CodecId, FBStore, Payload, PayloadWriter, frame};
use file_backed::{BackingStore, FBPool, Fb};
use tokio::runtime::Runtime;

use crate::support::test;

const VALUE: usize = 20_000;
const FILE: u64 = (VALUE + frame::FOOTER_LEN) as u64;
/// As many loads have room at a time.
const LOADS: usize = 5;

/// Bytes, of which as many are decoded at a time as have room.
struct Together {
    all_are_here: Barrier,
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
}

impl Codec<Vec<u8>> for Together {
    const ID: CodecId = CodecId::user(62);

    fn encode(&self, value: &Vec<u8>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Ok(out.write_all(value)?)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<u8>, BoxError> {
        let bytes = payload.read_whole()?;
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.all_are_here.wait();
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(bytes)
    }
}

#[test]
fn loads_in_flight_take_an_eighth_of_the_budget() {
    test(|| {
        let runtime = Runtime::new().expect("a runtime");
        let most = Arc::new(AtomicUsize::new(0));
        let codec = Together {
            all_are_here: Barrier::new(LOADS),
            now: AtomicUsize::new(0),
            most: most.clone(),
        };
        let store = runtime.block_on(BackingStore::temp(codec));
        let pool: Arc<FBPool<Vec<u8>, FBStore<Together>>> =
            FBPool::builder(store.expect("a store"))
                .items(0)
                .bytes(8 * FILE * LOADS as u64, |value: &Vec<u8>| {
                    value.len() as u64
                })
                .build();
        let items: Vec<_> = (0..3 * LOADS)
            .map(|n| pool.insert(vec![n as u8; VALUE]))
            .collect();
        pool.store().blocking_finished();
        thread::scope(|scope| {
            let read = |item: &Fb<_, _>| drop(item.blocking_read().expect("it is loaded"));
            for item in &items {
                scope.spawn(move || read(item));
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), LOADS);
    });
}
