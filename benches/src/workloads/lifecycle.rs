//! `lifecycle`: many small items are created, persisted, found again after a
//! restart, registered and cleaned up.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::harness::plan::{Case, Contender, Sample, Scale, Workload};
use crate::systems::{ancestor, cacache, limit, ours};

pub const WORKLOAD: Workload = Workload {
    name: "lifecycle",
    about: "create, persist, restart and scan, register, clean up: 256-byte items, one thread",
    cases,
};

/// Bytes of an item.
pub const BYTES: usize = 256;

/// What each step took, for all items together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    pub create: Duration,
    pub persist: Option<Duration>,
    pub scan: Duration,
    pub register: Option<Duration>,
    pub clean_up: Duration,
}

fn cases(scale: &Scale) -> Vec<Case> {
    let counts: &[usize] = scale.pick(&[300, 1_200, 5_000], &[5_000, 50_000, 500_000]);
    counts.iter().map(|items| case(*items, scale)).collect()
}

fn case(items: usize, scale: &Scale) -> Case {
    let mut case = Case::new(items.to_string(), scale.pick(2, 5));
    let budget = scale.pick(Duration::from_secs(2), Duration::from_secs(180));
    let mut add = |system: &str, run: fn(&Path, usize) -> Result<Steps>| {
        let contender = Contender::new(system, move |dir| {
            let (dir, mut number) = (dir.to_owned(), 0);
            Ok(Box::new(move || {
                number += 1;
                let dir = dir.join(number.to_string());
                std::fs::create_dir(&dir)?;
                let steps = run(&dir, items)?;
                std::fs::remove_dir_all(&dir)?;
                Ok(samples(steps, items))
            }))
        });
        case.add(contender.budget(budget));
    };
    add("file_backed/bincodec", ours::lifecycle::<ours::Bin>);
    add("file_backed/mappedcodec", ours::lifecycle::<ours::Archive>);
    add("ancestor/bincodec", ancestor::lifecycle::<ancestor::Bin>);
    add(
        "ancestor/prostcodec",
        ancestor::lifecycle::<ancestor::Prost>,
    );
    add("cacache", cacache::lifecycle);
    add("limit/directory-handles", limit::lifecycle::run);
    for peer in ["heed", "redb", "fjall", "foyer"] {
        let reason = "all items are in files that it shares: there is nothing to link or to scan";
        case.add(Contender::skipped(peer, reason));
    }
    case
}

fn samples(steps: Steps, items: usize) -> Vec<Sample> {
    [
        ("create", Some(steps.create)),
        ("persist", steps.persist),
        ("scan", Some(steps.scan)),
        ("register", steps.register),
        ("clean-up", Some(steps.clean_up)),
    ]
    .into_iter()
    .filter_map(|(step, time)| Some(Sample::time(step, "µs", time?, items)))
    .collect()
}
