//! Cases, and samples, in processes of their own.
//!
//! What a system keeps for the rest of the process (threads, a table of all
//! threads that there ever were, a fragmented heap) would meet whatever is
//! measured later, so each case is a process. The kernel's mark of the greatest
//! memory in use cannot be taken back, so a sample of that is one too.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::plan::{Case, Sample, Scale};
use super::progress::Progress;
use super::row::{Row, read_rows};
use super::run;
use crate::workloads;

/// The hidden command of the child that takes one sample.
pub const COMMAND: &str = "child";

/// The hidden command of the child that runs a case.
pub const CASE_COMMAND: &str = "child-case";

/// Before the name of a system whose turn it is, on the child's stderr.
pub const STEP: &str = "step: ";

/// Has a child run a case. If it dies, the rows say so.
pub fn run_case(
    workload: &str,
    case: &Case,
    scale: &Scale,
    dir: &Path,
    progress: &mut Progress,
) -> Vec<Row> {
    try_case(workload, case, scale, dir, progress).unwrap_or_else(|error| {
        case.contenders
            .iter()
            .map(|contender| {
                let (case, system) = (&*case.name, &*contender.system);
                match contender.skip_reason() {
                    Some(reason) => Row::skipped(workload, case, system, reason),
                    None => Row::failed(workload, case, system, &error),
                }
            })
            .collect()
    })
}

fn try_case(
    workload: &str,
    case: &Case,
    scale: &Scale,
    dir: &Path,
    progress: &mut Progress,
) -> Result<Vec<Row>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([CASE_COMMAND, workload, &case.name, "--dir"]);
    command.arg(dir);
    command.args(scale.arguments());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start a child")?;
    let mut out = child.stdout.take().context("it was asked for")?;
    let err = child.stderr.take().context("it was asked for")?;
    let rows = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let mut system = String::new();
    let mut said = String::new();
    for line in BufReader::new(err).lines() {
        let line = line?;
        match line.strip_prefix(STEP) {
            Some(next) => {
                progress.step(workload, &case.name, next);
                next.clone_into(&mut system);
            }
            None => said = line,
        }
    }
    let text = rows
        .join()
        .map_err(|_| anyhow::anyhow!("reading panicked"))??;
    let status = child.wait()?;
    if !status.success() {
        bail!("{status} at {system}: {said}");
    }
    read_rows(&text)
}

/// What the child does: runs the case and prints its rows.
pub fn serve_case(workload: &str, case: &str, scale: &Scale, dir: &Path) -> Result<()> {
    let cases = workloads::plan(workloads::find(workload)?, scale);
    let case = cases
        .iter()
        .find(|candidate| candidate.name == case)
        .context("there is no such case")?;
    for row in run::run_case(workload, case, scale, dir, &mut Progress::relayed()) {
        println!("{}", serde_json::to_string(&row)?);
    }
    Ok(())
}

/// Has a child take one sample.
pub fn sample(
    workload: &str,
    case: &str,
    system: &str,
    round: usize,
    scale: &Scale,
    dir: &Path,
) -> Result<Vec<Sample>> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([COMMAND, workload, case, system])
        .args([&round.to_string(), "--dir"])
        .arg(dir);
    command.args(scale.arguments());
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("cannot start a child")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let last: Vec<_> = text.lines().rev().take(3).collect();
        bail!("{}: {}", output.status, last.join(" / "));
    }
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("the child said nothing")?;
    Ok(serde_json::from_str(last)?)
}

/// What the child does: takes the sample and prints it.
pub fn serve(
    workload: &str,
    case: &str,
    system: &str,
    round: usize,
    scale: &Scale,
    dir: &Path,
) -> Result<()> {
    let cases = workloads::plan(workloads::find(workload)?, scale);
    let contender = cases
        .iter()
        .find(|candidate| candidate.name == case)
        .and_then(|case| case.contenders.iter().find(|other| other.system == system))
        .context("there is no such case or system")?;
    let mut ready = contender.set_up(dir)?;
    let samples = (ready.measure)(round)?;
    println!("{}", serde_json::to_string(&samples)?);
    Ok(())
}
