//! What a case says about size, threads or number of items.

use super::figure;
use crate::harness::row::Row;
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
            Self::Size => "size of the value (bytes)",
            Self::Threads => "threads",
            Self::Items => "items",
        }
    }

    /// A place on it.
    pub fn name(self, place: f64) -> String {
        match self {
            Self::Size => size_name(place as usize),
            Self::Threads | Self::Items => figure(place),
        }
    }
}

/// Where a row stands: in which plot, and at which place of its axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// What the rows of one plot have in common, beside workload and metric.
    pub group: String,
    pub axis: Axis,
    pub at: f64,
}

/// `None` for a row that is in no plot.
pub fn position(row: &Row) -> Option<Position> {
    let (first, second) = match row.case.split_once('/') {
        Some((first, second)) => (first, Some(second)),
        None => (&*row.case, None),
    };
    let number = |text: &str| text.parse().ok();
    let size = |text: &str| parse_size(text).map(|bytes| bytes as f64);
    let (group, axis, at) = match (&*row.workload, second) {
        ("hit" | "random", None) => {
            let (group, threads) = first.split_once('-')?;
            (group, Axis::Threads, number(threads.strip_suffix('t')?)?)
        }
        ("hit" | "random", Some(second)) => (first, Axis::Items, number(second)?),
        ("cold" | "crossover", Some(second)) => match size(first) {
            Some(at) => (second, Axis::Size, at),
            None => (first, Axis::Size, size(second)?),
        },
        ("decode", None) => ("", Axis::Size, size(first)?),
        ("lifecycle", None) => ("", Axis::Items, number(first)?),
        ("sink", Some(second)) => match size(second) {
            // 1 MiB each.
            Some(bytes) => (first, Axis::Items, bytes / f64::from(1 << 20)),
            None => (first, Axis::Items, number(second)?),
        },
        ("validate" | "footprint" | "save", Some(second)) => (first, Axis::Items, number(second)?),
        _ => return None,
    };
    Some(Position {
        group: group.to_owned(),
        axis,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_cases_of_every_workload() {
        let at = |workload: &str, case: &str| {
            let row = Row::skipped(workload, case, "redb", "");
            position(&row).map(|position| (position.group, position.axis, position.at))
        };
        let some = |group: &str, axis, at| Some((group.to_owned(), axis, at));
        assert_eq!(at("hit", "zipf-2t"), some("zipf", Axis::Threads, 2.0));
        assert_eq!(at("hit", "same-2t-among-512"), None);
        assert_eq!(
            at("random", "zipf-1t/250"),
            some("zipf-1t", Axis::Items, 250.0)
        );
        assert_eq!(at("cold", "64KiB/one"), some("one", Axis::Size, 65536.0));
        assert_eq!(at("cold", "kept/1MiB"), some("kept", Axis::Size, 1048576.0));
        assert_eq!(at("decode", "4KiB"), some("", Axis::Size, 4096.0));
        assert_eq!(at("sink", "blobs/2GiB"), some("blobs", Axis::Items, 2048.0));
        assert_eq!(at("sink", "small/500"), some("small", Axis::Items, 500.0));
        assert_eq!(at("lifecycle", "500"), some("", Axis::Items, 500.0));
        assert_eq!(at("save", "1%/100"), some("1%", Axis::Items, 100.0));
    }
}
