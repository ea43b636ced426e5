//! What the kernel says this process has written.

use anyhow::{Context as _, Result};

/// Bytes, since the process began.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// That were passed to calls that write.
    pub by_calls: u64,
    /// Of pages that became dirty and are to reach a disk. A page counts as a whole, and not
    /// again before it was written back. The file system's own pages are not counted, and no
    /// page of a tmpfs.
    pub dirtied: u64,
}

impl Written {
    /// By all threads of the process.
    pub fn so_far() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/self/io")?;
        Ok(Self {
            by_calls: value(&text, "wchar:")?,
            dirtied: value(&text, "write_bytes:")?,
        })
    }

    pub fn since(self, earlier: Self) -> Self {
        Self {
            by_calls: self.by_calls - earlier.by_calls,
            dirtied: self.dirtied - earlier.dirtied,
        }
    }
}

fn value(text: &str, key: &str) -> Result<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key));
    let rest = rest.with_context(|| format!("/proc/self/io has no {key}"))?;
    Ok(rest.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_to_a_write_is_counted() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let before = Written::so_far().expect("it can be read");
        std::fs::write(dir.path().join("file"), vec![1; 100_000]).expect("it can be written");
        let after = Written::so_far().expect("it can be read");
        assert!(after.since(before).by_calls >= 100_000);
    }
}
