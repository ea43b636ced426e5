//! A table for a README.

use std::fmt::Write as _;

use super::figure;
use crate::harness::row::{ENVIRONMENT, Role, Row, role_of};
use crate::harness::stats::better;

/// Metrics that are left to the page.
const MINOR: [&str; 4] = ["load-cpu", "per-element", "handle", "tracked-key"];

/// One line for each case and metric: our best system, the limit that it is
/// measured against, the published crate, and the best other peer.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    let facts: Vec<_> = rows
        .iter()
        .filter(|row| row.workload == ENVIRONMENT)
        .map(|row| format!("{}: {}", row.metric, row.case))
        .collect();
    let _ = writeln!(out, "{}.\n", facts.join("; "));
    out += "| workload | case | metric | file_backed | × limit | ancestor | best other peer | \
            × best peer |\n|---|---|---|---|---|---|---|---|\n";
    let mut seen: Vec<(&str, &str, &str)> = Vec::new();
    for row in rows {
        let key = (&*row.workload, &*row.case, &*row.metric);
        if row.median.is_none() || seen.contains(&key) || MINOR.contains(&key.2) {
            continue;
        }
        seen.push(key);
        let group: Vec<_> = rows
            .iter()
            .filter(|other| (&*other.workload, &*other.case, &*other.metric) == key)
            .collect();
        if let Some(line) = line(&group) {
            out += &line;
        }
    }
    out
}

fn line(group: &[&Row]) -> Option<String> {
    let best = |counts: &dyn Fn(&Row) -> bool| {
        group
            .iter()
            .copied()
            .filter(|row| counts(row))
            .reduce(|one, other| {
                let (a, b) = (one.median.unwrap_or(0.0), other.median.unwrap_or(0.0));
                if better(&one.unit, a, b) == a {
                    one
                } else {
                    other
                }
            })
    };
    let ours = best(&|row| role_of(&row.system) == Role::Ours)?;
    let is_ancestor = |row: &Row| row.system.starts_with("ancestor/");
    let ancestor = best(&is_ancestor);
    let peer = best(&|row| role_of(&row.system) == Role::Peer && !is_ancestor(row));
    let named = |row: Option<&Row>| {
        row.map_or_else(
            || "–".to_owned(),
            |row| {
                let name = row
                    .system
                    .split_once('/')
                    .map_or(&*row.system, |name| name.1);
                format!("{} ({name})", figure(row.median.unwrap_or_default()))
            },
        )
    };
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "–".to_owned(), figure);
    Some(format!(
        "| {} | {} | {}, {} | **{}** | {} | {} | {} | {} |\n",
        ours.workload,
        ours.case,
        ours.metric,
        ours.unit,
        named(Some(ours)),
        ratio(ours.ratio_to_limit),
        named(ancestor),
        named(peer),
        ratio(ours.ratio_to_best_peer)
    ))
}
