//! Random inputs that are the same in every run.

/// Every input is made from this.
pub const SEED: u64 = 0x6669_6c65_5f62_6163;

/// A small generator (splitmix64): good enough to choose inputs, and the same
/// everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of one purpose.
    pub fn new(purpose: u64) -> Self {
        Self(SEED ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 up to, and without, `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Evenly from 0 up to, and without, 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// How often which item is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// All alike.
    Uniform,
    /// The nth most popular item n times less often than the most popular one.
    Zipf,
}

/// `count` items out of `items`. Popularity has nothing to do with the order of
/// the items, and is the same for every `purpose`.
pub fn choices(skew: Skew, items: usize, count: usize, purpose: u64) -> Vec<u32> {
    let mut rng = Rng::new(purpose);
    match skew {
        Skew::Uniform => (0..count).map(|_| rng.below(items) as u32).collect(),
        Skew::Zipf => {
            let mut by_rank: Vec<u32> = (0..items as u32).collect();
            Rng::new(0).shuffle(&mut by_rank);
            let mut sum = 0.0;
            let up_to: Vec<f64> = (1..=items)
                .map(|rank| {
                    sum += 1.0 / rank as f64;
                    sum
                })
                .collect();
            (0..count)
                .map(|_| {
                    let point = rng.unit() * sum;
                    let rank = up_to.partition_point(|up_to| *up_to <= point);
                    by_rank[rank.min(items - 1)]
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_purpose_gives_the_same_choices() {
        for skew in [Skew::Uniform, Skew::Zipf] {
            assert_eq!(choices(skew, 100, 50, 1), choices(skew, 100, 50, 1));
            assert_ne!(choices(skew, 100, 50, 1), choices(skew, 100, 50, 2));
        }
    }

    #[test]
    fn zipf_asks_for_the_first_ranks_as_often_as_it_should() {
        let items = 10_000;
        let mut times = vec![0_u32; items];
        for item in choices(Skew::Zipf, items, 100_000, 7) {
            times[item as usize] += 1;
        }
        times.sort_unstable_by(|one, other| other.cmp(one));
        // The most popular one has 1 / H(10 000), about 10.2 % of all.
        assert!((9_500..11_000).contains(&times[0]), "{}", times[0]);
        assert!((4_600..5_700).contains(&times[1]), "{}", times[1]);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::new(3).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
