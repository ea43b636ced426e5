//! Ten processes that read the same maps.

use std::io::Write as _;

use file_backed::fbstore::{BytesCodec, MappedBytes};

use super::*;

const READERS: usize = 10;

type Blobs = Dataset<(u8, Vec<Key<MappedBytes>>), FBStore<BytesCodec>>;
type Pool = Arc<FBPool<MappedBytes, FBStore<BytesCodec>>>;

fn store(places: &Places) -> Arc<BackingStore<FBStore<BytesCodec>>> {
    // SAFETY: the cache is a temporary one, and what is committed is only ever
    // linked and unlinked.
    let codec = unsafe { BytesCodec::new() }.crossover(0);
    let cache = PreparedPath::blocking_temp().expect("a temporary cache");
    let files = FBStore::open(codec, cache).expect("nobody else has it");
    Arc::new(BackingStore::new(files, places.runtime.handle().clone()))
}

fn read_only(places: &Places) -> (Blobs, Pool) {
    let store = store(places);
    let path = PreparedPath::blocking_open_read_only(places.saved.clone());
    let blobs = Blobs::blocking_open_read_only(&store, path.expect("it is there"));
    (
        blobs.expect("it opens"),
        Arc::new(FBPool::new(store, READERS)),
    )
}

/// Loads all blobs of one commit, which are of its number through and through.
fn load_all((blobs, pool): &(Blobs, Pool)) -> Vec<Fb<MappedBytes, FBStore<BytesCodec>>> {
    let root = blobs.root();
    let load = |key: &Key<MappedBytes>| {
        let item = blobs.blocking_get(pool, *key).expect("it is committed");
        let bytes = item.blocking_read().expect("it is there, and whole");
        assert!(bytes.is_mapped());
        assert!(bytes.iter().all(|byte| *byte == root.0), "of one commit");
        drop(bytes);
        item
    };
    root.1.iter().map(load).collect()
}

fn commit(blobs: &Blobs, pool: &Pool, n: u8, size: usize) {
    let items = [(); 3].map(|()| pool.insert(MappedBytes::from(vec![n; size])));
    let committed = blobs.blocking_commit(|saver| {
        let keys: Result<Vec<_>> = items.iter().map(|item| saver.save(item)).collect();
        Ok::<_, Error>((n, keys?))
    });
    committed.expect("nothing fails");
}

/// Reads one commit after another.
#[test]
fn child_that_follows() {
    let Some(places) = place() else { return };
    let is_told_to_end = is_told_to_end();
    tell("begin");
    while !is_told_to_end() {
        drop(load_all(&read_only(&places)));
    }
}

#[test]
fn ten_processes_can_follow_the_commits_of_a_writer() {
    let places = Places::new();
    let writer = store(&places);
    let blobs = Blobs::blocking_open(&writer, places.path()).expect("it is made");
    let pool: Pool = Arc::new(FBPool::new(writer, 3));
    commit(&blobs, &pool, 0, 1000);
    let start = |_| {
        let child = "dataset::processes::maps::child_that_follows";
        Process::start(child, &places.saved)
    };
    let mut readers: Vec<_> = (0..READERS).map(start).collect();
    for reader in &mut readers {
        reader.expect("begin");
    }
    for n in 1..=100 {
        commit(&blobs, &pool, n, 1000 + 997 * usize::from(n));
    }
    for reader in readers {
        reader.finish();
    }
    commit(&blobs, &pool, 101, 10);
    assert_eq!(
        places.files(),
        blobs.all_keys(),
        "nobody reads what was before"
    );
}

/// Sums up, in KiB, what of the dataset's maps is in this process's memory, and
/// this process's share of it.
#[cfg(target_os = "linux")]
fn mapped(places: &Places) -> (u64, u64) {
    let maps = fs::read_to_string("/proc/self/smaps").expect("it is Linux");
    let saved = places.saved.to_str().expect("a plain path");
    let (mut rss, mut pss, mut is_ours) = (0, 0, false);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Rss:") if is_ours => rss += kib(words.next()),
            Some("Pss:") if is_ours => pss += kib(words.next()),
            Some(first) if !first.ends_with(':') => is_ours = line.contains(saved),
            _ => {}
        }
    }
    (rss, pss)
}

#[cfg(target_os = "linux")]
fn kib(word: Option<&str>) -> u64 {
    word.and_then(|word| word.parse().ok()).expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn child_that_measures() {
    let Some(places) = place() else { return };
    let open = read_only(&places);
    let items = load_all(&open);
    let guards: Vec<_> = items.iter().map(|item| item.blocking_load()).collect();
    tell("loaded");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("it is told");
    let (rss, pss) = mapped(&places);
    tell(&format!("{rss} {pss}"));
    // Until all have measured.
    std::io::stdin().read_line(&mut line).expect("it is told");
    drop(guards);
}

#[cfg(target_os = "linux")]
#[test]
fn ten_processes_share_the_memory_of_their_maps() {
    const SIZE: usize = 4 << 20;
    let places = Places::new();
    let writer = store(&places);
    let blobs = Blobs::blocking_open(&writer, places.path()).expect("it is made");
    commit(&blobs, &Arc::new(FBPool::new(writer, 0)), 7, SIZE);
    let start = |_| {
        let child = "dataset::processes::maps::child_that_measures";
        Process::start(child, &places.saved)
    };
    let mut readers: Vec<_> = (0..READERS).map(start).collect();
    for reader in &mut readers {
        reader.expect("loaded");
    }
    for reader in &mut readers {
        let input = reader.input.as_mut().expect("it is open");
        input.write_all(b"measure\n").expect("it listens");
    }
    for reader in &mut readers {
        let told = reader.told().expect("it measures");
        let (rss, pss) = told.split_once(' ').expect("two numbers");
        let (rss, pss) = (kib(Some(rss)), kib(Some(pss)));
        assert!(rss >= 3 * SIZE as u64 / 1024, "all is in memory: {rss} KiB");
        assert!(
            pss * READERS as u64 <= rss * 3 / 2,
            "{pss} KiB of {rss} KiB are this process's share"
        );
    }
    readers.into_iter().for_each(Process::finish);
}
