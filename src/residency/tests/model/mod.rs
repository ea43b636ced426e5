//! Every event of one item in every state, in random order, checked against the
//! table of the module.
//!
//! A sequence begins, claims, finishes, fails or abandons loads and writes, all on
//! one thread, so that each event may occur in the middle of each other. At the
//! end, every possible pair of event and state must have occurred.

mod drive;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::IfPinned;
use crate::backing_store::BackingStore;
use crate::testing::MemStore;
use drive::Drive;
use table::{Phase, all_pairs};

/// One event, or a precondition of one.
#[derive(Clone, Copy, Debug)]
enum Step {
    BeginLoad,
    /// Claims the queued load.
    ClaimLoad,
    /// Gives a claimed load back, which was refused.
    GiveLoadBack,
    FinishLoad {
        fails: bool,
        is_map: bool,
    },
    /// Takes a guard, if the value is resident.
    Pin,
    Promote,
    /// Drops a guard, and retries the eviction.
    Unpin,
    Evict {
        if_pinned: IfPinned,
    },
    BeginCheckout {
        waits: bool,
    },
    CheckIn,
    WriteNow,
    Persist,
    BeginEvictionWrite,
    ClaimWrite,
    FinishWrite(Ending),
    Clone,
    DropHandle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Written,
    /// Fails like a disk.
    Refused,
    /// Fails like a codec.
    Faulty,
}

fn step() -> impl Strategy<Value = Step> {
    let load = (any::<bool>(), any::<bool>());
    prop_oneof![
        3 => Just(Step::BeginLoad),
        2 => Just(Step::ClaimLoad),
        1 => Just(Step::GiveLoadBack),
        4 => load.prop_map(|(fails, is_map)| Step::FinishLoad { fails, is_map }),
        2 => Just(Step::Pin),
        2 => Just(Step::Promote),
        3 => Just(Step::Unpin),
        5 => Just(Step::Evict { if_pinned: IfPinned::Evict }),
        3 => Just(Step::Evict { if_pinned: IfPinned::Keep }),
        2 => any::<bool>().prop_map(|waits| Step::BeginCheckout { waits }),
        3 => Just(Step::CheckIn),
        1 => Just(Step::WriteNow),
        1 => Just(Step::Persist),
        3 => Just(Step::BeginEvictionWrite),
        3 => Just(Step::ClaimWrite),
        3 => Just(Step::FinishWrite(Ending::Written)),
        1 => Just(Step::FinishWrite(Ending::Refused)),
        1 => Just(Step::FinishWrite(Ending::Faulty)),
        1 => Just(Step::Clone),
        1 => Just(Step::DropHandle),
    ]
}

#[test]
fn every_event_in_every_state_follows_the_transition_table() {
    let mut config = ProptestConfig::with_cases(2000);
    config.failure_persistence = None;
    let mut runner = TestRunner::new_with_rng(
        config,
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::XorShift),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let store = BackingStore::new(MemStore::default(), runtime.handle().clone());
    let store = Arc::new(store);
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let starts = (
        prop_oneof![Just(Phase::Dirty), Just(Phase::Absent)],
        1..60_usize,
    )
        .prop_flat_map(|(start, length)| (Just(start), prop::collection::vec(step(), length)));
    let ran = runner.run(&starts, |(start, steps)| {
        let mut drive = Drive::new(store.clone(), start);
        for step in steps {
            drive.step(step);
            drive.check();
        }
        seen.borrow_mut().extend(drive.end());
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    store.blocking_finished();
    assert_eq!(store.core().backing.owned_files(), 0, "no file is left");
    let missing: Vec<_> = all_pairs()
        .into_iter()
        .filter(|pair| !seen.borrow().contains(pair))
        .collect();
    assert_eq!(missing, [], "never came up");
}
