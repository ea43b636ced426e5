//! One line of the results.

use serde::{Deserialize, Serialize};

use super::stats::{Summary, better};

/// The result of one system in one case, by one metric; the names of the fields
/// are those of the JSON lines, which other tools read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub workload: String,
    pub case: String,
    pub system: String,
    pub metric: String,
    pub unit: String,
    /// `None`, with the next two, if the system was skipped.
    pub median: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub n: usize,
    /// This median over that of the limit, in this row's unit.
    pub ratio_to_limit: Option<f64>,
    /// This median over that of the best peer, in this row's unit.
    pub ratio_to_best_peer: Option<f64>,
    /// Why there is no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Rows about the machine have this workload; their text is the case.
pub const ENVIRONMENT: &str = "environment";

/// Begins the reason of a system that failed.
const FAILED: &str = "failed: ";

impl Row {
    /// Says why there is no figure.
    pub fn skipped(workload: &str, case: &str, system: &str, reason: &str) -> Self {
        Self {
            skipped: Some(reason.to_owned()),
            ..Self::empty(workload, case, system, "", "")
        }
    }

    /// Says that it was to be measured and could not.
    pub fn failed(workload: &str, case: &str, system: &str, error: &anyhow::Error) -> Self {
        Self::skipped(workload, case, system, &format!("{FAILED}{error:#}"))
    }

    pub fn has_failed(&self) -> bool {
        let reason = self.skipped.as_ref();
        reason.is_some_and(|reason| reason.starts_with(FAILED))
    }

    /// Says something about the machine.
    pub fn environment(metric: &str, text: &str) -> Self {
        Self::empty(ENVIRONMENT, text, "machine", metric, "")
    }

    pub fn measured(
        workload: &str,
        case: &str,
        system: &str,
        metric: &str,
        unit: &str,
        summary: Summary,
    ) -> Self {
        Self {
            median: Some(summary.median),
            min: Some(summary.min),
            max: Some(summary.max),
            n: summary.n,
            ..Self::empty(workload, case, system, metric, unit)
        }
    }

    fn empty(workload: &str, case: &str, system: &str, metric: &str, unit: &str) -> Self {
        Self {
            workload: workload.to_owned(),
            case: case.to_owned(),
            system: system.to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            median: None,
            min: None,
            max: None,
            n: 0,
            ratio_to_limit: None,
            ratio_to_best_peer: None,
            skipped: None,
        }
    }

    /// What identifies the row in another run.
    pub fn identity(&self) -> (&str, &str, &str, &str) {
        (&self.workload, &self.case, &self.system, &self.metric)
    }
}

/// What a system is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Ours,
    Limit,
    Peer,
}

pub fn role_of(system: &str) -> Role {
    match system.split('/').next() {
        Some("file_backed") => Role::Ours,
        Some("limit") => Role::Limit,
        _ => Role::Peer,
    }
}

/// What a load gives: systems that give the same do comparable work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bytes as they lie in the file, mapped or read.
    Bytes,
    /// A value that was decoded from them.
    Decoded,
}

/// What a system is measured against.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// By these limits; `None` stands for all of the case.
    pub limits: Option<Vec<String>>,
    /// By peers of the same kind, and those that have none; `None` stands for
    /// all peers.
    pub kind: Option<Kind>,
}

/// Puts the ratios into the rows of one case. Of several limits, and of the
/// peers, the best one counts.
pub fn form_ratios(rows: &mut [Row], terms_of: impl Fn(&str) -> Terms) {
    let all: Vec<(Row, Option<Kind>)> = rows
        .iter()
        .map(|row| (row.clone(), terms_of(&row.system).kind))
        .collect();
    for row in rows {
        let Some(median) = row.median else { continue };
        let best = |counts: &dyn Fn(&Row, Option<Kind>) -> bool| {
            all.iter()
                .filter(|(other, kind)| other.metric == row.metric && counts(other, *kind))
                .filter_map(|(other, _)| other.median)
                .reduce(|one, other| better(&row.unit, one, other))
                .filter(|best| *best != 0.0)
        };
        let Terms { limits, kind } = terms_of(&row.system);
        row.ratio_to_limit = best(&|other, _| {
            role_of(&other.system) == Role::Limit
                && limits
                    .as_ref()
                    .is_none_or(|limits| limits.contains(&other.system))
        })
        .map(|limit| median / limit);
        row.ratio_to_best_peer = best(&|other, of_peer| {
            role_of(&other.system) == Role::Peer
                && (kind.is_none() || of_peer.is_none() || kind == of_peer)
        })
        .map(|peer| median / peer);
    }
}

/// Reads the lines that `run --json` wrote.
pub fn read_rows(text: &str) -> anyhow::Result<Vec<Row>> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(system: &str, unit: &str, median: f64) -> Row {
        let summary = Summary::of(&[median]).expect("one value");
        Row::measured("hit", "same-1t", system, "load", unit, summary)
    }

    #[test]
    fn a_row_survives_json() {
        let mut rows = vec![
            row("file_backed/bincodec", "ns", 8.0),
            row("moka", "ns", 80.0),
        ];
        form_ratios(&mut rows, |_| Terms::default());
        rows.push(Row::skipped("hit", "same-1t", "heed", "it has no cache"));
        let text: String = rows
            .iter()
            .map(|row| serde_json::to_string(row).expect("a row is JSON") + "\n")
            .collect();
        assert_eq!(read_rows(&text).expect("it was written here"), rows);
    }

    #[test]
    fn the_keys_are_those_that_other_tools_read() {
        let text = serde_json::to_value(row("moka", "ns", 1.0)).expect("a row is JSON");
        let mut keys: Vec<_> = text.as_object().expect("an object").keys().collect();
        keys.sort();
        let mut expected = [
            "workload",
            "case",
            "system",
            "metric",
            "unit",
            "median",
            "min",
            "max",
            "n",
            "ratio_to_limit",
            "ratio_to_best_peer",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
    }

    #[test]
    fn ratios_are_to_the_best_limit_and_the_best_peer() {
        let mut rows = vec![
            row("file_backed/bincodec", "ns", 8.0),
            row("limit/arc-clone", "ns", 4.0),
            row("limit/striped-pin", "ns", 5.0),
            row("ancestor/bincodec", "ns", 40.0),
            row("quick_cache", "ns", 16.0),
        ];
        form_ratios(&mut rows, |_| Terms::default());
        assert_eq!(rows[0].ratio_to_limit, Some(2.0));
        assert_eq!(rows[0].ratio_to_best_peer, Some(0.5));
        assert_eq!(rows[3].ratio_to_best_peer, Some(2.5));
    }

    #[test]
    fn of_rates_the_highest_is_best_and_a_named_limit_counts_alone() {
        let mut rows = vec![
            row("file_backed/bincodec", "MiB/s", 90.0),
            row("limit/decode", "MiB/s", 100.0),
            row("limit/read", "MiB/s", 1000.0),
            row("redb", "MiB/s", 45.0),
            row("heed", "MiB/s", 30.0),
        ];
        form_ratios(&mut rows, |system| Terms {
            limits: system
                .starts_with("file_backed")
                .then(|| vec!["limit/decode".to_owned()]),
            kind: None,
        });
        assert_eq!(rows[0].ratio_to_limit, Some(0.9));
        assert_eq!(rows[0].ratio_to_best_peer, Some(2.0));
        assert_eq!(rows[3].ratio_to_limit, Some(0.045));
    }

    #[test]
    fn peers_that_do_less_work_do_not_count() {
        let mut rows = vec![
            row("file_backed/bincodec", "ns", 40.0),
            row("file_backed/mappedcodec", "ns", 20.0),
            row("heed", "ns", 10.0),
            row("ancestor/bincodec", "ns", 400.0),
            row("foyer", "ns", 80.0),
        ];
        form_ratios(&mut rows, |system| Terms {
            limits: None,
            kind: match system {
                "heed" | "file_backed/mappedcodec" => Some(Kind::Bytes),
                "foyer" => None,
                _ => Some(Kind::Decoded),
            },
        });
        assert_eq!(rows[0].ratio_to_best_peer, Some(0.5), "to foyer");
        assert_eq!(rows[1].ratio_to_best_peer, Some(2.0), "to heed");
        assert_eq!(rows[3].ratio_to_best_peer, Some(5.0), "to foyer");
    }

    #[test]
    fn nothing_is_divided_by_a_limit_of_zero() {
        let mut rows = vec![
            row("file_backed/bincodec", "ns", 40.0),
            row("limit/none", "ns", 0.0),
        ];
        form_ratios(&mut rows, |_| Terms::default());
        assert_eq!(rows[0].ratio_to_limit, None);
    }
}
