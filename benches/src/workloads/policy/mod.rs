//! `policy`: what each eviction policy finds in memory.

mod optimum;
mod ours;
mod peers;
mod recorded;
mod trace;

use std::sync::Arc;

use anyhow::Result;

use crate::harness::plan::{Case, Contender, Sample, Scale, Workload};
use ours::{maps, pool};
use trace::{Accesses, Trace};

pub const WORKLOAD: Workload = Workload {
    name: "policy",
    about: "the hit ratio of a cache that is too small, by how its items are used: cycles, skewed \
            choices, sets that shift, and recorded traces (`--traces DIR`)",
    cases,
    absent,
};

/// Whether a directory has recorded traces.
pub fn has_traces(dir: &std::path::Path) -> bool {
    !recorded::all(dir).is_empty()
}

fn absent(_: &str, _: &str) -> &'static str {
    "only eviction policies are compared here, in memory alone"
}

/// The best that a policy can do that knows the future.
const OPTIMUM: &str = "limit/optimum";

/// What a cache does with one access: returns whether it was a hit.
trait Cache {
    fn access(&mut self, item: u32) -> Result<bool>;
}

/// Makes a cache that is empty, for so many of so many items, whose files may go below a path.
type Make = fn(&std::path::Path, kept: usize, items: usize) -> Result<Box<dyn Cache>>;

fn systems() -> Vec<(&'static str, Make)> {
    vec![
        ("file_backed/maps", maps as Make),
        ("file_backed/dip", |_, kept, items| {
            pool(file_backed::Policy::Dip, kept, items)
        }),
        ("file_backed/bip", |_, kept, items| {
            pool(file_backed::Policy::Bip, kept, items)
        }),
        ("file_backed/lru", |_, kept, items| {
            pool(file_backed::Policy::Lru, kept, items)
        }),
        ("lru", |_, kept, _| Ok(Box::new(peers::Lru::new(kept)?))),
        ("foyer/s3-fifo", |_, kept, _| Ok(peers::foyer_s3_fifo(kept))),
        ("foyer/lfu", |_, kept, _| Ok(peers::foyer_lfu(kept))),
        ("moka", |_, kept, _| Ok(Box::new(peers::Moka::new(kept)))),
        ("quick_cache", |_, kept, _| {
            Ok(Box::new(peers::QuickCache::new(kept)))
        }),
    ]
}

fn cases(scale: &Scale) -> Vec<Case> {
    let mut cases: Vec<_> = trace::generated(scale)
        .into_iter()
        .map(|trace| case(trace, scale))
        .collect();
    match &scale.traces {
        Some(dir) => cases.extend(
            recorded::all(dir)
                .into_iter()
                .map(|trace| case(trace, scale)),
        ),
        None => cases.push(without_traces()),
    }
    cases
}

/// Stands for the recorded traces where there are none.
fn without_traces() -> Case {
    let mut case = Case::new("recorded", 1);
    for (system, _) in systems() {
        case.add(Contender::skipped(system, "no `--traces DIR` is given"));
    }
    case
}

fn case(trace: Trace, scale: &Scale) -> Case {
    // Keys are random, and with them the trial groups of a duel.
    let mut case = Case::new(trace.name.clone(), scale.pick(1, 3));
    let trace = Arc::new(trace);
    let limit = trace.clone();
    case.add(Contender::new(OPTIMUM, move |_| {
        let accesses = limit.accesses()?;
        let share = accesses.share_of_hits(&optimum::hits(&accesses));
        Ok(Box::new(move |_| Ok(vec![ratio(share)])))
    }));
    for (system, make) in systems() {
        let trace = trace.clone();
        if system == "file_backed/maps" && trace.is_long {
            let reason = "it would need a file for each of its many items";
            case.add(Contender::skipped(system, reason));
            continue;
        }
        let contender = Contender::new(system, move |dir| {
            let (accesses, dir) = (trace.accesses()?, dir.to_owned());
            Ok(Box::new(move |round| {
                let below = dir.join(round.to_string());
                std::fs::create_dir(&below)?;
                let mut cache = make(&below, accesses.kept, accesses.items)?;
                let share = measure(&accesses, &mut *cache)?;
                drop(cache);
                std::fs::remove_dir_all(&below)?;
                Ok(vec![ratio(share)])
            }))
        });
        case.add(contender.against(OPTIMUM));
    }
    case
}

fn measure(accesses: &Accesses, cache: &mut dyn Cache) -> Result<f64> {
    let items = accesses.order.iter();
    let hits: Vec<bool> = items
        .map(|item| cache.access(*item))
        .collect::<Result<_>>()?;
    Ok(accesses.share_of_hits(&hits))
}

fn ratio(share: f64) -> Sample {
    Sample::new("hit-ratio", "%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cache of `kept` finds of these accesses.
    fn of(order: &[u32], kept: usize, system: &str) -> Vec<bool> {
        let all = systems();
        let (_, make) = all.iter().find(|(name, _)| *name == system).expect("one");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut cache = make(dir.path(), kept, 100).expect("a cache");
        let accesses = order.iter().map(|item| cache.access(*item));
        accesses.collect::<Result<_>>().expect("accesses")
    }

    #[test]
    fn every_system_begins_empty_and_keeps_what_fits() {
        let order: Vec<u32> = (0..40).chain(0..40).collect();
        for (system, _) in systems() {
            let hits = of(&order, 50, system);
            assert!(hits[..40].iter().all(|hit| !hit), "{system}");
            let again = hits[40..].iter().filter(|hit| **hit).count();
            assert!(again >= 35, "{system}: {again}");
        }
    }

    #[test]
    fn a_pool_in_lru_order_does_what_the_lru_crate_does_in_a_cycle() {
        let order: Vec<u32> = (0..60).cycle().take(600).collect();
        for system in ["file_backed/lru", "lru"] {
            assert!(of(&order, 50, system).iter().all(|hit| !hit), "{system}");
        }
        let kept = of(&order, 50, "file_backed/bip");
        assert!(kept.iter().filter(|hit| **hit).count() > 300);
    }
}
