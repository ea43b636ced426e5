//! Recorded traces, from a directory that the user names.
//!
//! | file | what it has |
//! |---|---|
//! | `*.trace.gz` | the number of a block in each line |
//! | `*.lis.zst` | in each line a first block and a number of blocks that follow |
//! | `*.trace.xz` | numbers of 4 bytes, of which the lowest byte comes first |

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::trace::{Accesses, Source, Trace};

/// Accesses of a trace that are used.
const MOST: usize = 1_500_000;

/// Longer files have too many items for a file each.
const LONG: u64 = 2 << 20;

/// The parts of its items that a cache keeps.
const PARTS: [usize; 3] = [20, 5, 2];

/// All traces of a directory, each for caches of several sizes.
pub fn all(dir: &Path) -> Vec<Trace> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| program_for(path).is_some())
        .collect();
    paths.sort();
    let each = paths.into_iter().flat_map(|path| {
        PARTS.map(|part| Trace {
            name: format!("{}/{}%", stem(&path), 100 / part),
            is_long: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) > LONG,
            source: Source::Recorded(path.clone(), part),
        })
    });
    each.collect()
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// The program that unpacks a file.
fn program_for(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    let is = |end: &str| name.ends_with(end);
    match () {
        () if is(".trace.gz") => Some("gzip"),
        () if is(".lis.zst") => Some("zstd"),
        () if is(".trace.xz") => Some("xz"),
        () => None,
    }
}

/// The accesses of a file, in a cache of one in `part` of its items.
pub fn read(path: &PathBuf, part: usize) -> Result<Accesses> {
    let program = program_for(path).context("it is no trace")?;
    let output = Command::new(program).arg("-dc").arg(path).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let blocks = match program {
        "xz" => numbers(&output.stdout),
        _ => lines(&String::from_utf8(output.stdout)?, program == "zstd")?,
    };
    let (order, items) = dense(&blocks);
    ensure!(items >= part, "the trace is too short");
    Ok(Accesses::all(order, items / part, items))
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let numbers = bytes.chunks_exact(4).take(MOST);
    let number = |chunk: &[u8]| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    numbers.map(|chunk| u64::from(number(chunk))).collect()
}

fn lines(text: &str, are_ranges: bool) -> Result<Vec<u64>> {
    let mut blocks = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        // Some traces end with a mark.
        let Some(first) = fields.next().and_then(|field| field.parse::<u64>().ok()) else {
            continue;
        };
        let count = match are_ranges {
            true => fields.next().context("a range has a length")?.parse()?,
            false => 1,
        };
        blocks.extend(first..first + count);
        if blocks.len() >= MOST {
            break;
        }
    }
    blocks.truncate(MOST);
    Ok(blocks)
}

/// Numbers the blocks from 0 on. Returns how many there are, too.
fn dense(blocks: &[u64]) -> (Vec<u32>, usize) {
    let mut numbers = HashMap::new();
    let order = blocks.iter().map(|block| {
        let next = numbers.len() as u32;
        *numbers.entry(*block).or_insert(next)
    });
    let order = order.collect();
    (order, numbers.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_block_or_a_range() {
        let blocks = lines("7\n8\n*\n7\n", false).expect("it is a trace");
        assert_eq!(blocks, [7, 8, 7]);
        let blocks = lines("10 3 0 1\n5 1 0 2\n", true).expect("it is a trace");
        assert_eq!(blocks, [10, 11, 12, 5]);
        assert!(lines("10\n", true).is_err());
    }

    #[test]
    fn blocks_are_numbered_in_the_order_of_their_first_use() {
        assert_eq!(dense(&[900, 5, 900, 7]), (vec![0, 1, 0, 2], 3));
        assert_eq!(numbers(&[1, 0, 0, 0, 2, 1, 0, 0, 9]), [1, 258]);
    }

    #[test]
    fn a_directory_has_a_case_for_each_trace_and_size() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["one.trace.gz", "two.lis.zst", "README.md"] {
            std::fs::write(dir.path().join(name), b"").expect("it is written");
        }
        let names: Vec<_> = all(dir.path())
            .into_iter()
            .map(|trace| trace.name)
            .collect();
        let expected = [
            "one/5%", "one/20%", "one/50%", "two/5%", "two/20%", "two/50%",
        ];
        assert_eq!(names, expected);
        assert!(all(&dir.path().join("nowhere")).is_empty());
    }
}
