//! What the kernel says about this process's memory.

use anyhow::{Context as _, Result};

/// Bytes resident now.
pub fn resident() -> Result<usize> {
    status("VmRSS:")
}

/// Most bytes that were resident since the start, or since [`forget_peak`].
pub fn peak() -> Result<usize> {
    status("VmHWM:")
}

/// Takes the mark of the peak back to what is resident now, where the kernel
/// allows it.
pub fn forget_peak() {
    // Refused in some containers: the mark then stands since the start, which
    // in a child process is little.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(key: &str) -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .with_context(|| format!("/proc/self/status has no {key}"))?;
    Ok(kib.trim().parse::<usize>()? * 1024)
}

/// Bytes that can be had without swapping.
pub fn available() -> Result<usize> {
    let info = std::fs::read_to_string("/proc/meminfo")?;
    let kib = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .context("/proc/meminfo has no MemAvailable")?;
    Ok(kib.trim().parse::<usize>()? * 1024)
}
