//! Draws plots as SVG.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::figure;
use super::plot::Plot;
use super::style::{Style, style_of};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Element<'a, At> = DynElement<'a, SVGBackend<'a>, At>;

const WIDTH: u32 = 940;
const LEGEND_WIDTH: u32 = 300;
const LEGEND_ROW: usize = 19;
/// Plotters divides the sizes of fonts by 1.24: this is 12 pixels.
const FONT: (&str, u32) = ("sans-serif", 15);

pub fn svg(plot: &Plot<'_>) -> Result<String> {
    let mut svg = String::new();
    let height = 440.max(60 + LEGEND_ROW * plot.series.len());
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height as u32)).into_drawing_area();
        // Its own background keeps a plot readable on a dark page.
        area.fill(&WHITE)?;
        let below = area.titled(&plot.title, ("sans-serif", 20))?;
        let (left, right) = below.split_horizontally(WIDTH - LEGEND_WIDTH);
        lines(plot, &left)?;
        legend(plot, &right)?;
        area.present()?;
    }
    Ok(svg)
}

fn lines(plot: &Plot<'_>, area: &Area<'_>) -> Result<()> {
    let places = plot.places();
    let (first, last) = (places[0], places[places.len() - 1]);
    let room = (last / first).powf(0.03).max(1.01);
    let x = first / room..last * room;
    let ticks = ticks(plot.points().map(|(_, median)| median));
    let (least, most) = (ticks[0], ticks[ticks.len() - 1]);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(46)
        .y_label_area_size(84)
        .build_cartesian_2d(
            x.log_scale().with_key_points(places),
            (least..most).log_scale().with_key_points(ticks),
        )?;
    chart
        .configure_mesh()
        .bold_line_style(RGBColor(221, 221, 221))
        .axis_desc_style(FONT)
        .label_style(FONT)
        .x_desc(plot.axis.label())
        .x_label_formatter(&|place| plot.axis.name(*place))
        .y_desc(&plot.y_label)
        .y_label_formatter(&|value| figure(*value))
        .draw()?;
    for (system, points) in &plot.series {
        let style = style_of(system);
        // A logarithmic scale has no zero.
        let points = points.iter().map(|(at, median)| (*at, median.max(least)));
        let area = chart.plotting_area();
        area.draw(&stroke(points.clone().collect(), style))?;
        for point in points {
            area.draw(&marker(point, style))?;
        }
    }
    Ok(())
}

/// Beside the lines, which leave no room between them. With one place only, it
/// tells the figures too.
fn legend(plot: &Plot<'_>, area: &Area<'_>) -> Result<()> {
    let font = FONT.into_text_style(area);
    let one_place = plot.places().len() == 1;
    for (row, (system, points)) in plot.series.iter().enumerate() {
        let y = (LEGEND_ROW * row) as i32 + 16;
        let style = style_of(system);
        area.draw(&stroke(vec![(0, y), (34, y)], style))?;
        area.draw(&marker((17, y), style))?;
        let text = match points[..] {
            [(_, median)] if one_place => format!("{system}: {}", figure(median)),
            _ => (*system).to_owned(),
        };
        area.draw_text(&text, &font, (42, y - 5))?;
    }
    Ok(())
}

fn stroke<'a, At: Clone + 'static>(path: Vec<At>, style: Style) -> Element<'a, At> {
    let line = style.colour.stroke_width(style.width);
    match style.dash {
        Some((dash, gap)) => DashedPathElement::new(path, dash, gap, line).into_dyn(),
        None => PathElement::new(path, line).into_dyn(),
    }
}

fn marker<'a, At: Clone + 'static>(at: At, style: Style) -> Element<'a, At> {
    let fill = if style.hollow { WHITE } else { style.colour };
    let inside = Polygon::new(style.marker, fill);
    let outline = PathElement::new(style.marker, style.colour.stroke_width(2));
    (EmptyElement::at(at) + inside + outline).into_dyn()
}

/// Each 1, 2 and 5 of a decade around the values, or each 1 where those are many.
fn ticks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let tick = |step: i32| {
        let (decade, part) = (step.div_euclid(3), step.rem_euclid(3));
        [1.0, 2.0, 5.0][part as usize] * 10_f64.powi(decade)
    };
    let below = |value: f64| (-60..60).rfind(|step| tick(*step) <= value);
    let steps: Vec<i32> = values.filter_map(below).collect();
    let first = steps.iter().min().map_or(0, |step| *step);
    let last = steps.iter().max().map_or(1, |step| step + 1);
    let by = if last - first > 12 { 3 } else { 1 };
    (first.div_euclid(by)..=(last + by - 1).div_euclid(by))
        .map(|index| tick(by * index))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_end_near_the_values() {
        for (values, expected) in [
            (&[60.0, 90.0][..], &[50.0, 100.0][..]),
            (&[4.0, 90.0], &[2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
            (&[0.0, 7.0, 7.0], &[5.0, 10.0]),
            (&[3.0, 8e4], &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5]),
            (&[0.0], &[1.0, 2.0]),
        ] {
            assert_eq!(ticks(values.iter().copied()), expected, "{values:?}");
        }
    }
}
