//! What memory the process has, as far as the kernel tells.

use std::fs;

/// Resident memory, in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Most that was resident since [`restart_peak`], or ever.
    pub(crate) peak: u64,
    /// The process's own now: its heap and stacks.
    pub(crate) own: u64,
    /// Pages of mapped files now, which the kernel can take back.
    pub(crate) mapped: u64,
}

/// `None` where there is no `/proc`.
pub(crate) fn sample() -> Option<Memory> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib = line.trim_start_matches(':').trim().strip_suffix("kB")?;
        Some(kib.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Memory {
        peak: field("VmHWM")?,
        own: field("RssAnon")?,
        // Of files on a tmpfs, mapped pages count as shared memory.
        mapped: field("RssFile")? + field("RssShmem")?,
    })
}

/// Lets the peak begin anew, so that each phase has its own. Where that is not
/// possible, it stays that of the whole run so far.
pub(crate) fn restart_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
