//! One page with everything in it.

use anyhow::Result;
use indexmap::IndexMap;

use super::plot::plots;
use super::{draw, figure};
use crate::harness::row::{ENVIRONMENT, Role, Row, role_of};
use crate::workloads;

const HEAD: &str = "\
<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>file_backed, measured</title>
<style>
body { font: 15px/1.45 sans-serif; margin: 2rem auto; max-width: 1000px; padding: 0 1rem;
  color: #111; background: #fff }
table { border-collapse: collapse; font-size: 13px }
th, td { padding: 2px 9px; text-align: right; border-bottom: 1px solid #ddd }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left }
tr.ours td { font-weight: bold }
tr.limit td { color: #555 }
svg { max-width: 100%; height: auto; margin: 0.6rem 0 }
summary { cursor: pointer; margin: 0.6rem 0 }
</style>
<h1>file_backed, measured side by side</h1>
<p>Medians of interleaved rounds of one run. A ratio is this system's median over that of the limit,
or of the best peer, in the same case. Systems of this crate are drawn thick, limits black and
dashed; async forms, and peers whose values bincode decodes, are dotted with hollow markers. All
values are drawn on logarithmic scales, and zero at their lower end; the tables below the plots have
the figures. Where many systems take part, those whose loads give bytes (as they lie in the file,
mapped or read) and those that decode are drawn apart, since they do not do the same work.</p>
";

pub fn page(rows: &[Row]) -> Result<String> {
    let facts = rows.iter().filter(|row| row.workload == ENVIRONMENT);
    let facts = facts.map(|row| format!("{}: {}", row.metric, row.case));
    let mut out = HEAD.to_owned() + &list(facts);
    for workload in workloads::ALL {
        let of_it = || rows.iter().filter(|row| row.workload == workload.name);
        if of_it().next().is_none() {
            continue;
        }
        let (name, about) = (workload.name, escape(workload.about));
        out += &format!("<h2 id=\"{name}\">{name}</h2>\n<p>{about}.</p>\n");
        for plot in plots(name, rows) {
            out += &draw::svg(&plot)?;
        }
        out += &details("All figures", &table(of_it()));
        out += &details("Skipped, and why", &skipped(of_it()));
    }
    Ok(out + "</html>\n")
}

/// Nothing if there is nothing in it.
fn details(summary: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("<details><summary>{summary}</summary>\n{text}</details>\n"),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: String = items
        .map(|item| format!("<li>{}\n", escape(&item)))
        .collect();
    if items.is_empty() {
        items
    } else {
        format!("<ul>\n{items}</ul>\n")
    }
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let number = |value: Option<f64>| value.map(figure).unwrap_or_default();
    let rows = rows.filter(|row| row.median.is_some()).map(|row| {
        let class = match role_of(&row.system) {
            Role::Ours => "ours",
            Role::Limit => "limit",
            Role::Peer => "peer",
        };
        let cells = [
            escape(&row.case),
            escape(&row.system),
            escape(&row.metric),
            number(row.median),
            escape(&row.unit),
            number(row.min),
            number(row.max),
            row.n.to_string(),
            number(row.ratio_to_limit),
            number(row.ratio_to_best_peer),
        ];
        format!("<tr class=\"{class}\"><td>{}\n", cells.join("<td>"))
    });
    let head = "<tr><th>case<th>system<th>metric<th>median<th>unit<th>min<th>max<th>n<th>× limit\
                <th>× best peer\n";
    format!("<table>\n{head}{}</table>\n", rows.collect::<String>())
}

/// Each reason once.
fn skipped<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut cases: IndexMap<(&str, &str), Vec<&str>> = IndexMap::new();
    for row in rows {
        if let Some(reason) = &row.skipped {
            cases
                .entry((&row.system, reason))
                .or_default()
                .push(&row.case);
        }
    }
    let reasons = cases.iter();
    list(
        reasons
            .map(|((system, reason), cases)| format!("{system}: {reason} ({})", cases.join(", "))),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
