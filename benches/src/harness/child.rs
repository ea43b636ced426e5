//! Samples in a process of their own.
//!
//! The kernel's mark of the greatest memory in use cannot be taken back, and an
//! allocator keeps what it once had: what one contender took would be counted
//! against the next one.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::plan::{Sample, Scale};
use crate::workloads;

/// The hidden command of the child.
pub const COMMAND: &str = "child";

/// Has a child take one sample.
pub fn sample(
    workload: &str,
    case: &str,
    system: &str,
    scale: &Scale,
    dir: &Path,
) -> Result<Vec<Sample>> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([COMMAND, workload, case, system, "--dir"])
        .arg(dir);
    if scale.quick {
        command.arg("--quick");
    }
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
pub fn serve(workload: &str, case: &str, system: &str, scale: &Scale, dir: &Path) -> Result<()> {
    let workload = workloads::find(workload)?;
    let cases = (workload.cases)(scale);
    let contender = cases
        .iter()
        .find(|candidate| candidate.name == case)
        .and_then(|case| case.contenders.iter().find(|other| other.system == system))
        .context("there is no such case or system")?;
    let mut ready = contender.set_up(dir)?;
    let samples = (ready.measure)()?;
    println!("{}", serde_json::to_string(&samples)?);
    Ok(())
}
