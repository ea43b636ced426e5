//! What a case says about size, threads or number of items.

use super::figure;
use crate::harness::size::{parse_size, size_name};

/// What a plot is drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Size,
    Threads,
    Items,
}

impl Axis {
    pub fn label(self) -> &'static str {
        match self {
            Self::Size => "size (bytes)",
            Self::Threads => "threads",
            Self::Items => "items",
        }
    }

    /// The label of a place on it.
    pub fn name(self, place: f64) -> String {
        match self {
            Self::Size => size_name(place as usize),
            Self::Threads | Self::Items => figure(place),
        }
    }
}

/// Where the rows of a case stand: what the cases of one plot have in common,
/// and the place on its axis. `None` if they are in no plot.
pub fn position(case: &str) -> Option<(&str, Axis, f64)> {
    let (first, second) = case.split_once('/').unwrap_or(("", case));
    for (group, place) in [(first, second), (second, first)] {
        if let Some(bytes) = parse_size(place) {
            return Some((group, Axis::Size, bytes as f64));
        }
        if let Ok(items) = place.parse() {
            return Some((group, Axis::Items, items));
        }
    }
    let (group, threads) = case.strip_suffix('t')?.split_once('-')?;
    Some((group, Axis::Threads, threads.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_cases_of_every_workload() {
        for (case, expected) in [
            ("zipf-2t", Some(("zipf", Axis::Threads, 2.0))),
            ("same-2t-among-512", None),
            ("zipf-1t/250", Some(("zipf-1t", Axis::Items, 250.0))),
            ("64KiB/one", Some(("one", Axis::Size, 65536.0))),
            ("kept/1MiB", Some(("kept", Axis::Size, 1048576.0))),
            ("4KiB", Some(("", Axis::Size, 4096.0))),
            ("small/500", Some(("small", Axis::Items, 500.0))),
            ("500", Some(("", Axis::Items, 500.0))),
            ("1%/100", Some(("1%", Axis::Items, 100.0))),
        ] {
            assert_eq!(position(case), expected, "{case}");
        }
    }
}
