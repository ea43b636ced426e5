//! Measures the contenders of one case.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::child;
use super::plan::{Case, Contender, NotHere, Ready, Sample, Scale};
use super::progress::Progress;
use super::row::{Row, form_ratios};
use super::seed::Rng;
use super::stats::Summary;

/// A contender in the course of a case.
struct Runner<'a> {
    contender: &'a Contender,
    state: State,
    samples: Vec<Sample>,
    spent: Duration,
}

enum State {
    Fresh,
    Ready(Ready),
    /// Each sample is taken by a child process.
    Isolated,
    Skipped(String),
    Failed(anyhow::Error),
}

/// Runs a case: in each round every contender is measured once, in an order of
/// the round's own, so that whatever the machine does meanwhile meets all of
/// them alike.
pub fn run_case(
    workload: &str,
    case: &Case,
    scale: &Scale,
    dir: &Path,
    progress: &mut Progress,
) -> Vec<Row> {
    let mut runners: Vec<_> = case.contenders.iter().map(Runner::new).collect();
    for round in 0..case.rounds {
        let mut order: Vec<usize> = (0..runners.len()).collect();
        Rng::new(round as u64 + 1).shuffle(&mut order);
        for index in order {
            let runner = &mut runners[index];
            if runner.contender.skip_reason().is_some() {
                continue;
            }
            progress.step(workload, &case.name, &runner.contender.system);
            runner.take_sample(workload, case, round, scale, dir);
        }
    }
    let mut rows: Vec<_> = runners
        .iter()
        .flat_map(|runner| runner.rows(workload, &case.name))
        .collect();
    form_ratios(&mut rows, |system| {
        case.contenders
            .iter()
            .find(|contender| contender.system == system)
            .map(|contender| contender.terms.clone())
            .unwrap_or_default()
    });
    rows
}

impl<'a> Runner<'a> {
    fn new(contender: &'a Contender) -> Self {
        let state = match contender.skip_reason() {
            Some(reason) => State::Skipped(reason.to_owned()),
            None if contender.isolated => State::Isolated,
            None => State::Fresh,
        };
        Self {
            contender,
            state,
            samples: Vec::new(),
            spent: Duration::ZERO,
        }
    }

    fn take_sample(
        &mut self,
        workload: &str,
        case: &Case,
        round: usize,
        scale: &Scale,
        dir: &Path,
    ) {
        if self.spent > self.contender.budget {
            return;
        }
        let begin = Instant::now();
        match self.sample(workload, case, round, scale, dir) {
            Ok(samples) => self.samples.extend(samples),
            Err(error) => {
                self.samples.clear();
                self.state = match error.downcast::<NotHere>() {
                    Ok(reason) => State::Skipped(reason.to_string()),
                    Err(error) => State::Failed(error),
                };
            }
        }
        self.spent += begin.elapsed();
    }

    fn sample(
        &mut self,
        workload: &str,
        case: &Case,
        round: usize,
        scale: &Scale,
        dir: &Path,
    ) -> Result<Vec<Sample>> {
        if matches!(self.state, State::Fresh) {
            self.state = State::Ready(self.contender.set_up(dir)?);
        }
        match &mut self.state {
            State::Ready(ready) => (ready.measure)(round),
            State::Isolated => {
                let system = &self.contender.system;
                child::sample(workload, &case.name, system, round, scale, dir)
            }
            State::Skipped(_) | State::Failed(_) => Ok(Vec::new()),
            State::Fresh => unreachable!("it was set up above"),
        }
    }

    fn rows(&self, workload: &str, case: &str) -> Vec<Row> {
        let system = &self.contender.system;
        match &self.state {
            State::Skipped(reason) => return vec![Row::skipped(workload, case, system, reason)],
            State::Failed(error) => return vec![Row::failed(workload, case, system, error)],
            State::Fresh | State::Ready(_) | State::Isolated => {}
        }
        let mut metrics: Vec<(&str, &str)> = Vec::new();
        let mut values: HashMap<&str, Vec<f64>> = HashMap::new();
        for sample in &self.samples {
            if !values.contains_key(&*sample.metric) {
                metrics.push((&sample.metric, &sample.unit));
            }
            values.entry(&sample.metric).or_default().push(sample.value);
        }
        metrics
            .into_iter()
            .filter_map(|(metric, unit)| {
                let summary = Summary::of(&values[metric])?;
                Some(Row::measured(workload, case, system, metric, unit, summary))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn rounds_interleave_the_systems_and_ratios_are_formed_within() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut case = Case::new("one", 3);
        for (system, value) in [("file_backed/bincodec", 6.0), ("limit/bare", 3.0)] {
            let seen = seen.clone();
            case.add(Contender::new(system, move |_| {
                let seen = seen.clone();
                Ok(Box::new(move |_| {
                    seen.borrow_mut().push(system);
                    Ok(vec![Sample::new("load", "ns", value)])
                }))
            }));
        }
        case.add(Contender::skipped("heed", "it is not asked"));
        case.add(Contender::new("redb", |_| anyhow::bail!("it broke")));
        let scale = Scale::new(true);
        let rows = run_case("hit", &case, &scale, dir.path(), &mut Progress::silent());

        assert_eq!(rows[0].ratio_to_limit, Some(2.0));
        assert_eq!(rows[0].n, 3);
        assert_eq!(rows[2].skipped.as_deref(), Some("it is not asked"));
        assert_eq!(rows[3].skipped.as_deref(), Some("failed: it broke"));
        let failed: Vec<_> = rows.iter().map(Row::has_failed).collect();
        assert_eq!(failed, [false, false, false, true]);
        for round in seen.borrow().chunks(2) {
            assert_ne!(round[0], round[1], "each system once in a round");
        }
        let left = std::fs::read_dir(dir.path()).expect("it is there").count();
        assert_eq!(left, 0, "every contender's files are gone");
    }

    #[test]
    fn a_system_over_its_budget_is_measured_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut case = Case::new("one", 5);
        let slow = Contender::new("ancestor/bincodec", |_| {
            Ok(Box::new(|_| Ok(vec![Sample::new("load", "ns", 1.0)])))
        });
        case.add(slow.budget(Duration::ZERO));
        let scale = Scale::new(true);
        let rows = run_case("hit", &case, &scale, dir.path(), &mut Progress::silent());
        assert_eq!(rows[0].n, 1);
    }
}
