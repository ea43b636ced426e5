//! `validate`: loads of archives by the type of their elements. Plain numbers
//! need no validation; others cost some nanoseconds an element.

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use file_backed::fbstore::{Archivable, Codec, Mapped, frame, rkyv};
use mmap_sync::synchronizer::Synchronizer;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError as Error;
use rkyv::util::AlignedVec;

use crate::harness::plan::{Case, Contender, Measure, Sample, Scale, Workload};
use crate::harness::seed::Rng;
use crate::systems::ours::{self, Coded as _};

pub const WORKLOAD: Workload = Workload {
    name: "validate",
    about: "loads of archives with their validation, by the type of the elements",
    cases,
    absent: |_, system| match system {
        _ if system.ends_with("/async") => "the codec is called by itself, which is blocking",
        _ if system.contains("codec") => "it decodes, and has no archive to validate",
        _ => "it does not validate what it loads",
    },
};

/// What a program might keep.
#[derive(Clone, rkyv::Archive, rkyv::Serialize)]
pub struct Record {
    id: u64,
    name: String,
    tag: Option<u32>,
    at: [f32; 3],
}

fn cases(scale: &Scale) -> Vec<Case> {
    let counts: &[usize] = scale.pick(&[1_000, 10_000, 100_000], &[1_000, 30_000, 1_000_000]);
    let mut cases = Vec::new();
    for count in counts {
        let count = *count;
        let mut number = case::<f32>("numbers", count, scale, |rng| rng.unit() as f32);
        number.add(peer("numbers", count, scale, |rng| rng.unit() as f32));
        let mut option = case::<Option<u32>>("options", count, scale, option);
        option.add(peer("options", count, scale, self::option));
        let mut text = case::<String>("strings", count, scale, text);
        text.add(peer("strings", count, scale, self::text));
        let mut nested = case::<Vec<u32>>("nested", count, scale, nested);
        nested.add(peer("nested", count, scale, self::nested));
        let mut record = case::<Record>("records", count, scale, |rng| Record {
            id: rng.next(),
            name: self::text(rng),
            tag: self::option(rng),
            at: [rng.unit() as f32; 3],
        });
        let reason = "the type would have to be derived for rkyv 0.7 again";
        record.add(Contender::skipped("mmap-sync", reason));
        cases.extend([number, option, text, nested, record]);
    }
    cases
}

fn option(rng: &mut Rng) -> Option<u32> {
    let number = rng.next();
    number.is_multiple_of(2).then_some(number as u32)
}

/// Longer than what an archived string holds in place.
fn text(rng: &mut Rng) -> String {
    format!("item number {:016x}", rng.next())
}

fn nested(rng: &mut Rng) -> Vec<u32> {
    (0..4).map(|_| rng.next() as u32).collect()
}

/// Types that can be checked without our crate's help.
trait Checked:
    Archivable<Archived: for<'a> CheckBytes<rkyv::api::high::HighValidator<'a, Error>>>
{
}
impl<T> Checked for T where
    T: Archivable<Archived: for<'a> CheckBytes<rkyv::api::high::HighValidator<'a, Error>>>
{
}

fn case<T>(name: &str, count: usize, scale: &Scale, make: fn(&mut Rng) -> T) -> Case
where
    Vec<T>: Checked,
    T: 'static,
{
    let mut case = Case::new(format!("{name}/{count}"), scale.pick(3, 9));
    let loads = loads(count, scale);
    case.add(through::<ours::Archive, T>(count, loads, make));
    case.add(through::<ours::Mixed, T>(count, loads, make));
    case.add(Contender::new("limit/map-bytecheck", move |dir| {
        let path = write(dir, &ours::Archive::codec(), count, make)?;
        Ok(repeat(count, loads, move || {
            let (file, payload) = open(&path)?;
            // SAFETY: the file was written once, by this process, in a directory
            // that nobody else knows.
            let map = unsafe { memmap2::MmapOptions::new().len(payload).map(&file) }?;
            check::<Vec<T>>(&map)
        }))
    }));
    case.add(Contender::new("limit/read-bytecheck", move |dir| {
        let path = write(dir, &ours::Archive::codec(), count, make)?;
        let buffer = RefCell::new(AlignedVec::<16>::new());
        Ok(repeat(count, loads, move || {
            let (file, payload) = open(&path)?;
            // Kept from load to load.
            let mut bytes = buffer.borrow_mut();
            bytes.resize(payload, 0);
            file.read_exact_at(&mut bytes, 0)?;
            check::<Vec<T>>(&bytes)
        }))
    }));
    case
}

/// One of our codecs.
fn through<C: ours::Coded, T>(count: usize, loads: usize, make: fn(&mut Rng) -> T) -> Contender
where
    C::Codec: Codec<Mapped<Vec<T>>>,
    Vec<T>: Checked,
    T: 'static,
{
    Contender::new(C::NAME, move |dir| {
        let path = write(dir, &C::codec(), count, make)?;
        let codec = C::codec();
        Ok(repeat(count, loads, move || {
            let file = File::open(&path)?;
            let value: Mapped<Vec<T>> =
                frame::read_file(&codec, &file).map_err(anyhow::Error::from)?;
            black_box(&value);
            Ok(())
        }))
    })
}

/// Opens an archive, and tells how long its payload is.
fn open(path: &Path) -> Result<(File, usize)> {
    let file = File::open(path)?;
    let payload = file.metadata()?.len() as usize - frame::FOOTER_LEN;
    Ok((file, payload))
}

fn check<T: Checked>(bytes: &[u8]) -> Result<()> {
    black_box(rkyv::access::<T::Archived, Error>(bytes)?);
    Ok(())
}

fn loads(count: usize, scale: &Scale) -> usize {
    (scale.pick(100_000, 3_000_000) / count).clamp(1, 300)
}

/// Writes an archive as the codec does.
fn write<C, T>(dir: &Path, codec: &C, count: usize, make: fn(&mut Rng) -> T) -> Result<PathBuf>
where
    C: Codec<Mapped<Vec<T>>>,
    Vec<T>: Archivable,
{
    let path = dir.join("archive");
    let value = Mapped::new(&values(count, make)).map_err(anyhow::Error::from)?;
    frame::write_file(codec, &value, &mut File::create_new(&path)?).map_err(anyhow::Error::from)?;
    Ok(path)
}

fn values<T>(count: usize, make: fn(&mut Rng) -> T) -> Vec<T> {
    let mut rng = Rng::new(count as u64);
    (0..count).map(|_| make(&mut rng)).collect()
}

fn repeat(count: usize, loads: usize, load: impl Fn() -> Result<()> + 'static) -> Measure {
    Box::new(move |_| {
        let begin = Instant::now();
        for _ in 0..loads {
            load()?;
        }
        let time = begin.elapsed();
        Ok(vec![
            Sample::time("load", "µs", time, loads),
            Sample::time("per-element", "ns", time, loads * count),
        ])
    })
}

/// mmap-sync, which checks the archives of rkyv 0.7 if told to.
fn peer<T>(_: &str, count: usize, scale: &Scale, make: fn(&mut Rng) -> T) -> Contender
where
    T: rkyv07::Archive + 'static,
    T: rkyv07::Serialize<rkyv07::ser::serializers::AllocSerializer<0>>,
    Vec<T>: rkyv07::Serialize<rkyv07::ser::serializers::AllocSerializer<1024>>,
    <Vec<T> as rkyv07::Archive>::Archived:
        for<'a> rkyv07::CheckBytes<rkyv07::validation::validators::DefaultValidator<'a>>,
{
    let loads = loads(count, scale);
    Contender::new("mmap-sync", move |dir| {
        let prefix = dir.join("value").into_os_string();
        Synchronizer::new(&prefix).write(&values(count, make), Duration::from_secs(1))?;
        Ok(repeat(count, loads, move || {
            let mut synchronizer = Synchronizer::new(&prefix);
            // SAFETY: nobody writes any more.
            let value = unsafe { synchronizer.read::<Vec<T>>(true) }?;
            black_box(value.is_switched());
            Ok(())
        }))
    })
}
