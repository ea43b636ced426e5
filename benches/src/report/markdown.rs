//! The text of `RESULTS.md`: the facts, the table, and how to read it.

use indexmap::IndexMap;

use super::figure;
use super::lines::{LINES, Line, Target};
use crate::harness::row::{ENVIRONMENT, Role, Row, role_of};
use crate::harness::stats::better;

/// The whole text, ready to be pasted below its heading.
pub fn section(rows: &[Row]) -> String {
    let mut out = facts(rows) + HEAD;
    for line in LINES {
        let mut cases: IndexMap<&str, Vec<&Row>> = IndexMap::new();
        for row in rows {
            if row.workload == line.workload && row.metric == line.metric {
                cases.entry(&row.case).or_default().push(row);
            }
        }
        let names: Vec<&str> = cases.keys().copied().collect();
        for case in line.cases.choose(&names) {
            out += &row_of(line, &cases[case], rows).unwrap_or_default();
        }
    }
    out + READING
}

const HEAD: &str = "
| workload, case | metric | file_backed (from–to) | all its codecs | limit | × limit \
| ancestor | best comparable peer | × peer | target |
|---|---|---|---|---|---|---|---|---|---|
";

const READING: &str = "
The figure is the median of the rounds, and behind it the least and the greatest of them, for the
one codec that the row is about; \"all its codecs\" goes from the least to the greatest median of this
crate's rows there, of all codecs, blocking and async. A limit is bare system calls or structures; ×
is this crate's median over the other one's: below 1 is better for times and bytes, above 1 for
rates. A peer is comparable if a load of it gives the same: bytes where ours gives an archive, a
decoded value where ours decodes. \"ancestor\" is the published 0.6. [`README.md`](README.md)
explains the rows, and in what the systems differ. This command produces all of it, with plots:

```sh
cargo run --release --manifest-path benches/Cargo.toml -- report --dir DIR --out DIR
```
";

/// Date, machine, file system and load.
fn facts(rows: &[Row]) -> String {
    let fact = |metric: &str| {
        rows.iter()
            .find(|row| row.workload == ENVIRONMENT && row.metric == metric)
            .map_or("unknown", |row| &*row.case)
    };
    format!(
        "Measured on {} on {}, {}, {}; files on {}; load {} before and {} after; scale {}.\n",
        fact("date"),
        fact("cpu"),
        fact("memory"),
        fact("kernel"),
        fact("file system"),
        fact("load before"),
        fact("load after"),
        fact("scale")
    )
}

const NONE: &str = "–";

fn row_of(line: &Line, group: &[&Row], rows: &[Row]) -> Option<String> {
    let ours = *group.iter().find(|row| row.system == line.system)?;
    let ratio = |ratio: Option<f64>| ratio.map_or(NONE.to_owned(), figure);
    let cells = [
        format!("{}, {}", ours.workload, ours.case),
        format!("{}, {}", ours.metric, ours.unit),
        format!(
            "**{}** ({}–{}) {}",
            figure(ours.median?),
            figure(ours.min?),
            figure(ours.max?),
            short(&ours.system)
        ),
        spread(group),
        named(behind(ours, ours.ratio_to_limit, group, Role::Limit)),
        ratio(ours.ratio_to_limit),
        named(ancestor(ours, group)),
        named(behind(ours, ours.ratio_to_best_peer, group, Role::Peer)),
        ratio(ours.ratio_to_best_peer),
        target(line.target, ours, group, rows),
    ];
    Some(format!("| {} |\n", cells.join(" | ")))
}

/// A system's name, without what the column says already.
fn short(system: &str) -> &str {
    ["file_backed/", "ancestor/", "limit/"]
        .iter()
        .find_map(|begin| system.strip_prefix(begin))
        .unwrap_or(system)
}

fn named(row: Option<&Row>) -> String {
    match row.and_then(|row| Some((row.median?, short(&row.system)))) {
        Some((median, system)) => format!("{} ({system})", figure(median)),
        None => NONE.to_owned(),
    }
}

/// The least and the greatest median of our systems.
fn spread(group: &[&Row]) -> String {
    let ours = group
        .iter()
        .filter(|row| role_of(&row.system) == Role::Ours);
    let mut medians: Vec<f64> = ours.filter_map(|row| row.median).collect();
    medians.sort_by(f64::total_cmp);
    match medians[..] {
        [least, .., most] => format!("{}–{}", figure(least), figure(most)),
        _ => NONE.to_owned(),
    }
}

/// The row that a ratio was formed with.
fn behind<'a>(ours: &Row, ratio: Option<f64>, group: &[&'a Row], role: Role) -> Option<&'a Row> {
    let other = ours.median? / ratio?;
    let distance = |row: &Row| (row.median.unwrap_or(f64::MAX) - other).abs();
    let of_role = group
        .iter()
        .copied()
        .filter(|row| role_of(&row.system) == role);
    of_role.min_by(|one, two| distance(one).total_cmp(&distance(two)))
}

/// The published crate with the same codec; the best of its codecs where it has
/// not that one.
fn ancestor<'a>(ours: &Row, group: &[&'a Row]) -> Option<&'a Row> {
    let codec = short(&ours.system).split('/').next();
    let all = group
        .iter()
        .copied()
        .filter(|row| row.system.starts_with("ancestor/") && row.median.is_some());
    let same = all.clone().find(|row| Some(short(&row.system)) == codec);
    same.or_else(|| {
        let best = all
            .clone()
            .filter_map(|row| row.median)
            .reduce(|one, other| better(&ours.unit, one, other));
        all.into_iter().find(|row| row.median == best)
    })
}

/// What is to be reached, and whether it is.
fn target(target: Target, ours: &Row, group: &[&Row], rows: &[Row]) -> String {
    let limit = ours.ratio_to_limit;
    let over = |other: Option<&Row>| Some(ours.median? / other?.median?);
    let of_system = |system| over(group.iter().copied().find(|row| row.system == system));
    let (sign, bound, of, value) = match target {
        Target::Nothing => return NONE.to_owned(),
        Target::AtMostOfLimit(most) => ("≤", most, "× limit", limit),
        Target::AtLeastOfLimit(least) => ("≥", least, "× limit", limit),
        Target::AtMost(most) => ("≤", most, &*ours.unit, ours.median),
        Target::AtLeastOf(least, system) => {
            ("≥", least, &*format!("× {system}"), of_system(system))
        }
        Target::AtMostOf(most, system) => ("≤", most, &*format!("× {system}"), of_system(system)),
        Target::AtMostOfCase(most, case) => {
            let identity = (&*ours.workload, case, &*ours.system, &*ours.metric);
            let other = rows.iter().find(|row| row.identity() == identity);
            let other = other.filter(|other| other.case != ours.case);
            ("≤", most, &*format!("× {case}"), over(other))
        }
    };
    let reached = match (value, sign) {
        (None, _) => "not measured",
        (Some(value), "≤") if value <= bound => "met",
        (Some(value), "≥") if value >= bound => "met",
        _ => "missed",
    };
    format!("{sign} {} {of}: {reached}", figure(bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::row::{Kind, Terms, form_ratios};
    use crate::harness::stats::Summary;

    fn row(system: &str, values: &[f64]) -> Row {
        let summary = Summary::of(values).expect("some values");
        Row::measured("decode", "4KiB", system, "first-load", "µs", summary)
    }

    fn section_of(rows: &mut Vec<Row>) -> String {
        form_ratios(rows, |system| Terms {
            limits: None,
            kind: Some(if system == "heed" {
                Kind::Bytes
            } else {
                Kind::Decoded
            }),
        });
        rows.push(Row::environment("date", "2026-11-24"));
        rows.push(Row::environment("file system", "tmpfs on /dev/shm"));
        section(rows)
    }

    #[test]
    fn a_row_names_its_codec_its_limit_and_a_comparable_peer() {
        let mut rows = vec![
            row("file_backed/bincodec", &[5.0, 4.0, 9.0]),
            row("file_backed/prostcodec", &[2.0]),
            row("ancestor/bincodec", &[600.0]),
            row("ancestor/prostcodec", &[20.0]),
            row("heed", &[0.5]),
            row("heed/bincode", &[10.0]),
            row("limit/bincode-buffer", &[4.0]),
        ];
        let text = section_of(&mut rows);
        let line = text
            .lines()
            .find(|line| line.contains("bincodec |"))
            .expect("a line of bincodec");
        assert_eq!(
            line,
            "| decode, 4KiB | first-load, µs | **5** (4–9) bincodec | 2–5 | 4 (bincode-buffer) \
             | 1.25 | 600 (bincodec) | 10 (heed/bincode) | 0.5 | ≤ 1.1 × limit: missed |"
        );
        assert!(text.contains("| 20 (prostcodec) |"), "{text}");
        assert!(text.contains("≤ 1.1 × limit: met"), "{text}");
    }

    #[test]
    fn the_facts_stand_above_and_what_is_not_known_is_said() {
        let text = section_of(&mut vec![row("file_backed/bincodec", &[5.0])]);
        let facts = text.lines().next().expect("a line");
        assert!(facts.starts_with("Measured on 2026-11-24 on unknown"));
        assert!(facts.contains("files on tmpfs on /dev/shm"), "{facts}");
        assert!(text.contains("≤ 1.1 × limit: not measured"), "{text}");
    }

    #[test]
    fn a_target_may_name_a_system_or_a_figure() {
        let (ours, heed) = (row("file_backed/bincodec", &[60.0]), row("heed", &[10.0]));
        let group = [&ours, &heed];
        let told = |one| target(one, &ours, &group, &[]);
        assert_eq!(told(Target::AtLeastOf(5.0, "heed")), "≥ 5 × heed: met");
        assert_eq!(told(Target::AtLeastOf(7.0, "heed")), "≥ 7 × heed: missed");
        assert_eq!(
            told(Target::AtLeastOf(1.0, "redb")),
            "≥ 1 × redb: not measured"
        );
        assert_eq!(told(Target::AtMostOf(6.0, "heed")), "≤ 6 × heed: met");
        assert_eq!(told(Target::AtMostOf(5.0, "heed")), "≤ 5 × heed: missed");
        assert_eq!(told(Target::AtMost(50.0)), "≤ 50 µs: missed");
        assert_eq!(told(Target::Nothing), "–");
    }

    #[test]
    fn a_target_may_name_another_case_but_not_its_own() {
        let ours = row("file_backed/bincodec", &[60.0]);
        let small = Row {
            case: "64B".to_owned(),
            ..row("file_backed/bincodec", &[50.0])
        };
        let rows = [ours.clone(), small];
        let told = |most, case| target(Target::AtMostOfCase(most, case), &ours, &[&ours], &rows);
        assert_eq!(told(1.2, "64B"), "≤ 1.2 × 64B: met");
        assert_eq!(told(1.1, "64B"), "≤ 1.1 × 64B: missed");
        assert_eq!(told(1.5, "4KiB"), "≤ 1.5 × 4KiB: not measured");
    }
}
