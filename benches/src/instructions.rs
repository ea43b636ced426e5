//! Instructions of a hit, counted by valgrind: a figure that does not depend on
//! what else the machine does.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::harness::place::Place;
use crate::harness::row::{Row, Terms, form_ratios};
use crate::harness::size::MIB;
use crate::harness::stats::Summary;
use crate::systems::blob::Template;
use crate::systems::{Hits, limit};
use crate::workloads::{cold, hit};

/// The hidden command that valgrind runs.
pub const LOOP_COMMAND: &str = "hit-loop";

/// Passes that are counted.
const PASSES: usize = 3;

/// One system in the case that is counted.
struct Counted {
    workload: &'static str,
    case: &'static str,
    system: String,
    make: Make,
}

type Make = Box<dyn Fn(&Path) -> Result<Box<dyn Hits>>>;

/// Hits on a value in memory, and on one that the item budget has let go of and
/// whose map was kept; with blocking and with async calls.
fn counted() -> Vec<Counted> {
    let hits = hit::systems().into_iter().map(|(system, make)| Counted {
        workload: "hit",
        case: "same-1t",
        system,
        make: Box::new(move |dir| make(dir, 1)),
    });
    let kept = cold::keepers().into_iter().map(|(system, keep)| Counted {
        workload: "cold",
        case: "kept/1MiB",
        system,
        make: Box::new(move |dir| keep(dir, Template::new(MIB).blob(7))),
    });
    let limit = Counted {
        workload: "cold",
        case: "kept/1MiB",
        system: "limit/arc-clone".to_owned(),
        make: Box::new(|_| {
            let blob = Template::new(MIB).blob(7).to_vec();
            Ok(Box::new(limit::hits::arc_clone(1, &blob)))
        }),
    };
    hits.chain(kept).chain([limit]).collect()
}

/// Counts the instructions of one load for each system, as rows of its workload.
pub fn rows(systems: &[String]) -> Result<Vec<Row>> {
    if let Some(reason) = unavailable() {
        bail!(reason);
    }
    let mut rows = Vec::new();
    for one in counted() {
        if systems.is_empty() || systems.contains(&one.system) {
            let summary = Summary::of(&[count(&one)?]).context("it is one value")?;
            rows.push(Row::measured(
                one.workload,
                one.case,
                &one.system,
                "instructions",
                "instructions",
                summary,
            ));
        }
    }
    for of_case in rows.chunk_by_mut(|one, other| one.case == other.case) {
        form_ratios(of_case, |_| Terms::default());
    }
    Ok(rows)
}

/// Why instructions cannot be counted here, if so.
fn unavailable() -> Option<String> {
    let version = Command::new("valgrind").arg("--version").output();
    match version {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("valgrind fails: {}", output.status)),
        Err(error) => Some(format!("valgrind is not there: {error}")),
    }
}

/// Instructions of one load.
fn count(one: &Counted) -> Result<f64> {
    let place = Place::new(&std::env::temp_dir())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg("--callgrind-out-file=/dev/null")
        .arg(std::env::current_exe()?)
        .args([LOOP_COMMAND, one.case, &one.system, "--dir"])
        .arg(place.path())
        .output()
        .context("cannot start valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    let instructions: f64 = text
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse().ok())
        .with_context(|| format!("valgrind said nothing of instructions: {text}"))?;
    Ok(instructions / (PASSES * hit::PASS) as f64)
}

/// The function that is counted, with what it calls.
const MEASURED: &str = "benches_measured_passes";

/// Nothing but the passes.
// SAFETY: no other symbol of the program has the name.
#[unsafe(no_mangle)]
#[inline(never)]
fn benches_measured_passes(hits: &dyn Hits, order: &[u32]) {
    for _ in 0..PASSES {
        black_box(hits.pass(black_box(order)));
    }
}

/// What valgrind runs: one pass to warm up, and the measured ones.
pub fn serve_loop(words: &[String], dir: &Path) -> Result<()> {
    let [case, system] = words else {
        bail!("{LOOP_COMMAND} needs a case and a system");
    };
    let one = counted()
        .into_iter()
        .find(|one| one.case == case && one.system == *system)
        .with_context(|| format!("there is no system `{system}` in `{case}`"))?;
    let hits = (one.make)(dir)?;
    let order = hit::order(1, 0);
    black_box(hits.pass(&order));
    benches_measured_passes(&*hits, &order);
    Ok(())
}
