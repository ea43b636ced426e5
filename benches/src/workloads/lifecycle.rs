//! `lifecycle`: many small items are created, persisted, found again after a
//! restart, registered and cleaned up.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::harness::plan::{Case, Contender, Sample, Scale, Workload};
use crate::systems::ancestor::{self, Ancestor};
use crate::systems::ours::{self, Async, Blocking};
use crate::systems::pools::{self, OnDisk as _};
use crate::systems::{cacache, limit};

type Bin = Blocking<ours::Bin>;
type BinAsync = Async<ours::Bin>;
type Prost = Blocking<ours::Prost>;
type ProstAsync = Async<ours::Prost>;
type Mapped = Blocking<ours::Archive>;
type MappedAsync = Async<ours::Archive>;
type Mixed = Blocking<ours::Mixed>;
type MixedAsync = Async<ours::Mixed>;
type OldBin = Ancestor<ancestor::Bin>;
type OldProst = Ancestor<ancestor::Prost>;

pub const WORKLOAD: Workload = Workload {
    name: "lifecycle",
    about: "create, persist, restart and scan, register, clean up: 256-byte items, one thread",
    cases,
    absent: |_, system| match system {
        "moka" | "quick_cache" => "it keeps nothing on disk",
        "mmap-sync" | "epserde" => "it has no names to link, and none to scan",
        _ => "all items are in files that it shares: there is nothing to link or to scan",
    },
};

/// Bytes of an item.
pub const BYTES: usize = 256;

/// What each step took, for all items together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    pub create: Option<Duration>,
    pub persist: Option<Duration>,
    pub scan: Option<Duration>,
    pub register: Option<Duration>,
    pub clean_up: Option<Duration>,
}

fn cases(scale: &Scale) -> Vec<Case> {
    let counts: &[usize] = scale.pick(&[200, 800, 3_000], &[5_000, 50_000, 200_000]);
    counts.iter().map(|items| case(*items, scale)).collect()
}

fn case(items: usize, scale: &Scale) -> Case {
    // Minutes for each round, of all systems.
    let rounds = if items > 50_000 { 2 } else { 5 };
    let mut case = Case::new(items.to_string(), scale.pick(2, rounds));
    let budget = scale.pick(Duration::from_secs(2), Duration::from_secs(30));
    let mut add = |system: &str, run: fn(&Path, usize) -> Result<Steps>| {
        let contender = Contender::new(system, move |dir| {
            let (dir, mut number) = (dir.to_owned(), 0);
            Ok(Box::new(move |_| {
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
    add(&Bin::system(), pools::lifecycle::run::<Bin>);
    add(&BinAsync::system(), pools::lifecycle::run::<BinAsync>);
    add(&Prost::system(), pools::lifecycle::run::<Prost>);
    add(&ProstAsync::system(), pools::lifecycle::run::<ProstAsync>);
    add(&Mapped::system(), pools::lifecycle::run::<Mapped>);
    add(&MappedAsync::system(), pools::lifecycle::run::<MappedAsync>);
    add(&Mixed::system(), pools::lifecycle::run::<Mixed>);
    add(&MixedAsync::system(), pools::lifecycle::run::<MixedAsync>);
    add(&OldBin::system(), pools::lifecycle::run::<OldBin>);
    add(&OldProst::system(), pools::lifecycle::run::<OldProst>);
    add("cacache", cacache::lifecycle);
    add("limit/directory-handles", limit::lifecycle::on_one_thread);
    add(
        "limit/directory-handles-2t",
        limit::lifecycle::on_two_threads,
    );
    case
}

fn samples(steps: Steps, items: usize) -> Vec<Sample> {
    [
        ("create", steps.create),
        ("persist", steps.persist),
        ("scan", steps.scan),
        ("register", steps.register),
        ("clean-up", steps.clean_up),
    ]
    .into_iter()
    .filter_map(|(step, time)| Some(Sample::time(step, "µs", time?, items)))
    .collect()
}
