//! Simulates what a power cut leaves of a directory.
//!
//! [`at_each_power_cut`] runs a program on a file system that records all operations.
//! For each point of that log, it builds what may be on the disk if the power fails
//! there, and passes it to a check. It uses the freedom that POSIX leaves to a file
//! system:
//!
//! * The bytes of a file are on the disk once that file, or everything, was synced.
//! * A new name, or its removal, is on the disk once its directory, or everything, was
//!   synced.
//! * Any part of later changes may be on the disk. Each name is in the state after any
//!   number of its changes. A file has any part of its bytes, possibly the last without
//!   the first, and zeros for the missing ones.
//! * A rename is on the disk or not, with both its names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::recorder::{Event, Recorder};
use super::{FaultyFiles, Links, scratch};
use file_backed_codecs::printable::PrintablePath;

/// The input of a check.
pub(crate) struct Cut<'a, A> {
    /// The directory with what the program had below its root.
    pub(crate) root: &'a Path,
    /// What the program was told before the cut.
    pub(crate) told: Vec<&'a A>,
}

/// Runs `program` on recorded files below a root directory, and `check` on everything
/// that may be left at each point. `links` sets which links the file system supports.
/// Returns the number of images checked.
///
/// The program gets the recorder, to be used as its [`Files`], and the root. What it
/// [tells](Recorder::tell) the recorder is in [`Cut::told`] at all later points.
///
/// [`Files`]: crate::fbstore::files::Files
pub(crate) fn at_each_power_cut<A: Send + 'static>(
    links: Links,
    program: impl FnOnce(&Recorder<A>, &Path),
    check: impl Fn(Cut<'_, A>),
) -> usize {
    let place = scratch();
    let root = place.path().join("root");
    fs::create_dir(&root).expect("it is made");
    let files = FaultyFiles::default();
    files.set_links(links);
    let recorder = Recorder::new(files);
    program(&recorder, &root);
    let events = recorder.take_events();

    let mut images = 0;
    for end in points(&events) {
        let done = &events[..end];
        let told: Vec<_> = done.iter().filter_map(told).collect();
        for fate in fates(end as u64) {
            let place = scratch();
            Image::after(done, fate).build(&root, place.path());
            images += 1;
            let root = place.path();
            let told = told.clone();
            let run = std::panic::AssertUnwindSafe(|| check(Cut { root, told }));
            if let Err(panic) = std::panic::catch_unwind(run) {
                let last: Vec<_> = done.iter().rev().take(5).map(summary).collect();
                eprintln!("after event {end}, with {fate:?}; the last first: {last:#?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    images
}

fn told<A>(event: &Event<A>) -> Option<&A> {
    match event {
        Event::Told(what) => Some(what),
        _ => None,
    }
}

fn summary<A>(event: &Event<A>) -> String {
    match event {
        Event::MakeDirectory(path) => format!("made {}", PrintablePath(path)),
        Event::Name(path, file) => format!("{} names file {file}", PrintablePath(path)),
        Event::Rename(from, to, _) => {
            format!("renamed {} to {}", PrintablePath(from), PrintablePath(to))
        }
        Event::Remove(path) => format!("removed {}", PrintablePath(path)),
        Event::Write(file, bytes) => format!("wrote {} bytes to file {file}", bytes.len()),
        Event::SyncFile(file) => format!("synced file {file}"),
        Event::SyncDirectory(path) => format!("synced {}", PrintablePath(path)),
        Event::SyncAll => "synced all".to_owned(),
        Event::Told(_) => "told".to_owned(),
    }
}

/// All points, except that of a series of created directories only one in fifty is
/// taken. Of a long log, one in fifty points and those next to a sync are taken.
fn points<A>(events: &[Event<A>]) -> impl Iterator<Item = usize> + '_ {
    let is_dull = |event: &Event<A>| matches!(event, Event::MakeDirectory(_));
    let is_sync = |event: &Event<A>| {
        matches!(
            event,
            Event::SyncAll | Event::SyncFile(_) | Event::SyncDirectory(_)
        )
    };
    let is_long = events.iter().filter(|event| !is_dull(event)).count() > 200;
    (0..=events.len()).filter(move |end| {
        let beside = &events[end.saturating_sub(2)..(end + 1).min(events.len())];
        match events.get(*end) {
            _ if end % 50 == 0 || beside.iter().any(is_sync) => true,
            Some(next) => !is_long && !is_dull(next),
            None => true,
        }
    })
}

/// The state of names and bytes that were not synced.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Kept,
    /// Bytes: the file has its length, and contains zeros.
    Zero,
    /// Bytes: only the last few are on the disk.
    OnlyTheEnd,
    /// Chosen at random for each name and file.
    Chance(u64),
}

/// The combinations of the fates of names and of bytes.
fn fates(seed: u64) -> [(Fate, Fate); 8] {
    let chance = |n| Fate::Chance(seed.wrapping_mul(31).wrapping_add(n));
    [
        (Fate::Lost, Fate::Lost),
        (Fate::Lost, Fate::Kept),
        (Fate::Kept, Fate::Kept),
        (Fate::Kept, Fate::Lost),
        (Fate::Kept, Fate::Zero),
        (Fate::Kept, Fate::OnlyTheEnd),
        (chance(0), chance(1)),
        (chance(2), chance(3)),
    ]
}

impl Fate {
    /// A number below `most` that depends on the seed and on `thing`.
    fn number(self, thing: usize, most: usize) -> usize {
        let Self::Chance(seed) = self else { return 0 };
        let mixed = (seed ^ (thing as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        ((mixed >> 32) % most as u64) as usize
    }

    fn keeps_name(self, event: usize) -> bool {
        match self {
            Self::Kept => true,
            Self::Lost | Self::Zero | Self::OnlyTheEnd => false,
            Self::Chance(_) => self.number(event, 2) == 0,
        }
    }

    /// The bytes on the disk, if the first `synced` of `all` were synced.
    fn bytes(self, file: usize, all: &[u8], synced: usize) -> Vec<u8> {
        let zeros = |from: usize, to: usize| {
            let mut bytes = all.to_owned();
            bytes[from.max(synced)..to.max(synced)].fill(0);
            bytes
        };
        let end = all.len().saturating_sub(64);
        match self {
            Self::Lost => all[..synced].to_owned(),
            Self::Kept => all.to_owned(),
            Self::Zero => zeros(synced, all.len()),
            Self::OnlyTheEnd => zeros(synced, end),
            Self::Chance(_) => match self.number(file, 4) {
                0 => self.bytes_up_to(file, all, synced),
                1 => zeros(0, end / 2),
                2 => zeros(end / 2, all.len()),
                _ => all.to_owned(),
            },
        }
    }

    fn bytes_up_to(self, file: usize, all: &[u8], synced: usize) -> Vec<u8> {
        let more = self.number(file + 1, all.len() - synced + 1);
        all[..synced + more].to_owned()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Directory,
    File(usize),
}

/// The contents of the disk.
struct Image {
    names: BTreeMap<PathBuf, Node>,
    files: HashMap<usize, Vec<u8>>,
}

impl Image {
    fn after<A>(events: &[Event<A>], (names, bytes): (Fate, Fate)) -> Self {
        Self {
            names: names_after(events, names),
            files: bytes_after(events, bytes),
        }
    }

    /// Builds at `to` what was below `from`. The contents of a directory that does not
    /// exist are lost.
    fn build(&self, from: &Path, to: &Path) {
        let mut built = HashMap::new();
        for (name, node) in &self.names {
            let Ok(name) = name.strip_prefix(from) else {
                continue;
            };
            let path = to.join(name);
            if !path.parent().is_some_and(Path::exists) {
                continue;
            }
            match node {
                Node::Directory => fs::create_dir(&path).expect("it is made"),
                Node::File(file) => match built.get(file) {
                    Some(first) => fs::hard_link(first, &path).expect("it is linked"),
                    None => {
                        let bytes = self.files.get(file).map_or(&[][..], Vec::as_slice);
                        fs::write(&path, bytes).expect("it is written");
                        built.insert(*file, path);
                    }
                },
            }
        }
    }
}

fn names_after<A>(events: &[Event<A>], fate: Fate) -> BTreeMap<PathBuf, Node> {
    let mut synced = HashMap::new();
    let mut all_synced = 0;
    for (n, event) in events.iter().enumerate() {
        match event {
            Event::SyncDirectory(path) => drop(synced.insert(&**path, n)),
            Event::SyncAll => all_synced = n,
            _ => {}
        }
    }
    let is_synced = |path: &Path, n: usize| {
        let directory = path.parent().and_then(|parent| synced.get(parent));
        n < all_synced || directory.is_some_and(|synced| n < *synced)
    };
    let mut names = BTreeMap::new();
    // Names of which a change was lost, and with it all later ones.
    let mut behind: HashSet<&Path> = HashSet::new();
    for (n, event) in events.iter().enumerate() {
        let changes: &[(&Path, Option<Node>)] = match event {
            Event::MakeDirectory(path) => &[(path, Some(Node::Directory))],
            Event::Name(path, file) => &[(path, Some(Node::File(*file)))],
            Event::Rename(from, to, file) => &[(from, None), (to, Some(Node::File(*file)))],
            Event::Remove(path) => &[(path, None)],
            _ => continue,
        };
        let is_on_disk = changes.iter().any(|(path, _)| is_synced(path, n))
            || (fate.keeps_name(n) && changes.iter().all(|(path, _)| !behind.contains(path)));
        for (path, node) in changes {
            match node {
                _ if !is_on_disk => drop(behind.insert(path)),
                Some(node) => drop(names.insert(path.to_path_buf(), *node)),
                None => drop(names.remove(*path)),
            }
        }
    }
    names
}

fn bytes_after<A>(events: &[Event<A>], fate: Fate) -> HashMap<usize, Vec<u8>> {
    // The bytes of each file, and how many of them were synced.
    let mut files: HashMap<usize, (Vec<u8>, usize)> = HashMap::new();
    for event in events {
        match event {
            Event::Write(file, bytes) => files.entry(*file).or_default().0.extend(bytes),
            Event::SyncFile(file) => {
                let (bytes, synced) = files.entry(*file).or_default();
                *synced = bytes.len();
            }
            Event::SyncAll => {
                for (bytes, synced) in files.values_mut() {
                    *synced = bytes.len();
                }
            }
            _ => {}
        }
    }
    let on_disk = |(file, (bytes, synced)): (usize, (Vec<u8>, usize))| {
        (file, fate.bytes(file, &bytes, synced))
    };
    files.into_iter().map(on_disk).collect()
}
