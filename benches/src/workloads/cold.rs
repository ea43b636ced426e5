//! `cold`: the first load of one blob whose file is in the page cache, and loads
//! of one whose map was kept.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::memory;
use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::row::Kind;
use crate::harness::size::{GIB, KIB, MIB, size_name};
use crate::harness::threads::among;
use crate::systems::blob::{Template, touch};
use crate::systems::catalog::{self, Entry, Sizes};
use crate::systems::pools::{self, OnDisk};
use crate::systems::{Blobs, Hits, Touch, limit, ours};

pub const WORKLOAD: Workload = Workload {
    name: "cold",
    about: "the first load of a blob in the page cache: one element touched, and all; \
            and loads of one whose map was kept",
    cases,
    absent,
};

fn absent(case: &str, system: &str) -> &'static str {
    match system {
        "moka" | "quick_cache" => "it keeps nothing on disk",
        _ if !case.starts_with("kept/") => "it takes no part",
        _ if system.starts_with("file_backed/") => "decoded values are no maps: none is kept",
        "mmap-sync" | "epserde" => "it keeps no map of a value that nobody uses",
        _ => "it maps no values",
    }
}

/// Of systems that give bytes; the best of them counts.
pub const BYTES: [&str; 3] = ["limit/read", "limit/read-reused", "limit/map"];
pub const BINCODE: &str = "limit/bincode-buffer";
pub const PROST: &str = "limit/prost-buffer";

pub fn bincode_limit() -> Entry {
    catalog::bare::<limit::files::Bincode>(BINCODE, Kind::Decoded)
}

pub fn prost_limit() -> Entry {
    catalog::bare::<limit::files::Prost>(PROST, Kind::Decoded)
}

pub fn bytes_limits() -> [Entry; 3] {
    let [read, reused, map] = BYTES;
    [
        catalog::bare::<limit::files::Read>(read, Kind::Bytes),
        catalog::bare::<limit::files::ReadReused>(reused, Kind::Bytes),
        catalog::bare::<limit::files::Map>(map, Kind::Bytes),
    ]
}

fn cases(scale: &Scale) -> Vec<Case> {
    let sizes: &[usize] = scale.pick(
        &[4 * KIB, 64 * KIB, MIB, 16 * MIB],
        &[4 * KIB, 64 * KIB, MIB, 64 * MIB, GIB, 4 * GIB],
    );
    let mut cases = Vec::new();
    for bytes in sizes {
        for how in Touch::BOTH {
            cases.push(first_loads(*bytes, how, scale));
        }
    }
    cases.push(among_many_threads(scale));
    for bytes in &sizes[1..4] {
        cases.push(kept(*bytes, scale));
    }
    cases
}

fn first_loads(bytes: usize, how: Touch, scale: &Scale) -> Case {
    let name = format!("{}/{}", size_name(bytes), how.name());
    let mut case = Case::new(name, rounds(bytes, scale));
    for entry in stores() {
        let limits = limits_of(&entry);
        let contender = first_load(entry, bytes, how, scale);
        case.add(contender.against_all(limits));
    }
    case
}

/// Everything that stores blobs, with the limits.
fn stores() -> Vec<Entry> {
    let mut all = vec![
        catalog::mapped::<ours::Archive>(false),
        catalog::mapped::<ours::Archive>(true),
        catalog::decoded::<ours::Bin>(false),
        catalog::decoded::<ours::Bin>(true),
        catalog::decoded::<ours::Prost>(false),
        catalog::decoded::<ours::Prost>(true),
        catalog::mapped::<ours::Mixed>(false),
        catalog::mapped::<ours::Mixed>(true),
        catalog::ancestor_bin(),
        catalog::ancestor_prost(),
        catalog::heed(),
        catalog::redb(),
        catalog::fjall(),
        catalog::foyer(),
        catalog::cacache(),
        catalog::mmap_sync(),
        catalog::epserde(),
        bincode_limit(),
        prost_limit(),
    ];
    all.extend(bytes_limits());
    all
}

fn limits_of(entry: &Entry) -> &'static [&'static str] {
    match entry.kind {
        Kind::Bytes => &BYTES,
        Kind::Decoded if entry.system.contains("prost") => &[PROST],
        Kind::Decoded => &[BINCODE],
    }
}

/// First loads in a process in which many threads have loaded before, and are
/// still alive.
fn among_many_threads(scale: &Scale) -> Case {
    const OTHERS: usize = 512;
    let (bytes, loads) = (4 * KIB, loads(4 * KIB, scale));
    let name = format!("{}/one-among-{OTHERS}", size_name(bytes));
    let mut case = Case::new(name, scale.pick(2, 9));
    for entry in stores() {
        if entry.system == "ancestor/bincodec" {
            let reason = "its loads take 600 µs each: see ancestor/prostcodec";
            case.add(Contender::skipped(entry.system, reason));
            continue;
        }
        let (kind, limits) = (entry.kind, limits_of(&entry));
        let contender = Contender::new(entry.system.clone(), move |dir| {
            let (store, _) = with_one_blob(&entry, dir, bytes, Touch::One)?;
            Ok(Box::new(move |_| {
                let store = &*store;
                // A failure shows in the measured loads.
                let first = || drop(store.load(0, Touch::One));
                among(OTHERS, &first, || first_loads_of(store, Touch::One, loads))
            }))
        });
        let contender = contender.gives(kind).isolated();
        case.add(contender.against_all(limits));
    }
    case
}

pub fn rounds(bytes: usize, scale: &Scale) -> usize {
    match bytes {
        bytes if bytes >= 4 * GIB => 1,
        bytes if bytes >= GIB => 2,
        bytes if bytes >= 16 * MIB => scale.pick(3, 5),
        _ => scale.pick(3, 9),
    }
}

/// Loads of one sample.
fn loads(bytes: usize, scale: &Scale) -> usize {
    match bytes {
        bytes if bytes >= 64 * MIB => 1,
        bytes if bytes >= 16 * MIB => scale.pick(2, 3),
        bytes if bytes >= MIB => scale.pick(10, 30),
        _ => scale.pick(60, 300),
    }
}

/// A system that loads one blob for the first time, again and again.
pub fn first_load(entry: Entry, bytes: usize, how: Touch, scale: &Scale) -> Contender {
    if let Some(reason) = impossible(&entry.system, bytes, scale) {
        return Contender::skipped(entry.system, reason);
    }
    let loads = match &*entry.system {
        // Milliseconds each.
        "ancestor/bincodec" => (loads(bytes, scale) * 16 * KIB / bytes).max(1),
        _ => loads(bytes, scale),
    };
    let kind = entry.kind;
    let contender = Contender::new(entry.system.clone(), move |dir| {
        measure(&entry, dir, bytes, how, loads)
    })
    .gives(kind)
    .budget(scale.pick(Duration::from_millis(700), Duration::from_secs(20)));
    // A process of its own, so that its memory is free for the next one.
    if bytes >= 256 * MIB {
        contender.isolated()
    } else {
        contender
    }
}

/// Why a system cannot take part.
fn impossible(system: &str, bytes: usize, scale: &Scale) -> Option<String> {
    let codec = system.split('/').nth(1).unwrap_or_default();
    let most_quick = scale.pick(MIB, 64 * MIB);
    if system == "ancestor/bincodec" && bytes > most_quick {
        return Some("it makes a system call a number: 150 s for a GiB".into());
    }
    let two_gib = |what: &str| Some(format!("{what} hold less than 2 GiB"));
    if bytes >= 2 * GIB {
        match (system, codec) {
            (_, "mappedcodec" | "mixedcodec") if !cfg!(feature = "large") => {
                return two_gib("archives with rkyv's default 32-bit pointers (see `large`)");
            }
            (_, "prostcodec") => return two_gib("protobuf messages"),
            ("cacache", _) => {
                return Some("of a write of 2 GiB or more it keeps what one call takes".into());
            }
            ("mmap-sync", _) => return two_gib("archives of rkyv 0.7"),
            ("redb", _) => return Some("its values hold less than 3 GiB".into()),
            ("heed", _) => return Some("LMDB's values hold less than 4 GiB".into()),
            ("fjall", _) => return Some("its values hold less than 4 GiB".into()),
            _ => {}
        }
    }
    if system == "foyer" && bytes > 64 * MIB {
        return Some("its blocks and buffers are made for small entries".into());
    }
    let needed = bytes * if bytes >= GIB { 4 } else { 1 };
    let available = memory::available().unwrap_or(usize::MAX);
    (needed > available).then(|| {
        format!(
            "it needs {:.0} GiB of memory, and {:.0} are available",
            needed as f64 / GIB as f64,
            available as f64 / GIB as f64
        )
    })
}

fn measure(entry: &Entry, dir: &Path, bytes: usize, how: Touch, loads: usize) -> Result<Measure> {
    let (store, expected) = with_one_blob(entry, dir, bytes, how)?;
    let (_, sum) = store.first_load(0, how)?;
    ensure!(sum == expected, "it loads something else than was put");
    Ok(Box::new(move |_| first_loads_of(&*store, how, loads)))
}

fn first_loads_of(store: &dyn Blobs, how: Touch, loads: usize) -> Result<Vec<Sample>> {
    let mut total = Duration::ZERO;
    for _ in 0..loads {
        let (time, sum) = store.first_load(0, how)?;
        black_box(sum);
        total += time;
    }
    Ok(vec![Sample::time("first-load", "µs", total, loads)])
}

fn with_one_blob(
    entry: &Entry,
    dir: &Path,
    bytes: usize,
    how: Touch,
) -> Result<(Box<dyn Blobs>, u32)> {
    let sizes = Sizes {
        items: 1,
        cache: 1,
        bytes,
        backlog: None,
    };
    let store = (entry.make)(dir, sizes)?;
    let mut template = Template::new(bytes);
    let blob = template.blob(7);
    store.put(0, blob)?;
    let expected = touch(blob, how);
    drop(template);
    store.finish()?;
    Ok((store, expected))
}

/// A way to have one item whose map is kept.
pub type Keep = fn(&Path, &[f32]) -> Result<Box<dyn Hits>>;

/// Everything of this crate that keeps maps, by name.
pub fn keepers() -> Vec<(String, Keep)> {
    fn keeper<P: OnDisk>() -> (String, Keep) {
        (P::system(), |dir, blob| {
            Ok(Box::new(pools::hits::kept::<P>(dir, blob)?))
        })
    }
    vec![
        keeper::<ours::Blocking<ours::Archive>>(),
        keeper::<ours::Async<ours::Archive>>(),
        keeper::<ours::Blocking<ours::Mixed>>(),
        keeper::<ours::Async<ours::Mixed>>(),
        keeper::<ours::Blocking<ours::ArchiveAlwaysMapped>>(),
        keeper::<ours::Async<ours::ArchiveAlwaysMapped>>(),
    ]
}

/// Loads of a blob that the item budget has let go of, and whose map was kept.
fn kept(bytes: usize, scale: &Scale) -> Case {
    let mut case = Case::new(format!("kept/{}", size_name(bytes)), scale.pick(3, 9));
    for (system, keep) in keepers() {
        case.add(Contender::new(system, move |dir| {
            Ok(kept_loads(keep(dir, Template::new(bytes).blob(7))?))
        }));
    }
    case.add(Contender::new("limit/arc-clone", move |_| {
        let blob = Template::new(bytes).blob(7).to_vec();
        Ok(kept_loads(Box::new(limit::hits::arc_clone(1, &blob))))
    }));
    case.add(Contender::new("heed", move |dir| {
        let (store, expected) = with_one_blob(&catalog::heed(), dir, bytes, Touch::One)?;
        let sum = store.load(0, Touch::One)?;
        ensure!(sum == expected, "it loads something else than was put");
        Ok(Box::new(move |_| {
            let begin = Instant::now();
            for _ in 0..KEPT_LOADS {
                black_box(store.load(0, Touch::One)?);
            }
            Ok(vec![kept_sample(begin.elapsed())])
        }))
    }));
    case
}

const KEPT_LOADS: usize = 20_000;

fn kept_loads(hits: Box<dyn Hits>) -> Measure {
    let order = vec![0; KEPT_LOADS];
    Box::new(move |_| {
        let begin = Instant::now();
        black_box(hits.pass(black_box(&order)));
        Ok(vec![kept_sample(begin.elapsed())])
    })
}

fn kept_sample(time: Duration) -> Sample {
    Sample::time("kept-load", "ns", time, KEPT_LOADS)
}
