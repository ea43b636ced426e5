//! Results as a page with plots, and as a Markdown table.

mod axis;
mod html;
mod markdown;
mod plot;
mod style;
mod svg;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::harness::row::Row;

/// Writes `report.html` and `report.md`.
pub fn write(rows: &[Row], out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    for (name, text) in [
        ("report.html", html::page(rows)),
        ("report.md", markdown::table(rows)),
    ] {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Three digits that matter, with spaces between thousands.
fn figure(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 99.95 => return thousands(value),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    match text.trim_end_matches('0').trim_end_matches('.') {
        "" | "-" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A space that does not break, and is narrow.
            text.push('\u{202f}');
        }
        text.push(digit);
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
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
