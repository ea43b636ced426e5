//! Which plots there are: one for each workload, group and metric.

use super::axis::{Axis, position};
use crate::harness::row::Row;
use crate::harness::stats::more_is_better;

/// One plot.
#[derive(Clone, Debug)]
pub struct Plot {
    pub title: String,
    pub axis: Axis,
    /// The metric with its unit.
    pub y_label: String,
    pub unit: String,
    pub series: Vec<Series>,
}

/// One system in a plot.
#[derive(Clone, Debug)]
pub struct Series {
    pub system: String,
    /// In the order of the axis.
    pub points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub at: f64,
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Plot {
    /// The places on the axis that have points.
    pub fn places(&self) -> Vec<f64> {
        let mut places: Vec<f64> = self
            .series
            .iter()
            .flat_map(|series| series.points.iter().map(|point| point.at))
            .collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }
}

/// Metrics that depend on nothing.
const CONSTANT: [&str; 1] = ["handle"];

/// Where many systems take part, those that decode have a plot of their own.
fn part_of(workload: &str, system: &str) -> &'static str {
    if !["cold", "random"].contains(&workload) {
        return "";
    }
    let decodes = ["bincode", "bincodec", "prost"];
    if decodes.iter().any(|name| system.contains(name)) {
        "decoded values"
    } else {
        "bytes"
    }
}

/// All plots of a workload, in the order of the rows.
pub fn plots(workload: &str, rows: &[Row]) -> Vec<Plot> {
    let mut plots: Vec<Plot> = Vec::new();
    for row in rows.iter().filter(|row| row.workload == workload) {
        let (Some(position), Some(median)) = (position(row), row.median) else {
            continue;
        };
        if CONSTANT.contains(&&*row.metric) {
            continue;
        }
        let part = part_of(workload, &row.system);
        let title = [workload, &position.group, &row.metric, part]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        let index = match plots.iter().position(|plot| plot.title == title) {
            Some(index) => index,
            None => {
                plots.push(Plot {
                    title,
                    axis: position.axis,
                    y_label: format!("{} ({})", row.metric, row.unit),
                    unit: row.unit.clone(),
                    series: Vec::new(),
                });
                plots.len() - 1
            }
        };
        let point = Point {
            at: position.at,
            median,
            min: row.min.unwrap_or(median),
            max: row.max.unwrap_or(median),
        };
        plots[index].add(&row.system, point);
    }
    for plot in &mut plots {
        plot.sort();
    }
    plots
}

impl Plot {
    fn add(&mut self, system: &str, point: Point) {
        match self
            .series
            .iter_mut()
            .find(|series| series.system == system)
        {
            Some(series) => series.points.push(point),
            None => self.series.push(Series {
                system: system.to_owned(),
                points: vec![point],
            }),
        }
    }

    /// The legend has the systems in the order of their last points, from the
    /// top down.
    fn sort(&mut self) {
        for series in &mut self.series {
            series
                .points
                .sort_by(|one, other| one.at.total_cmp(&other.at));
        }
        let last = |series: &Series| series.points.last().map_or(0.0, |point| point.median);
        self.series
            .sort_by(|one, other| last(other).total_cmp(&last(one)));
    }

    pub fn direction(&self) -> &'static str {
        if more_is_better(&self.unit) {
            "higher is better"
        } else {
            "lower is better"
        }
    }
}
