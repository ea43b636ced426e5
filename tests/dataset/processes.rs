//! Real processes: one is killed at any instant, while others read.
//!
//! A child runs one of the tests that are named `child_*`. It gets its task from its
//! environment and its standard input, and reports in lines that begin with `@`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::*;

mod copies;
mod kills;
#[cfg(feature = "bytescodec")]
mod maps;

const PLACE: &str = "FILE_BACKED_DATASET";

/// A process of one's own, killed when it is dropped.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Closed to tell it to end.
    input: Option<ChildStdin>,
}

impl Process {
    fn start(test: &str, place: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(PLACE, place)
            // A process that is killed leaves its temporary cache.
            .env("TMPDIR", place.parent().expect("it is in a directory"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = child.stdout.take().expect("it is piped");
        Self {
            input: child.stdin.take(),
            lines: BufReader::new(output).lines(),
            child,
        }
    }

    /// The next thing that it tells; `None` if it has ended.
    fn told(&mut self) -> Option<String> {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix('@').map(str::to_owned))
    }

    fn expect(&mut self, what: &str) {
        let told = self.told();
        assert_eq!(told.as_deref(), Some(what), "a child has ended otherwise");
    }

    /// Tells it to end, and sees to it that all was well with it.
    fn finish(mut self) {
        drop(self.input.take());
        while self.told().is_some() {}
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }

    fn kill(mut self) -> impl Iterator<Item = String> {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it has ended");
        std::iter::from_fn(move || self.told())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where a child is to work; `None` in the run of all tests.
fn place() -> Option<Places> {
    std::env::var_os(PLACE).map(|place| Places::at(place.into()))
}

fn tell(what: &str) {
    // The harness has begun a line of its own.
    println!("\n@{what}");
}

/// Whether whoever has started this process wants it to end.
fn is_told_to_end() -> impl Fn() -> bool {
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = ended.clone();
    std::thread::spawn(move || {
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        told.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    move || ended.load(std::sync::atomic::Ordering::SeqCst)
}
