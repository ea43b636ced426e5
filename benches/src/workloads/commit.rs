//! `commit`: durable commits that replace one item, or one in a hundred, of many that have
//! names; and opening what they have left.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::harness::heap;
use crate::harness::io::Written;
use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::seed::Rng;
use crate::harness::size::{KIB, size_name};
use crate::harness::stats::quantile;
use crate::harness::threads::Taken;
use crate::systems::blob::Template;
use crate::systems::limit::commit::{self as limit, Sync};
use crate::systems::named::{Access, Change, Fjall, Heed, NAME_BYTES, Named, Ours, Redb};

pub const WORKLOAD: Workload = Workload {
    name: "commit",
    about: "durable commits of one item, or of 1 %, among many that have names, with the bytes \
            written beside the items; and opening all of them",
    cases,
    absent: |_, system| match system {
        "foyer" => "it is a cache: nothing in it is durable",
        "moka" | "quick_cache" => "it keeps nothing on disk",
        "cacache" | "mmap-sync" | "epserde" => "it syncs nothing",
        _ if system.starts_with("ancestor/") => "it has no commits",
        _ if system.ends_with("/async") => "the same calls, awaited",
        _ => "as with bincodec: a commit does not look into the files of items",
    },
};

/// What is committed in each round.
#[derive(Clone, Copy, Debug)]
struct Plan {
    items: usize,
    /// Items of one commit.
    changed: usize,
    /// Bytes of a changed item, and how many commits change such ones.
    commits: &'static [(usize, usize)],
}

type Make = fn(&Path, usize) -> Result<Box<dyn Named>>;

/// The limit that this crate's commits are measured against.
const SYSTEM_CALLS: &str = "limit/system-calls";
const SYSTEM_CALLS_2T: &str = "limit/system-calls-2t";
/// The same, with the data of all files written before the first sync.
const TOGETHER: &str = "limit/system-calls-together";
/// One sync for all that comes before the name.
const SYNCFS: &str = "limit/syncfs";
/// No file for an item.
const IN_RECORD: &str = "limit/in-record";

/// The most items that limits are measured with which do not depend on their number.
const MOST_FOR_OTHER_LIMITS: usize = 100_000;

fn cases(scale: &Scale) -> Vec<Case> {
    let counts: &[usize] = scale.pick(&[1_000, 10_000], &[10_000, 100_000, 1_000_000]);
    let mut cases: Vec<_> = (counts.iter())
        .map(|items| {
            let plan = Plan {
                items: *items,
                changed: 1,
                commits: scale.pick(
                    &[(KIB, 40), (64 * KIB, 20)],
                    &[(KIB, 1_000), (64 * KIB, 200)],
                ),
            };
            let mut case = Case::new(format!("one/{items}"), scale.pick(2, 11));
            add_systems(&mut case, plan);
            case
        })
        .collect();
    let items = scale.pick(10_000, 100_000);
    let plan = Plan {
        items,
        changed: items / 100,
        commits: scale.pick(&[(KIB, 3)], &[(KIB, 10)]),
    };
    let mut case = Case::new(format!("1%/{items}"), scale.pick(2, 11));
    add_systems(&mut case, plan);
    cases.push(case);
    cases
}

fn add_systems(case: &mut Case, plan: Plan) {
    let add = |case: &mut Case, system: &str, make: Make| {
        let contender = Contender::new(system, move |dir| measure(make(dir, plan.items)?, plan));
        let is_ours = system.starts_with("file_backed/");
        case.add(match is_ours {
            false => contender,
            true if plan.changed == 1 => contender.against_all(&[SYSTEM_CALLS, TOGETHER]),
            true => contender.against_all(&[SYSTEM_CALLS, SYSTEM_CALLS_2T, TOGETHER, SYNCFS]),
        });
    };
    add(case, "file_backed/bincodec", |dir, items| {
        Ok(Box::new(Ours::new(dir, items)?))
    });
    add(case, "heed", |dir, items| {
        Ok(Box::new(Heed::new(dir, items)?))
    });
    add(case, "redb", |dir, items| {
        Ok(Box::new(Redb::new(dir, items)?))
    });
    add(case, "fjall", |dir, items| {
        Ok(Box::new(Fjall::new(dir, items)?))
    });
    add(case, SYSTEM_CALLS, |dir, items| {
        Ok(Box::new(limit::new(dir, items, 1, Sync::Each)?))
    });
    add(case, TOGETHER, |dir, items| {
        Ok(Box::new(limit::new(dir, items, 1, Sync::Together)?))
    });
    if plan.changed > 1 {
        add(case, SYSTEM_CALLS_2T, |dir, items| {
            Ok(Box::new(limit::new(dir, items, 2, Sync::Each)?))
        });
    }
    if plan.items > MOST_FOR_OTHER_LIMITS {
        for system in [SYNCFS, IN_RECORD] {
            let reason = "it does the same as with fewer items";
            case.add(Contender::skipped(system, reason));
        }
        return;
    }
    add(case, SYNCFS, |dir, items| {
        Ok(Box::new(limit::new(dir, items, 1, Sync::Whole)?))
    });
    add(case, IN_RECORD, |dir, items| {
        Ok(Box::new(limit::new(dir, items, 1, Sync::Record)?))
    });
}

fn measure(mut set: Box<dyn Named>, plan: Plan) -> Result<Measure> {
    Ok(Box::new(move |round| {
        let mut samples = Vec::new();
        for (bytes, commits) in plan.commits {
            let mut rng = Rng::new((round * bytes) as u64);
            samples.extend(commit_many(&mut *set, plan, *bytes, *commits, &mut rng)?);
        }
        for access in [Access::Read, Access::Commit] {
            if set.can_open(access) {
                samples.extend(open(&mut *set, plan.items, access)?);
            }
        }
        Ok(samples)
    }))
}

/// Times of commits one after the other, and what they wrote beside the items.
fn commit_many(
    set: &mut dyn Named,
    plan: Plan,
    bytes: usize,
    commits: usize,
    rng: &mut Rng,
) -> Result<Vec<Sample>> {
    let mut template = Template::new(bytes);
    let mut times = Vec::with_capacity(commits);
    let before = Written::so_far()?;
    for _ in 0..commits {
        let changes = changes(plan, &mut template, rng);
        let begin = Instant::now();
        set.commit(changes)?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let written = Written::so_far()?.since(before);
    times.sort_by(f64::total_cmp);
    let of_items = (bytes * plan.changed) as f64;
    let beside = |total: u64| total as f64 / commits as f64 - of_items;
    let size = size_name(bytes);
    let sample = |metric: String, unit: &'static str, value| Sample {
        metric: metric.into(),
        unit: unit.into(),
        value,
    };
    let mut samples = Vec::new();
    for (name, share) in [("", 0.5), ("-p99", 0.99), ("-max", 1.0)] {
        let time = quantile(&times, share).context("there is a commit")?;
        samples.push(sample(format!("commit-{size}{name}"), "ms", time));
    }
    let by_calls = beside(written.by_calls);
    samples.push(sample(format!("beside-{size}"), "bytes", by_calls));
    // A tmpfs counts none.
    if written.dirtied > 0 {
        let pages = beside(written.dirtied);
        samples.push(sample(format!("pages-beside-{size}"), "bytes", pages));
    }
    Ok(samples)
}

/// Items that are all different, with new values.
fn changes(plan: Plan, template: &mut Template, rng: &mut Rng) -> Vec<Change> {
    let first = rng.below(plan.items);
    let step = plan.items / plan.changed;
    (0..plan.changed)
        .map(|number| {
            let id = (first + number * step) % plan.items;
            (id, template.blob(rng.below(1 << 20)).to_vec())
        })
        .collect()
}

/// The time that opening takes, on the clock and on a processor, and the memory that it leaves in
/// use.
fn open(set: &mut dyn Named, items: usize, access: Access) -> Result<Vec<Sample>> {
    let (time, cpu, heap) = match access {
        Access::Read => ("open-read-only", "open-read-only-cpu", "heap-read-only"),
        Access::Commit => ("open-to-commit", "open-to-commit-cpu", "heap-to-commit"),
    };
    set.close()?;
    heap::count();
    let (before, mut opened) = (heap::live(), Ok(()));
    let taken = Taken::by(|| opened = set.open(access));
    opened?;
    // Less was allocated than freed where a thread of the system's own still frees.
    let in_use = heap::live().wrapping_sub(before) as isize;
    let beside_name = in_use as f64 / items as f64 - NAME_BYTES as f64;
    Ok(vec![
        Sample::time(time, "ms", taken.wall, 1),
        Sample::time(cpu, "ms", taken.cpu, 1),
        Sample::new(heap, "bytes", beside_name.max(0.0)),
    ])
}
