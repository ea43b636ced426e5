//! One page with everything in it.

use std::fmt::Write as _;

use super::figure;
use super::plot::plots;
use super::svg::{draw, escape};
use crate::harness::row::{ENVIRONMENT, Role, Row, role_of};
use crate::workloads;

const STYLE: &str = "\
body { font: 15px/1.45 sans-serif; margin: 2rem auto; max-width: 1000px; padding: 0 1rem; \
color: #111; background: #fff }
table { border-collapse: collapse; font-size: 13px }
th, td { padding: 2px 9px; text-align: right; border-bottom: 1px solid #ddd }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left }
tr.ours td { font-weight: bold }
tr.limit td { color: #555 }
svg { max-width: 100%; height: auto; margin: 0.6rem 0 }
summary { cursor: pointer; margin: 0.6rem 0 }
";

pub fn page(rows: &[Row]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>file_backed, measured</title>\n<style>{STYLE}</style>\n\
         <h1>file_backed, measured side by side</h1>\n"
    );
    out += "<p>Medians of interleaved rounds of one run. A ratio is this system's median over \
            that of the limit, or of the best peer, in the same case. Systems of this crate are \
            drawn thick, limits black and dashed. All values are drawn on logarithmic scales; \
            point at a marker for its figures. Where many systems take part, those whose loads \
            give bytes (as they lie in the file, mapped or read) and those that decode are drawn \
            apart, since they do not do the same work.</p>\n<ul>\n";
    for row in rows.iter().filter(|row| row.workload == ENVIRONMENT) {
        let _ = writeln!(
            out,
            "<li>{}: {}</li>",
            escape(&row.metric),
            escape(&row.case)
        );
    }
    out += "</ul>\n";
    for workload in workloads::ALL {
        let of_it: Vec<_> = rows
            .iter()
            .filter(|row| row.workload == workload.name)
            .collect();
        if of_it.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "<h2 id=\"{0}\">{0}</h2>\n<p>{1}.</p>",
            workload.name,
            escape(workload.about)
        );
        for plot in plots(workload.name, rows) {
            out += &draw(&plot);
        }
        table(&mut out, &of_it);
        skipped(&mut out, &of_it);
    }
    out + "</html>\n"
}

fn table(out: &mut String, rows: &[&Row]) {
    *out += "<details><summary>All figures</summary>\n<table>\n<tr><th>case<th>system<th>metric\
             <th>median<th>unit<th>min<th>max<th>n<th>× limit<th>× best peer</tr>\n";
    for row in rows.iter().filter(|row| row.median.is_some()) {
        let class = match role_of(&row.system) {
            Role::Ours => "ours",
            Role::Limit => "limit",
            Role::Peer => "peer",
        };
        let number = |value: Option<f64>| value.map(figure).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr class=\"{class}\"><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escape(&row.case),
            escape(&row.system),
            escape(&row.metric),
            number(row.median),
            escape(&row.unit),
            number(row.min),
            number(row.max),
            row.n,
            number(row.ratio_to_limit),
            number(row.ratio_to_best_peer)
        );
    }
    *out += "</table></details>\n";
}

/// Each reason once.
fn skipped(out: &mut String, rows: &[&Row]) {
    let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for row in rows {
        let Some(reason) = &row.skipped else { continue };
        match reasons
            .iter_mut()
            .find(|(system, known, _)| *system == row.system && *known == reason)
        {
            Some((_, _, cases)) => cases.push(&row.case),
            None => reasons.push((&row.system, reason, vec![&row.case])),
        }
    }
    if reasons.is_empty() {
        return;
    }
    *out += "<details><summary>Skipped, and why</summary>\n<ul>\n";
    for (system, reason, cases) in reasons {
        let _ = writeln!(
            out,
            "<li>{}: {} ({})</li>",
            escape(system),
            escape(reason),
            escape(&cases.join(", "))
        );
    }
    *out += "</ul></details>\n";
}
