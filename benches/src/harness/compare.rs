//! What became worse from one run to another.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::row::{ENVIRONMENT, Role, Row, role_of};
use super::stats::more_is_better;

/// A change by less than this is noise unless said otherwise.
pub const THRESHOLD: f64 = 1.10;

/// Facts that two runs may differ in, as they always do.
const PASSING: [&str; 3] = ["date", "load before", "load after"];

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
            (old.unit == new.unit).then(|| change(old, new)).flatten()
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

/// What a run says of its machine.
fn facts<'a>(rows: &'a [Row], metric: &str) -> Vec<&'a str> {
    let mut facts: Vec<_> = rows
        .iter()
        .filter(|row| row.workload == ENVIRONMENT && row.metric == metric)
        .map(|row| &*row.case)
        .collect();
    facts.dedup();
    facts
}

/// Differences of the machines, a line each.
///
/// # Errors
///
/// If the runs are not of one scale: then the same names stand for other work.
fn environment(old: &[Row], new: &[Row]) -> Result<String> {
    let (before, after) = (facts(old, "scale"), facts(new, "scale"));
    if before != after || before.len() > 1 {
        bail!(
            "the runs are not of one scale ({} and {}): the same case is other work in each",
            before.join(", "),
            after.join(", ")
        );
    }
    let mut metrics: Vec<&str> = old
        .iter()
        .chain(new)
        .filter(|row| row.workload == ENVIRONMENT && !PASSING.contains(&&*row.metric))
        .map(|row| &*row.metric)
        .collect();
    metrics.sort_unstable();
    metrics.dedup();
    let mut out = String::new();
    for metric in metrics {
        let (before, after) = (facts(old, metric), facts(new, metric));
        if before != after {
            let (before, after) = (before.join(", "), after.join(", "));
            let _ = writeln!(out, "differs {metric}: {before} -> {after}");
        }
    }
    if !out.is_empty() {
        out += "The machines differ: only ratios to a limit (\"x limit\") can be compared.\n";
    }
    Ok(out)
}

/// The comparison as text: what became worse, what became better, what is gone,
/// and what cannot be compared.
///
/// # Errors
///
/// If the runs are not of one scale.
pub fn text(old: &[Row], new: &[Row]) -> Result<String> {
    let mut out = environment(old, new)?;
    let other_machine = !out.is_empty();
    let mut changes = compare(old, new);
    if other_machine {
        changes.retain(|change| change.by_limit);
    }
    let (worse, rest): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.worse > THRESHOLD);
    let better: Vec<_> = rest
        .iter()
        .filter(|change| change.worse < 1.0 / THRESHOLD)
        .collect();
    let _ = writeln!(
        out,
        "{} rows compared, {} worse and {} better by more than {:.0} %",
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
    for old in old.iter().filter(|old| old.median.is_some()) {
        let same = new.iter().find(|new| new.identity() == old.identity());
        let what = match same {
            Some(new) if new.unit != old.unit => {
                format!("units  {} -> {}:", old.unit, new.unit)
            }
            Some(new) if new.median.is_some() => continue,
            _ => "gone  ".to_owned(),
        };
        let (workload, case, system, metric) = old.identity();
        let _ = writeln!(out, "{what} {workload} {case} {system} {metric}");
    }
    Ok(out)
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
        let text = text(&old, &new).expect("they are of one scale");
        assert!(text.contains("worse    2.00 x  sink blobs redb"), "{text}");
        assert!(text.contains("gone   sink blobs heed"), "{text}");
    }

    fn with_facts(facts: &[(&str, &str)], row: Row) -> Vec<Row> {
        let mut rows: Vec<_> = facts
            .iter()
            .map(|(metric, text)| Row::environment(metric, text))
            .collect();
        rows.push(row);
        rows
    }

    #[test]
    fn another_scale_is_refused() {
        let old = with_facts(&[("scale", "quick")], row("redb", "ns", 10.0));
        let new = with_facts(&[("scale", "full")], row("redb", "ns", 10.0));
        let error = text(&old, &new).expect_err("the cases are other ones");
        assert!(error.to_string().contains("quick and full"), "{error}");
        assert!(text(&old, &old).is_ok());
    }

    #[test]
    fn on_another_machine_only_ratios_to_limits_are_compared() {
        let facts = |cpu, date| [("cpu", cpu), ("date", date)];
        let mut ours = row("file_backed/bincodec", "ns", 10.0);
        ours.ratio_to_limit = Some(2.0);
        let mut old = with_facts(&facts("one", "2026-01-01"), row("redb", "ns", 10.0));
        let mut new = with_facts(&facts("other", "2026-01-02"), row("redb", "ns", 99.0));
        old.push(ours.clone());
        ours.ratio_to_limit = Some(4.0);
        new.push(ours);
        let text = text(&old, &new).expect("they are of one scale");
        assert!(text.contains("differs cpu: one -> other"), "{text}");
        assert!(!text.contains("date"), "{text}");
        assert!(!text.contains("redb"), "{text}");
        assert!(text.contains("2.00 x limit -> 4.00 x limit"), "{text}");
    }

    #[test]
    fn another_unit_is_told_and_not_compared() {
        let (old, new) = ([row("redb", "ns", 10.0)], [row("redb", "µs", 0.02)]);
        assert_eq!(compare(&old, &new), []);
        let text = text(&old, &new).expect("they are of one scale");
        assert!(text.contains("units  ns -> µs: sink blobs redb"), "{text}");
    }
}
