//! Instructions of a hit, counted by valgrind: a figure that does not depend on
//! what else the machine does.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::harness::place::Place;
use crate::harness::row::{Row, form_ratios};
use crate::harness::stats::Summary;
use crate::systems::Hits;
use crate::workloads::hit;

/// The hidden command that valgrind runs.
pub const LOOP_COMMAND: &str = "hit-loop";

/// Passes that are counted.
const PASSES: usize = 3;

/// Counts the instructions of one load for each system, as rows of `hit`.
pub fn rows(systems: &[String]) -> Result<Vec<Row>> {
    if let Some(reason) = unavailable() {
        bail!(reason);
    }
    let mut rows = Vec::new();
    for (system, _) in hit::systems() {
        if systems.is_empty() || systems.contains(&system) {
            let counted = Summary::of(&[count(&system)?]).context("it is one value")?;
            rows.push(Row::measured(
                "hit",
                "same-1t",
                &system,
                "instructions",
                "instructions",
                counted,
            ));
        }
    }
    form_ratios(&mut rows, |_| None);
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
fn count(system: &str) -> Result<f64> {
    let place = Place::new(&std::env::temp_dir())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg("--callgrind-out-file=/dev/null")
        .arg(std::env::current_exe()?)
        .args([LOOP_COMMAND, system, "--dir"])
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
    let [system] = words else {
        bail!("{LOOP_COMMAND} needs a system");
    };
    let (_, make) = hit::systems()
        .into_iter()
        .find(|(name, _)| name == system)
        .with_context(|| format!("there is no system `{system}`"))?;
    let hits = make(dir, 1)?;
    let order = hit::order(1, 0);
    black_box(hits.pass(&order));
    benches_measured_passes(&*hits, &order);
    Ok(())
}
