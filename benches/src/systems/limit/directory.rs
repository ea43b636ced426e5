//! Files in 256 shards, reached through open directories, so that no path is
//! resolved.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawDir, SeekFrom, linkat, mkdirat, openat, seek, unlinkat,
};

pub struct Directory {
    shards: Vec<OwnedFd>,
}

/// The name of a file within its shard: as long as those of this crate.
pub fn name_of(id: usize) -> String {
    format!("{:032x}", shuffled(id))
}

/// Spreads the numbers over the shards.
fn shuffled(id: usize) -> u128 {
    let high = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (u128::from(high) << 64) | id as u128
}

impl Directory {
    pub fn create(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        for shard in 0..256 {
            mkdirat(CWD, path.join(format!("{shard:02x}")), Mode::from(0o755))?;
        }
        Self::open(path)
    }

    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let shards = (0..256)
            .map(|shard| {
                let path = path.join(format!("{shard:02x}"));
                openat(CWD, path, flags, Mode::empty())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { shards })
    }

    pub fn shards(&self) -> &[OwnedFd] {
        &self.shards
    }

    pub fn shard_number(&self, id: usize) -> usize {
        (shuffled(id) >> 120) as usize
    }

    fn shard_of(&self, id: usize) -> &OwnedFd {
        &self.shards[self.shard_number(id)]
    }

    pub fn create_file(&self, id: usize) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(self.shard_of(id), name_of(id), flags, Mode::from(0o444))?;
        Ok(File::from(file))
    }

    pub fn write(&self, id: usize, bytes: &[u8]) -> Result<()> {
        Ok(self.create_file(id)?.write_all(bytes)?)
    }

    pub fn open_file(&self, id: usize) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(self.shard_of(id), name_of(id), flags, Mode::empty())?;
        Ok(File::from(file))
    }

    /// Gives the file of `id` a name in another directory.
    pub fn link(&self, id: usize, to: &Self) -> Result<()> {
        let name = name_of(id);
        Ok(linkat(
            self.shard_of(id),
            &*name,
            to.shard_of(id),
            &*name,
            AtFlags::empty(),
        )?)
    }

    /// The names in all shards, as numbers. The open shards are read themselves,
    /// from their beginning.
    pub fn scan(&self) -> Result<Vec<u128>> {
        let mut names = Vec::new();
        let mut buffer = Vec::with_capacity(64 << 10);
        for shard in &self.shards {
            seek(shard, SeekFrom::Start(0))?;
            let mut entries = RawDir::new(shard, buffer.spare_capacity_mut());
            while let Some(entry) = entries.next() {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name.len() == 32
                    && let Ok(name) = std::str::from_utf8(name)
                    && let Ok(number) = u128::from_str_radix(name, 16)
                {
                    names.push(number);
                }
            }
        }
        Ok(names)
    }

    pub fn unlink(&self, id: usize) -> Result<()> {
        Ok(unlinkat(self.shard_of(id), name_of(id), AtFlags::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_finds_every_name_each_time() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let files = Directory::create(dir.path()).expect("it can be made");
        for id in 0..600 {
            files.write(id, b"").expect("a file");
        }
        for _ in 0..2 {
            let mut ids: Vec<_> = files
                .scan()
                .expect("it is there")
                .into_iter()
                .map(|name| name as u64)
                .collect();
            ids.sort_unstable();
            assert_eq!(ids, (0..600).collect::<Vec<_>>());
        }
    }
}
