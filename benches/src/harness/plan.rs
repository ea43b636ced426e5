//! What is to be run: workloads have cases, cases have contenders.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::row::{Kind, Terms};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Scale {
    /// All workloads in under three minutes.
    pub quick: bool,
    /// Where recorded traces are.
    pub traces: Option<PathBuf>,
}

impl Scale {
    pub fn new(quick: bool) -> Self {
        Self {
            quick,
            traces: None,
        }
    }

    /// The arguments that ask a child for the same.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if self.quick {
            arguments.push("--quick".into());
        }
        if let Some(traces) = &self.traces {
            arguments.extend(["--traces".into(), traces.into()]);
        }
        arguments
    }

    /// One of two settings.
    pub fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// One figure of one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub metric: Cow<'static, str>,
    pub unit: Cow<'static, str>,
    pub value: f64,
}

impl Sample {
    pub fn new(metric: &'static str, unit: &'static str, value: f64) -> Self {
        Self {
            metric: metric.into(),
            unit: unit.into(),
            value,
        }
    }

    /// A time for each of `count` operations.
    pub fn time(metric: &'static str, unit: &'static str, total: Duration, count: usize) -> Self {
        let scale = match unit {
            "ns" => 1e9,
            "µs" => 1e6,
            "ms" => 1e3,
            "s" => 1.0,
            _ => unreachable!("{unit} is no unit of time"),
        };
        Self::new(
            metric,
            unit,
            total.as_secs_f64() * scale / count.max(1) as f64,
        )
    }
}

/// Takes one sample. It is told the number of the round, so that what it does at
/// random is not the same in each, and is the same for all systems.
pub type Measure = Box<dyn FnMut(usize) -> Result<Vec<Sample>>>;

/// Gets a contender ready in a directory of its own.
type Setup = Arc<dyn Fn(&Path) -> Result<Measure>>;

/// The error of a contender that cannot take part here. Its text says why.
#[derive(Debug)]
pub struct NotHere(pub String);

impl std::fmt::Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotHere {}

/// One system in one case.
#[derive(Clone)]
pub struct Contender {
    pub system: String,
    /// What it is measured against.
    pub terms: Terms,
    /// Each sample in a process of its own, because its memory is measured.
    pub isolated: bool,
    /// No further sample once they took so long together.
    pub budget: Duration,
    work: Work,
}

#[derive(Clone)]
enum Work {
    Run(Setup),
    Skip(String),
}

impl Contender {
    pub fn new(
        system: impl Into<String>,
        setup: impl Fn(&Path) -> Result<Measure> + 'static,
    ) -> Self {
        Self {
            system: system.into(),
            terms: Terms::default(),
            isolated: false,
            budget: Duration::MAX,
            work: Work::Run(Arc::new(setup)),
        }
    }

    /// Says why the system does not take part.
    pub fn skipped(system: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            system: system.into(),
            terms: Terms::default(),
            isolated: false,
            budget: Duration::MAX,
            work: Work::Skip(reason.into()),
        }
    }

    pub fn against(mut self, limit: &str) -> Self {
        let limits = self.terms.limits.get_or_insert_default();
        limits.push(limit.to_owned());
        self
    }

    /// Measures it against each of these limits, of which the best counts.
    pub fn against_all(self, limits: &[&str]) -> Self {
        limits.iter().fold(self, |one, limit| one.against(limit))
    }

    /// Says what a load of it gives.
    pub fn gives(mut self, kind: Kind) -> Self {
        self.terms.kind = Some(kind);
        self
    }

    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    pub fn skip_reason(&self) -> Option<&str> {
        match &self.work {
            Work::Run(_) => None,
            Work::Skip(reason) => Some(reason),
        }
    }

    /// Gets ready; the contender's files go with the result.
    pub fn set_up(&self, below: &Path) -> Result<Ready> {
        let Work::Run(setup) = &self.work else {
            unreachable!("a contender that is skipped is not set up");
        };
        let place = Place::new(below)?;
        let measure = setup(place.path())?;
        Ok(Ready {
            measure,
            _place: place,
        })
    }
}

/// A contender that is ready to be measured.
pub struct Ready {
    // Before the place: what it has open is closed first.
    pub measure: Measure,
    _place: Place,
}

/// Systems that do the same.
pub struct Case {
    pub name: String,
    /// How often every system is measured.
    pub rounds: usize,
    pub contenders: Vec<Contender>,
}

impl Case {
    pub fn new(name: impl Into<String>, rounds: usize) -> Self {
        Self {
            name: name.into(),
            rounds,
            contenders: Vec::new(),
        }
    }

    pub fn add(&mut self, contender: Contender) {
        self.contenders.push(contender);
    }

    /// Samples that progress is counted in.
    pub fn steps(&self) -> usize {
        self.contenders
            .iter()
            .map(|contender| match contender.skip_reason() {
                Some(_) => 0,
                None => self.rounds,
            })
            .sum()
    }
}

/// A workload: its name, what it measures, and its cases at a scale.
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    pub cases: fn(&Scale) -> Vec<Case>,
    /// Why a system is not in a case.
    pub absent: fn(case: &str, system: &str) -> &'static str,
}

impl Workload {
    /// The cases, each with all of `systems`: one that does not take part is
    /// there with the reason.
    pub fn plan(&self, scale: &Scale, systems: &[&str]) -> Vec<Case> {
        let mut cases = (self.cases)(scale);
        for case in &mut cases {
            for system in systems {
                if !case.contenders.iter().any(|one| one.system == *system) {
                    let reason = (self.absent)(&case.name, system);
                    case.add(Contender::skipped(*system, reason));
                }
            }
        }
        cases
    }
}
