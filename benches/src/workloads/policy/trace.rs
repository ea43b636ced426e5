//! Orders in which items are used.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Result;

use super::recorded;
use crate::harness::plan::Scale;
use crate::harness::seed::Rng;

/// A trace, and the cache that it is for.
pub struct Trace {
    pub name: String,
    /// It has too many items for a file each.
    pub is_long: bool,
    pub source: Source,
}

pub enum Source {
    Generated(Pattern, usize),
    /// A file, and the part of its items that is kept.
    Recorded(PathBuf, usize),
}

/// The accesses of a trace.
pub struct Accesses {
    pub order: Vec<u32>,
    /// How many items the cache keeps.
    pub kept: usize,
    /// How many items there are.
    pub items: usize,
    /// The accesses before this one fill the cache, and do not count.
    warm: usize,
    /// One in so many accesses counts.
    each: usize,
}

impl Accesses {
    /// Accesses that all count.
    pub fn all(order: Vec<u32>, kept: usize, items: usize) -> Self {
        Self {
            order,
            kept,
            items,
            warm: 0,
            each: 1,
        }
    }

    /// The share of hits among those that count.
    pub fn share_of_hits(&self, hits: &[bool]) -> f64 {
        let counted = hits[self.warm..].iter().step_by(self.each);
        let count = counted.len().max(1);
        counted.filter(|hit| **hit).count() as f64 / count as f64
    }
}

/// How items are used; sizes are in tenths of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// All in turn, six times.
    Cycle(usize),
    /// The same, where each item is read twice, and the first read counts.
    Twice(usize),
    /// The same, where each item is loaded 32 items ahead of its read, and the load counts.
    Ahead(usize),
    /// Items of twenty caches, by this power of their rank.
    Zipf(f64),
    /// The same, with a scan of all items now and then.
    ZipfAndScans(f64),
    /// Nine in ten of a hot set of three quarters of the cache, which is another one after
    /// so many tenths.
    Shifting(usize),
    /// The same, but the set changes one by one.
    Sliding,
    /// Cycles and skewed choices in turn.
    InTurn,
}

/// The last accesses, which all systems of a case share.
static LAST: Mutex<Option<(String, Arc<Accesses>)>> = Mutex::new(None);

pub fn generated(scale: &Scale) -> Vec<Trace> {
    use Pattern::*;
    let patterns = [
        ("cycle-1.2", Cycle(12)),
        ("cycle-1.7", Cycle(17)),
        ("cycle-3", Cycle(30)),
        ("cycle-1.2-twice", Twice(12)),
        ("cycle-1.7-twice", Twice(17)),
        ("cycle-1.2-ahead", Ahead(12)),
        ("cycle-1.7-ahead", Ahead(17)),
        ("zipf-0.7", Zipf(0.7)),
        ("zipf-0.9", Zipf(0.9)),
        ("zipf-1.1", Zipf(1.1)),
        ("zipf-0.9-scans", ZipfAndScans(0.9)),
        ("shifting-2.5", Shifting(25)),
        ("shifting-10", Shifting(100)),
        ("shifting-50", Shifting(500)),
        ("sliding", Sliding),
        ("in-turn", InTurn),
    ];
    let sizes: &[usize] = scale.pick(&[1000], &[300, 1000, 8000]);
    let each = sizes.iter().flat_map(|kept| {
        patterns.map(|(name, pattern)| Trace {
            name: format!("{name}/{kept}"),
            is_long: false,
            source: Source::Generated(pattern, *kept),
        })
    });
    each.collect()
}

impl Trace {
    pub fn accesses(&self) -> Result<Arc<Accesses>> {
        let mut last = LAST.lock().expect("no thread panics with it");
        if let Some((name, accesses)) = &*last
            && *name == self.name
        {
            return Ok(accesses.clone());
        }
        let accesses = Arc::new(match &self.source {
            Source::Generated(pattern, kept) => pattern.accesses(*kept),
            Source::Recorded(path, part) => recorded::read(path, *part)?,
        });
        *last = Some((self.name.clone(), accesses.clone()));
        Ok(accesses)
    }
}

/// How often a cycle is repeated.
const PASSES: usize = 6;

/// How far ahead of its read an item is loaded.
const AHEAD: usize = 32;

impl Pattern {
    pub fn accesses(self, kept: usize) -> Accesses {
        let mut rng = Rng::new(17);
        let many = 20 * kept;
        let reads = 300 * kept;
        let zipf = |rng: &mut Rng, power, count| choices(rng, many, power, count);
        match self {
            Self::Cycle(tenths) => cycle(kept, tenths, |items, at| [at % items]),
            Self::Twice(tenths) => cycle(kept, tenths, |items, at| [at % items; 2]),
            Self::Ahead(tenths) => {
                cycle(kept, tenths, |items, at| [(at + AHEAD) % items, at % items])
            }
            Self::Zipf(power) => skewed(zipf(&mut rng, power, reads), kept),
            Self::ZipfAndScans(power) => {
                let mut order = Vec::new();
                for _ in 0..10 {
                    order.extend(zipf(&mut rng, power, 25 * kept));
                    order.extend(0..many as u32);
                }
                skewed(order, kept)
            }
            Self::Shifting(tenths) => {
                let phase = kept * tenths / 10;
                hot(&mut rng, kept, reads, |at, set| at / phase * set)
            }
            Self::Sliding => hot(&mut rng, kept, reads, |at, _| at / 20),
            Self::InTurn => {
                let mut order = Vec::new();
                for _ in 0..4 {
                    order.extend((0..2 * kept as u32).cycle().take(20 * kept));
                    order.extend(zipf(&mut rng, 0.9, 30 * kept));
                }
                skewed(order, kept)
            }
        }
    }
}

/// Passes over all items, of which the first does not count, nor any but the first access
/// of each step.
fn cycle<const EACH: usize>(
    kept: usize,
    tenths: usize,
    step: impl Fn(usize, usize) -> [usize; EACH],
) -> Accesses {
    let items = kept * tenths / 10;
    let order = (0..PASSES * items).flat_map(|at| step(items, at));
    Accesses {
        order: order.map(|item| item as u32).collect(),
        kept,
        items,
        warm: items * EACH,
        each: EACH,
    }
}

/// Choices among twenty caches, where the first of each kind do not count.
fn skewed(order: Vec<u32>, kept: usize) -> Accesses {
    Accesses {
        warm: 20 * kept,
        ..Accesses::all(order, kept, 20 * kept)
    }
}

/// Reads of which nine in ten are of a hot set, which begins where `begin` says.
fn hot(
    rng: &mut Rng,
    kept: usize,
    reads: usize,
    begin: impl Fn(usize, usize) -> usize,
) -> Accesses {
    let (set, many) = (kept * 3 / 4, 20 * kept);
    let order = (0..reads).map(|at| match rng.below(10) {
        0 => rng.below(many) as u32,
        _ => ((begin(at, set) + rng.below(set)) % many) as u32,
    });
    skewed(order.collect(), kept)
}

/// `count` of `items` items, the nth most popular one `n` to this power less often than the
/// first. Popularity has nothing to do with the order of the items.
fn choices(rng: &mut Rng, items: usize, power: f64, count: usize) -> Vec<u32> {
    let mut by_rank: Vec<u32> = (0..items as u32).collect();
    Rng::new(0).shuffle(&mut by_rank);
    let mut sum = 0.0;
    let up_to: Vec<f64> = (1..=items)
        .map(|rank| {
            sum += (rank as f64).powf(-power);
            sum
        })
        .collect();
    let choice = |_| {
        let point = rng.unit() * sum;
        let rank = up_to.partition_point(|up_to| *up_to <= point);
        by_rank[rank.min(items - 1)]
    };
    (0..count).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_counts_its_passes_after_the_first() {
        let accesses = Pattern::Cycle(12).accesses(100);
        assert_eq!((accesses.items, accesses.order.len()), (120, 720));
        let hits: Vec<bool> = (0..720).map(|at| at >= 120 && at % 2 == 0).collect();
        assert_eq!(accesses.share_of_hits(&hits), 0.5);
    }

    #[test]
    fn of_two_reads_the_first_counts() {
        let accesses = Pattern::Twice(12).accesses(100);
        let order = &accesses.order;
        assert!(order.chunks(2).all(|pair| pair[0] == pair[1]));
        let hits: Vec<bool> = (0..order.len()).map(|at| at % 2 == 1).collect();
        assert_eq!(accesses.share_of_hits(&hits), 0.0);
    }

    #[test]
    fn an_item_is_loaded_ahead_of_its_read() {
        let order = Pattern::Ahead(12).accesses(100).order;
        let (loads, reads): (Vec<u32>, Vec<u32>) =
            order.chunks(2).map(|pair| (pair[0], pair[1])).unzip();
        assert_eq!(loads[..600], reads[AHEAD..AHEAD + 600]);
    }

    #[test]
    fn every_pattern_has_the_items_that_it_says_and_accesses_that_count() {
        let scale = Scale::new(false);
        for trace in generated(&scale) {
            let Source::Generated(pattern, kept) = trace.source else {
                unreachable!("it is generated");
            };
            if kept != 300 {
                continue;
            }
            let accesses = pattern.accesses(kept);
            let most = accesses.order.iter().max().expect("some");
            assert!((*most as usize) < accesses.items, "{}", trace.name);
            assert!(accesses.order.len() > accesses.warm, "{}", trace.name);
            let same = pattern.accesses(kept);
            assert_eq!(same.order, accesses.order, "the same in each run");
        }
    }
}
