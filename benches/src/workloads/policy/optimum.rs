//! The best possible hits: Belady's algorithm, which evicts what is used latest.

use std::collections::BTreeSet;

use super::trace::Accesses;

/// An item is never used again.
const NEVER: usize = usize::MAX;

/// Whether each access is a hit. What was loaded may be evicted at once.
pub fn hits(accesses: &Accesses) -> Vec<bool> {
    let next = next_uses(&accesses.order, accesses.items);
    // The items that are kept, by their next use, which differs.
    let mut kept: BTreeSet<(usize, u32)> = BTreeSet::new();
    let mut hits = Vec::with_capacity(accesses.order.len());
    for (at, item) in accesses.order.iter().enumerate() {
        hits.push(kept.remove(&(at, *item)));
        if next[at] == NEVER {
            continue;
        }
        kept.insert((next[at], *item));
        if kept.len() > accesses.kept {
            kept.pop_last();
        }
    }
    hits
}

/// When the item of each access is used next.
fn next_uses(order: &[u32], items: usize) -> Vec<usize> {
    let mut seen = vec![NEVER; items];
    let mut next = vec![NEVER; order.len()];
    for (at, item) in order.iter().enumerate().rev() {
        next[at] = std::mem::replace(&mut seen[*item as usize], at);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_cycle_it_hits_all_but_what_does_not_fit() {
        let (kept, items) = (50, 60);
        let accesses = Accesses::all((0..60).cycle().take(60 * 50).collect(), kept, items);
        let hits = hits(&accesses).iter().filter(|hit| **hit).count();
        let most = 60.0 * 49.0 * 49.0 / 59.0;
        assert!((hits as f64 - most).abs() < 60.0, "{hits} of {most}");
    }

    #[test]
    fn it_never_keeps_what_is_not_used_again() {
        let order = vec![0, 1, 0, 2, 0, 3, 0];
        let hits = hits(&Accesses::all(order, 1, 4));
        assert_eq!(hits, [false, false, true, false, true, false, true]);
    }
}
