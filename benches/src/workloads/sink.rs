//! `sink`: more values than memory are put in, and each goes to a file. The
//! greatest memory in use is measured too, so each sample is a process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::memory;
use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::size::{KIB, MIB, size_name};
use crate::systems::blob::{Template, touch};
use crate::systems::catalog::{self, Entry, Sizes};
use crate::systems::limit::sink::archive_and_write;
use crate::systems::{Touch, ours};

pub const WORKLOAD: Workload = Workload {
    name: "sink",
    about: "values put in through a small cache until all are written: 1 MiB blobs and 256-byte \
            items, one file each, with the peak of memory",
    cases,
    absent: |_, system| match system {
        "mmap-sync" => "it keeps one value in two files, and has no cache in front",
        _ => "it keeps nothing on disk",
    },
};

/// Items that stay in memory.
const CACHE: usize = 64;
const SMALL: usize = 256;
/// Bytes that may wait to be written, where that can be bounded.
const BACKLOG: usize = 16 * MIB;

fn cases(scale: &Scale) -> Vec<Case> {
    let blobs: &[usize] = scale.pick(&[80, 112, 192], &[512, 1024, 2048]);
    let small: &[usize] = scale.pick(&[500, 2_000, 6_000], &[20_000, 60_000, 200_000]);
    let blobs = blobs
        .iter()
        .map(|items| case("blobs", *items, MIB, size_name(items * MIB), scale));
    let small = small
        .iter()
        .map(|items| case("small", *items, SMALL, items.to_string(), scale));
    let mut cases: Vec<_> = blobs.chain(small).collect();
    if scale.quick {
        // Where it is only to be seen how cost grows.
        for index in [0, 1, 3, 4] {
            cases[index].rounds = 1;
        }
    }
    cases
}

fn case(kind: &str, items: usize, bytes: usize, size: String, scale: &Scale) -> Case {
    let mut case = Case::new(format!("{kind}/{size}"), scale.pick(2, 5));
    for entry in [
        catalog::mapped::<ours::Archive>(false),
        catalog::mapped::<ours::Archive>(true),
        catalog::mapped::<ours::ArchiveUnbounded>(false),
        catalog::decoded::<ours::Bin>(false),
        catalog::decoded::<ours::Bin>(true),
        catalog::decoded::<ours::Prost>(false),
        catalog::decoded::<ours::Prost>(true),
        catalog::mapped::<ours::Mixed>(false),
        catalog::mapped::<ours::Mixed>(true),
        catalog::ancestor_bin(),
        catalog::ancestor_prost(),
        catalog::cacache(),
        catalog::foyer(),
        catalog::heed(),
        catalog::redb(),
        catalog::fjall(),
        catalog::epserde(),
    ] {
        let items = match &*entry.system {
            // 150 ms a blob: a sixteenth of them tells as much.
            "ancestor/bincodec" if bytes > 64 * KIB => CACHE + (items - CACHE) / 16,
            _ => items,
        };
        let sizes = Sizes {
            items,
            cache: CACHE,
            bytes,
            backlog: (!entry.system.ends_with("-insert")).then_some(BACKLOG),
        };
        let kind = entry.kind;
        let contender =
            Contender::new(entry.system.clone(), move |dir| measure(&entry, dir, sizes))
                .gives(kind);
        let most = scale.pick(Duration::from_secs(2), Duration::from_secs(60));
        case.add(contender.isolated().budget(most));
    }
    let written = items - CACHE;
    let limit = Contender::new("limit/archive-write-2t", move |dir| {
        let dir = dir.to_owned();
        Ok(Box::new(move |_| {
            let begin = Instant::now();
            archive_and_write(&dir, written, bytes, 2)?;
            Ok(vec![rate(begin.elapsed(), written, bytes)])
        }))
    });
    case.add(limit.isolated());
    if bytes == MIB {
        // Not measured: what a pool that is told so may use.
        case.add(Contender::new("limit/cache-and-backlog", move |_| {
            let most = (CACHE * bytes + BACKLOG + 16 * MIB) as f64;
            let peak = Sample::new("peak-rss", "MiB", most / MIB as f64);
            Ok(Box::new(move |_| Ok(vec![peak.clone()])))
        }));
    }
    case
}

fn measure(entry: &Entry, dir: &Path, sizes: Sizes) -> Result<Measure> {
    let store = (entry.make)(dir, sizes)?;
    let mut template = Template::new(sizes.bytes);
    Ok(Box::new(move |_| {
        memory::forget_peak();
        let before = memory::resident()?;
        // As many as stay in memory: from then on each one put is one written.
        for id in 0..CACHE {
            store.put(id, template.blob(id))?;
        }
        store.finish()?;
        let begin = Instant::now();
        for id in CACHE..sizes.items {
            store.put(id, template.blob(id))?;
        }
        store.finish()?;
        let time = begin.elapsed();
        let written = sizes.items - CACHE;
        let samples = vec![rate(time, written, sizes.bytes), peak(before)?];
        for id in [0, sizes.items / 2, sizes.items - 1] {
            let sum = store.load(id, Touch::All)?;
            let expected = touch(template.blob(id), Touch::All);
            ensure!(sum == expected, "it loads something else than was put");
        }
        Ok(samples)
    }))
}

fn rate(time: Duration, written: usize, bytes: usize) -> Sample {
    let seconds = time.as_secs_f64();
    if bytes == SMALL {
        Sample::new("written", "k/s", written as f64 / seconds / 1e3)
    } else {
        let mib = (written * bytes) as f64 / MIB as f64;
        Sample::new("written", "MiB/s", mib / seconds)
    }
}

/// The most memory that was in use, above what was before.
fn peak(before: usize) -> Result<Sample> {
    let above = memory::peak()?.saturating_sub(before);
    Ok(Sample::new("peak-rss", "MiB", above as f64 / MIB as f64))
}
