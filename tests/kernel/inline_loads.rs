//! What the thread of an async task asks of the kernel when it loads.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use file_backed::fbstore::key_path;
use rustix::fs::{Advice, fadvise};
use tokio::runtime::Builder;

use crate::child::Other;
use crate::injected_faults::attach;
use crate::machine::{may_run, skip};
use crate::program::{Item, Program, is_word, word};

/// Loads values whose files are on the disk only, and again, by one task.
pub(crate) fn child(
    root: &Path,
    say: impl Fn(&str),
    wait_for_parent: impl FnOnce(),
) -> file_backed::Result<()> {
    let program = Program::open(root)?;
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let lengths = (1..100).map(|n| n * 200).chain([100_000, 1 << 20]);
    let items: Vec<_> = lengths.map(|len| program.pool.insert(word(len))).collect();
    program.pool.store().blocking_finished();
    items.iter().for_each(|item| evict_pages(root, item));
    let thread = std::fs::read_link("/proc/thread-self").expect("Linux has it");
    let thread = thread.file_name().expect("its number").to_string_lossy();
    // Opened now, because the parent looks at each open from then on.
    let stat = File::open("/proc/self/stat").expect("Linux has it");
    say(&format!("ready {thread}"));
    wait_for_parent();
    for _ in 0..2 {
        for item in &items {
            runtime.block_on(async { item.read().await.map(|read| assert!(is_word(&read))) })?;
        }
    }
    say(&format!("major faults {}", major_faults(stat)));
    Ok(())
}

fn evict_pages(root: &Path, item: &Item) {
    let file = File::open(key_path(&root.join("cache"), item.key()));
    let file = file.expect("it is there");
    file.sync_all().expect("it is on the disk");
    fadvise(&file, 0, None, Advice::DontNeed).expect("a hint");
}

fn major_faults(mut stat: File) -> u64 {
    let mut text = String::new();
    stat.read_to_string(&mut text).expect("it is text");
    let after_name = text.rsplit(')').next().expect("the name is in brackets");
    let faults = after_name.split_whitespace().nth(9);
    faults
        .and_then(|faults| faults.parse().ok())
        .expect("a number")
}

/// Other threads read what is on the disk. Page faults do not show here, so the child counts
/// them.
#[test]
fn the_thread_of_a_task_makes_no_call_that_may_wait_for_the_disk() {
    if !may_run(&["strace"]) {
        return;
    }
    let root = tempfile::tempdir().expect("a directory on a disk");
    let mut child = Other::start("load", root.path(), &[]);
    let thread = child.hear_of("ready");
    let log = root.path().join("strace");
    let calls = "openat,openat2,pread64,preadv2,fsync,fdatasync,syncfs";
    let mut tracer = attach(&child, &log, calls, None);
    child.go_on();
    let (code, said) = child.end();
    assert_eq!(code, Some(0), "{said:?}");
    tracer.wait().expect("it has ended");
    eprintln!("{said:?}");
    let log = std::fs::read_to_string(&log).expect("it is text");
    let (here, elsewhere): (Vec<_>, Vec<_>) = log
        .lines()
        .partition(|line| line.split_whitespace().next() == Some(&*thread));
    let waits = here.iter().find(|line| {
        let is_bare = ["openat(", "pread64(", "sync"]
            .iter()
            .any(|call| line.contains(call));
        is_bare
            || line.contains("openat2(") && !line.contains("RESOLVE_CACHED")
            || line.contains("preadv2(") && !line.contains("RWF_NOWAIT")
    });
    assert_eq!(waits, None, "it may wait");
    if !elsewhere.iter().any(|line| line.contains("pread64(")) {
        skip("the file system of the temporary files keeps all pages");
        return;
    }
    let read = here.iter().filter(|line| line.contains("preadv2("));
    assert!(read.count() >= 90, "it loads what is in memory");
}
