//! Results as a page with plots, and as the text of `RESULTS.md`.

mod axis;
mod draw;
mod html;
mod lines;
mod markdown;
mod plot;
mod style;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::harness::row::Row;
use crate::workloads;

/// Writes `report.html`, `report.md`, and each plot as a file in `plots/`.
pub fn write(rows: &[Row], out: &Path) -> Result<()> {
    let plots_dir = out.join("plots");
    std::fs::create_dir_all(&plots_dir)
        .with_context(|| format!("cannot make {}", plots_dir.display()))?;
    let mut files = vec![
        (out.join("report.html"), html::page(rows)?),
        (out.join("report.md"), markdown::section(rows)),
    ];
    for workload in workloads::ALL {
        for plot in plot::plots(workload.name, rows) {
            files.push((plots_dir.join(file_name(&plot.title)), draw::svg(&plot)?));
        }
    }
    for (path, text) in files {
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// `cold-one-first-load-bytes.svg` for the title `cold, one, first-load, bytes`.
fn file_name(title: &str) -> String {
    let words = title.split(|char: char| !char.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!("{}.svg", words.join("-").to_ascii_lowercase())
}

/// Three digits that matter, with spaces between thousands.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    let mut text = format!("{value:.decimals$}");
    if decimals > 0 {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let mut at = text.len();
    while at > 3 + usize::from(value < 0.0) {
        at -= 3;
        // A space that does not break, and is narrow.
        text.insert(at, '\u{202f}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.0456, "0.046"),
            (1.0, "1"),
            (4.256, "4.26"),
            (42.56, "42.6"),
            (425.6, "426"),
            (1_234_567.0, "1\u{202f}234\u{202f}567"),
            (-123.0, "-123"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    /// Two sizes of `cold`, one of which heed does not take part in.
    const RESULTS: &str = r#"
{"workload":"environment","case":"2026-11-24","system":"machine","metric":"date","unit":"","median":null,"min":null,"max":null,"n":0,"ratio_to_limit":null,"ratio_to_best_peer":null}
{"workload":"cold","case":"64KiB/one","system":"file_backed/mappedcodec","metric":"first-load","unit":"µs","median":8.0,"min":7.5,"max":9.0,"n":9,"ratio_to_limit":1.6,"ratio_to_best_peer":4.0}
{"workload":"cold","case":"64KiB/one","system":"heed","metric":"first-load","unit":"µs","median":2.0,"min":2.0,"max":2.0,"n":9,"ratio_to_limit":0.4,"ratio_to_best_peer":1.0}
{"workload":"cold","case":"64KiB/one","system":"limit/read","metric":"first-load","unit":"µs","median":5.0,"min":4.0,"max":6.0,"n":9,"ratio_to_limit":1.0,"ratio_to_best_peer":2.5}
{"workload":"cold","case":"4GiB/one","system":"file_backed/mappedcodec","metric":"first-load","unit":"µs","median":16.0,"min":15.0,"max":17.0,"n":3,"ratio_to_limit":null,"ratio_to_best_peer":null}
{"workload":"cold","case":"4GiB/one","system":"heed","metric":"","unit":"","median":null,"min":null,"max":null,"n":0,"ratio_to_limit":null,"ratio_to_best_peer":null,"skipped":"values < 4 GiB & no more"}
"#;

    #[test]
    fn a_report_of_fixed_results_shows_every_row() {
        let rows = crate::harness::row::read_rows(RESULTS).expect("they are rows");
        let out = tempfile::tempdir().expect("a temporary directory");
        write(&rows, out.path()).expect("it can be written");
        let read = |name| std::fs::read_to_string(out.path().join(name)).expect("it was written");
        let (page, section) = (read("report.html"), read("report.md"));

        assert_eq!(page.matches("<svg").count(), 1, "one plot for both sizes");
        let plot = read("plots/cold-one-first-load-bytes.svg");
        assert!(page.contains(&plot), "the same plot");
        for text in [
            "cold, one, first-load, bytes",
            "first-load (µs), lower is better",
            "size (bytes)",
            "64KiB",
            "4GiB",
            "file_backed/mappedcodec",
            "heed",
            "limit/read",
        ] {
            let in_svg = format!(">\n{text}\n</text>");
            assert_eq!(page.matches(&in_svg).count(), 1, "{text}");
        }
        assert!(page.contains("values &lt; 4 GiB &amp; no more (4GiB/one)"));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "the page needs nothing: {outside}");
        }

        let of_case = |case| section.lines().find(|line| line.contains(case));
        assert_eq!(
            of_case("64KiB/one"),
            Some(
                "| cold, 64KiB/one | first-load, µs | **8** (7.5–9) mappedcodec | – | 5 (read) \
                 | 1.6 | – | 2 (heed) | 4 | ≤ 1.15 × limit: missed |"
            )
        );
        assert_eq!(
            of_case("4GiB/one"),
            Some(
                "| cold, 4GiB/one | first-load, µs | **16** (15–17) mappedcodec | – | – | – | – | – \
                 | – | ≤ 1.15 × limit: not measured |"
            )
        );
    }
}
