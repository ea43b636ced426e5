//! What became worse from one run to another.

use std::fmt::Write as _;

use super::row::{ENVIRONMENT, Role, Row, role_of};
use super::stats::more_is_better;

/// A change by less than this is noise unless said otherwise.
pub const THRESHOLD: f64 = 1.10;

/// By how much one row became worse: more than 1 is worse, whatever the unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    pub old: &'a Row,
    pub new: &'a Row,
    pub worse: f64,
    /// The ratios to the limit were compared, which another machine or load
    /// does not change; otherwise the figures themselves.
    pub by_limit: bool,
}

/// Compares the rows that both runs have, the worst first.
pub fn compare<'a>(old: &'a [Row], new: &'a [Row]) -> Vec<Change<'a>> {
    let mut changes: Vec<_> = new
        .iter()
        .filter(|row| row.workload != ENVIRONMENT)
        .filter_map(|new| {
            let old = old.iter().find(|old| old.identity() == new.identity())?;
            change(old, new)
        })
        .collect();
    changes.sort_by(|one, other| other.worse.total_cmp(&one.worse));
    changes
}

fn change<'a>(old: &'a Row, new: &'a Row) -> Option<Change<'a>> {
    let by_limit = role_of(&new.system) != Role::Limit
        && old.ratio_to_limit.is_some()
        && new.ratio_to_limit.is_some();
    let (before, after) = if by_limit {
        (old.ratio_to_limit?, new.ratio_to_limit?)
    } else {
        (old.median?, new.median?)
    };
    let worse = if more_is_better(&new.unit) {
        before / after
    } else {
        after / before
    };
    worse.is_finite().then_some(Change {
        old,
        new,
        worse,
        by_limit,
    })
}

/// The comparison as text: what became worse, what became better, what is gone.
pub fn text(old: &[Row], new: &[Row]) -> String {
    let changes = compare(old, new);
    let mut out = String::new();
    let (worse, rest): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.worse > THRESHOLD);
    let better: Vec<_> = rest
        .iter()
        .filter(|change| change.worse < 1.0 / THRESHOLD)
        .collect();
    let _ = writeln!(
        out,
        "{} rows in both, {} worse and {} better by more than {:.0} %",
        changes.len(),
        worse.len(),
        better.len(),
        (THRESHOLD - 1.0) * 100.0
    );
    for change in &worse {
        let _ = writeln!(out, "worse  {}", line(change, change.worse));
    }
    for change in better.iter().rev() {
        let _ = writeln!(out, "better {}", line(change, 1.0 / change.worse));
    }
    for gone in old.iter().filter(|old| {
        old.median.is_some()
            && !new
                .iter()
                .any(|new| new.identity() == old.identity() && new.median.is_some())
    }) {
        let _ = writeln!(
            out,
            "gone   {} {} {} {}",
            gone.workload, gone.case, gone.system, gone.metric
        );
    }
    out
}

fn line(change: &Change<'_>, factor: f64) -> String {
    let (old, new) = (change.old, change.new);
    let figure = |row: &Row| {
        if change.by_limit {
            format!("{:.2} x limit", row.ratio_to_limit.unwrap_or(f64::NAN))
        } else {
            format!("{:.3} {}", row.median.unwrap_or(f64::NAN), row.unit)
        }
    };
    format!(
        "{factor:6.2} x  {} {} {} {}: {} -> {}",
        new.workload,
        new.case,
        new.system,
        new.metric,
        figure(old),
        figure(new)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::stats::Summary;

    fn row(system: &str, unit: &str, median: f64) -> Row {
        let summary = Summary::of(&[median]).expect("one value");
        Row::measured("sink", "blobs", system, "written", unit, summary)
    }

    #[test]
    fn slower_is_worse_in_times_and_in_rates() {
        let old = [row("redb", "ns", 10.0), row("heed", "MiB/s", 10.0)];
        let new = [row("redb", "ns", 20.0), row("heed", "MiB/s", 40.0)];
        let changes = compare(&old, &new);
        assert_eq!(changes[0].new.system, "redb");
        assert_eq!(changes[0].worse, 2.0);
        assert_eq!(changes[1].worse, 0.25);
    }

    #[test]
    fn a_slower_machine_is_not_a_slower_system() {
        let mut old = row("file_backed/bincodec", "ns", 10.0);
        old.ratio_to_limit = Some(2.0);
        let mut new = row("file_backed/bincodec", "ns", 20.0);
        new.ratio_to_limit = Some(2.0);
        let (old, new) = ([old], [new]);
        let changes = compare(&old, &new);
        assert!(changes[0].by_limit);
        assert_eq!(changes[0].worse, 1.0);
    }

    #[test]
    fn names_what_became_worse_and_what_is_gone() {
        let old = [row("redb", "ns", 10.0), row("heed", "ns", 10.0)];
        let new = [row("redb", "ns", 20.0)];
        let text = text(&old, &new);
        assert!(text.contains("worse    2.00 x  sink blobs redb"), "{text}");
        assert!(text.contains("gone   sink blobs heed"), "{text}");
    }
}
