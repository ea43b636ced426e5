//! What becomes of repeated measurements.

/// Median, least and greatest of a set of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub n: usize,
}

impl Summary {
    /// `None` if there are no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        Some(Self {
            median,
            min,
            max,
            n: sorted.len(),
        })
    }
}

/// The least value that a share of all is at or below, of values in ascending order. `None` if
/// there are none.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Whether more of a unit is better: rates and shares, but not times and sizes.
pub fn more_is_better(unit: &str) -> bool {
    unit.ends_with("/s") || unit == "%"
}

/// The better of two values in a unit.
pub fn better(unit: &str, one: f64, other: f64) -> f64 {
    if more_is_better(unit) {
        one.max(other)
    } else {
        one.min(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_values_have_no_summary() {
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn the_median_of_an_odd_number_is_one_of_them() {
        let summary = Summary::of(&[9.0, 1.0, 4.0]).expect("three values");
        assert_eq!(
            (summary.median, summary.min, summary.max, summary.n),
            (4.0, 1.0, 9.0, 3)
        );
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let summary = Summary::of(&[4.0, 1.0, 2.0, 100.0]).expect("four values");
        assert_eq!(summary.median, 3.0);
    }

    #[test]
    fn a_quantile_is_a_value_that_the_share_is_at_or_below() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        for (share, value) in [(0.0, 1.0), (0.5, 100.0), (0.99, 198.0), (1.0, 200.0)] {
            assert_eq!(quantile(&values, share), Some(value));
        }
        assert_eq!(quantile(&values[..1], 0.99), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn knows_which_units_grow_when_things_get_better() {
        for unit in ["MiB/s", "k/s", "1/s", "%"] {
            assert!(more_is_better(unit), "{unit}");
        }
        for unit in ["ns", "µs", "ms", "s", "bytes", "MiB"] {
            assert!(!more_is_better(unit), "{unit}");
        }
        assert_eq!(better("ns", 2.0, 3.0), 2.0);
        assert_eq!(better("MiB/s", 2.0, 3.0), 3.0);
    }
}
