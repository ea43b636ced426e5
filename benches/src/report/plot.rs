//! Which plots there are: one for each workload, group and metric.

use indexmap::IndexMap;

use super::axis::{Axis, position};
use crate::harness::row::Row;
use crate::harness::stats::more_is_better;

/// One plot.
pub struct Plot<'a> {
    pub title: String,
    pub axis: Axis,
    pub y_label: String,
    /// The places on the axis and the medians of each system, in the order of
    /// the axis.
    pub series: IndexMap<&'a str, Vec<(f64, f64)>>,
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
pub fn plots<'a>(workload: &str, rows: &'a [Row]) -> Vec<Plot<'a>> {
    let mut plots: IndexMap<String, Plot<'a>> = IndexMap::new();
    for row in rows.iter().filter(|row| row.workload == workload) {
        let (Some((group, axis, at)), Some(median)) = (position(&row.case), row.median) else {
            continue;
        };
        if CONSTANT.contains(&&*row.metric) {
            continue;
        }
        let mut title = vec![workload, group, &row.metric, part_of(workload, &row.system)];
        title.retain(|part| !part.is_empty());
        let title = title.join(", ");
        let better = if more_is_better(&row.unit) {
            "higher"
        } else {
            "lower"
        };
        let plot = plots.entry(title.clone()).or_insert_with(|| Plot {
            title,
            axis,
            y_label: format!("{} ({}), {better} is better", row.metric, row.unit),
            series: IndexMap::new(),
        });
        plot.series
            .entry(&row.system)
            .or_default()
            .push((at, median));
    }
    plots.into_values().map(Plot::sorted).collect()
}

impl Plot<'_> {
    /// The legend has the systems in the order of their last points, from the
    /// top down.
    fn sorted(mut self) -> Self {
        for points in self.series.values_mut() {
            points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        }
        let last = |points: &[(f64, f64)]| points.last().map_or(0.0, |(_, median)| *median);
        self.series
            .sort_by(|_, one, _, other| last(other).total_cmp(&last(one)));
        self
    }

    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.series.values().flatten().copied()
    }

    /// The places on the axis that have points.
    pub fn places(&self) -> Vec<f64> {
        let mut places: Vec<f64> = self.points().map(|(at, _)| at).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }
}
