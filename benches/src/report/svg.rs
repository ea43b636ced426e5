//! Plots as SVG: lines against an axis, or bars where there is one place only.

use std::fmt::Write as _;

use super::figure;
use super::plot::{Plot, Point};
use super::style::{Marker, Style, style_of};

const WIDTH: f64 = 940.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 86.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 58.0;
/// Room for the legend.
const RIGHT: f64 = 320.0;
/// Height of a line of the legend, or of a bar.
const LINE: f64 = 19.0;

pub fn draw(plot: &Plot) -> String {
    if plot.places().len() > 1 {
        lines(plot)
    } else {
        bars(plot)
    }
}

/// A scale of logarithms.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Holds all values, with a 1, 2 or 5 of some decade at its ends if `round`.
    fn new(values: impl Iterator<Item = f64>, from: f64, to: f64, round: bool) -> Self {
        let (mut low, mut high) = values
            .filter(|value| *value > 0.0)
            .map(f64::log10)
            .fold((f64::MAX, f64::MIN), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if round {
            low = round_below(low);
            high = -round_below(-high);
        }
        if high - low < 0.3 {
            (low, high) = (low - 0.31, high + 0.31);
        }
        Self {
            low,
            high,
            from,
            to,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let value = if value > 0.0 { value.log10() } else { self.low };
        let share = (value - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Powers of ten, and between them 2 and 5 if there are few.
    fn ticks(&self) -> Vec<f64> {
        let span = self.high - self.low;
        let factors: &[f64] = if span < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        // At most about ten, so that labels do not touch.
        let step = (span / 10.0) as usize + 1;
        (self.low.floor() as i32..=self.high.ceil() as i32)
            .step_by(step)
            .flat_map(|power| {
                let power = 10_f64.powi(power);
                factors.iter().map(move |factor| factor * power)
            })
            .filter(|tick| {
                let at = tick.log10();
                at > self.low - 1e-6 && at < self.high + 1e-6
            })
            .collect()
    }
}

/// The logarithm of the greatest 1, 2 or 5 of a decade that is not above.
/// Mirrored (1/5 is 2/10, 1/2 is 5/10), it serves for what is not below.
fn round_below(logarithm: f64) -> f64 {
    let decade = logarithm.floor();
    [5_f64, 2.0]
        .map(f64::log10)
        .into_iter()
        .map(|part| decade + part)
        .find(|candidate| *candidate <= logarithm + 1e-9)
        .unwrap_or(decade)
}

fn head(plot: &Plot, height: f64) -> String {
    let title = escape(&plot.title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n"
    )
}

fn lines(plot: &Plot) -> String {
    let height = HEIGHT.max(TOP + BOTTOM + LINE * plot.series.len() as f64);
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let (top, bottom) = (TOP, height - BOTTOM);
    let points = || plot.series.iter().flat_map(|series| series.points.iter());
    let y = Scale::new(points().map(|point| point.median), bottom, top, true);
    // A little room at both ends.
    let x = Scale::new(plot.places().into_iter(), left + 14.0, right - 14.0, false);
    let mut out = head(plot, height);
    y_axis(&mut out, &y, left, right);
    x_axis(&mut out, plot, &x, bottom, top);
    labels(&mut out, plot, left, right, top, bottom);
    for series in &plot.series {
        let style = style_of(&series.system);
        let path: Vec<_> = series
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x.at(point.at), y.at(point.median)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
             stroke-dasharray=\"{}\"/>",
            path.join(" "),
            style.colour,
            style.width,
            style.dash
        );
        for point in &series.points {
            let (x, y) = (x.at(point.at), y.at(point.median));
            let hover = hover(plot, &series.system, point);
            marker(&mut out, style, x, y, &hover);
        }
    }
    legend(&mut out, plot, right + 16.0, top);
    out + "</svg>\n"
}

fn y_axis(out: &mut String, y: &Scale, left: f64, right: f64) {
    for tick in y.ticks() {
        let at = y.at(tick);
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" \
             stroke=\"#dddddd\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 7.0,
            at + 4.0,
            figure(tick)
        );
    }
}

fn x_axis(out: &mut String, plot: &Plot, x: &Scale, bottom: f64, top: f64) {
    for place in plot.places() {
        let at = x.at(place);
        let label = plot.axis.name(place);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{:.1}\" \
             stroke=\"#eeeeee\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 4.0,
            bottom + 19.0
        );
    }
}

fn labels(out: &mut String, plot: &Plot, left: f64, right: f64, top: f64, bottom: f64) {
    let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" \
         stroke=\"#888888\"/>\n\
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
         <text transform=\"translate(18 {centre:.1}) rotate(-90)\" \
         text-anchor=\"middle\">{}, {}</text>",
        right - left,
        bottom - top,
        bottom + 42.0,
        plot.axis.label(),
        escape(&plot.y_label),
        plot.direction()
    );
}

fn legend(out: &mut String, plot: &Plot, left: f64, top: f64) {
    for (index, series) in plot.series.iter().enumerate() {
        let style = style_of(&series.system);
        let at = top + 10.0 + LINE * index as f64;
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"{}\" \
             stroke-width=\"{}\" stroke-dasharray=\"{}\"/>",
            left + 34.0,
            style.colour,
            style.width,
            style.dash
        );
        marker(out, style, left + 17.0, at, &series.system);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left + 42.0,
            at + 4.0,
            escape(&series.system)
        );
    }
}

/// One place only: a bar for each system, with its least and greatest value.
fn bars(plot: &Plot) -> String {
    let height = TOP + BOTTOM + LINE * plot.series.len() as f64;
    let (left, right) = (LEFT + 200.0, WIDTH - 110.0);
    let (top, bottom) = (TOP, height - BOTTOM);
    let values = plot
        .series
        .iter()
        .filter_map(|series| series.points.first())
        .flat_map(|point| [point.median, point.min, point.max]);
    let x = Scale::new(values, left, right, true);
    let place = plot.places().first().copied().unwrap_or(0.0);
    let mut out = head(plot, height);
    for tick in x.ticks() {
        let at = x.at(tick);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom:.1}\" \
             stroke=\"#dddddd\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 17.0,
            figure(tick)
        );
    }
    for (index, series) in plot.series.iter().enumerate() {
        let Some(point) = series.points.first() else {
            continue;
        };
        let style = style_of(&series.system);
        let at = top + LINE * (index as f64 + 0.5);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"{}\" \
             stroke-width=\"3\"/>",
            left - 9.0,
            at + 4.0,
            escape(&series.system),
            x.at(point.min),
            x.at(point.max),
            style.colour
        );
        let hover = hover(plot, &series.system, point);
        marker(&mut out, style, x.at(point.median), at, &hover);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            right + 10.0,
            at + 4.0,
            escape(&format!("{} {}", figure(point.median), plot.unit))
        );
    }
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" \
         stroke=\"#888888\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}, {}; {}: {}</text>",
        right - left,
        bottom - top,
        (left + right) / 2.0,
        bottom + 40.0,
        escape(&plot.y_label),
        plot.direction(),
        plot.axis.label(),
        plot.axis.name(place)
    );
    out + "</svg>\n"
}

fn hover(plot: &Plot, system: &str, point: &Point) -> String {
    format!(
        "{system}: {} {} (from {} to {})",
        figure(point.median),
        plot.unit,
        figure(point.min),
        figure(point.max)
    )
}

fn marker(out: &mut String, style: Style, x: f64, y: f64, hover: &str) {
    let r = 4.5;
    let polygon = |corners: &[(f64, f64)]| {
        let corners: Vec<_> = corners
            .iter()
            .map(|(dx, dy)| format!("{:.1},{:.1}", x + dx * r, y + dy * r))
            .collect();
        format!("<polygon points=\"{}\"", corners.join(" "))
    };
    let strokes = |strokes: [(f64, f64); 2]| {
        let path: String = strokes
            .iter()
            .map(|(dx, dy)| {
                format!(
                    "M{:.1} {:.1}L{:.1} {:.1}",
                    x - dx * r,
                    y - dy * r,
                    x + dx * r,
                    y + dy * r
                )
            })
            .collect();
        format!("<path d=\"{path}\"")
    };
    let shape = match style.marker {
        Marker::Circle => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\""),
        Marker::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        Marker::Diamond => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        Marker::Up => polygon(&[(0.0, -1.2), (1.1, 0.9), (-1.1, 0.9)]),
        Marker::Down => polygon(&[(0.0, 1.2), (1.1, -0.9), (-1.1, -0.9)]),
        Marker::Cross => strokes([(0.9, 0.9), (0.9, -0.9)]),
        Marker::Plus => strokes([(1.1, 0.0), (0.0, 1.1)]),
    };
    let fill = if style.hollow {
        "#ffffff"
    } else {
        style.colour
    };
    let _ = writeln!(
        out,
        "{shape} fill=\"{fill}\" stroke=\"{}\" stroke-width=\"1.8\"><title>{}</title></{}>",
        style.colour,
        escape(hover),
        shape[1..].split(' ').next().unwrap_or_default()
    );
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(values: &[f64]) -> Scale {
        Scale::new(values.iter().copied(), 0.0, 100.0, true)
    }

    #[test]
    fn a_scale_ends_near_its_values() {
        assert_eq!(scale(&[24.0, 90.0]).ticks(), [20.0, 50.0, 100.0]);
        assert_eq!(scale(&[0.6, 3.0]).ticks(), [0.5, 1.0, 2.0, 5.0]);
        let wide = scale(&[3.0, 8e4]);
        assert_eq!(wide.ticks(), [10.0, 100.0, 1e3, 1e4, 1e5]);
    }

    #[test]
    fn every_value_lies_within() {
        for values in [[7.0, 7.0], [1.0, 1.0], [0.001, 4e9], [0.0, 5.0]] {
            let scale = scale(&values);
            for value in values {
                assert!((0.0..=100.0).contains(&scale.at(value)), "{value}");
            }
            assert!(!scale.ticks().is_empty(), "{values:?}");
        }
    }
}
