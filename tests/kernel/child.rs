//! The same test binary, run as another process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use file_backed::fbstore::descriptor_budget;
use uuid::Uuid;

use crate::program::{Program, is_word, word};

const ROLE: &str = "FILE_BACKED_CHILD";
const ROOT: &str = "FILE_BACKED_CHILD_ROOT";

/// The exit code of a child that was told of an error, and gave up in order.
pub(crate) const TOLD: i32 = 42;

/// The child plays the role that its parent gave it. In the parent's own run of all tests
/// this does nothing.
#[test]
fn child() {
    let (Ok(role), Some(root)) = (std::env::var(ROLE), std::env::var_os(ROOT)) else {
        return;
    };
    let root = PathBuf::from(root);
    let result = match &*role {
        "hold" => hold(&root),
        "save" => save(&root),
        "large" => large(&root),
        "register" => register(&root),
        "starve" => starve(&root),
        "load" => crate::inline_loads::child(&root, say, wait_for_parent),
        #[cfg(feature = "dataset")]
        "commit" => crate::commits::child(&root, say, wait_for_parent),
        #[cfg(feature = "dataset")]
        "read" => crate::readers::child(&root, say),
        _ => unreachable!("no such child"),
    };
    let code = match result {
        Ok(()) => 0,
        Err(error) => {
            say(&format!("error {error}"));
            assert!(error.path().is_some(), "{error}");
            TOLD
        }
    };
    std::process::exit(code);
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "child: {line}")
        .and_then(|()| out.flush())
        .expect("the parent reads");
}

fn wait_for_parent() {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .expect("the parent writes");
}

/// Has both directories and files in them, until it is killed.
fn hold(root: &Path) -> file_backed::Result<()> {
    let program = Program::open(root)?;
    let item = program.pool.insert(word(100));
    item.blocking_persist(&program.tracked)?;
    program.sync()?;
    say(&format!("synced {}", item.key()));
    wait_for_parent();
    drop(item);
    Ok(())
}

/// Saves a few words, after the parent has said so.
fn save(root: &Path) -> file_backed::Result<()> {
    let program = Program::open(root)?;
    say("ready");
    wait_for_parent();
    for len in [100, 30_000] {
        let items = [
            program.pool.insert(word(len)),
            program.pool.insert(word(len + 1)),
        ];
        for item in &items {
            item.blocking_persist(&program.tracked)?;
        }
        program.sync()?;
        for item in &items {
            say(&format!("synced {}", item.key()));
        }
        drop(items);
        program.pool.store().blocking_finished();
    }
    let keys = program.tracked.all_keys();
    let item = program.pool.blocking_register(&program.tracked, keys[0])?;
    assert!(is_word(&item.blocking_read()?));
    drop(item);
    let store = program.pool.store();
    say(&format!("deletes {}", keys[0]));
    store.blocking_delete_persisted(&program.tracked, keys[0])?;
    program.sync()?;
    store.blocking_finished();
    Ok(())
}

/// Writes files that are larger than it may.
fn large(root: &Path) -> file_backed::Result<()> {
    let program = Program::open(root)?;
    let (large, small) = (
        program.pool.insert(word(200_000)),
        program.pool.insert(word(100)),
    );
    small.blocking_write_now()?;
    let error = large.blocking_write_now().expect_err("it is too large");
    assert!(
        error.path().is_some() && error.key() == Some(large.key()),
        "{error}"
    );
    for item in [&small, &large] {
        assert!(is_word(&item.blocking_read()?), "it is kept in memory");
    }
    assert_eq!(
        crate::program::files_in(&root.join("cache")),
        1,
        "nothing torn is left"
    );
    Ok(())
}

/// Loads its items when the rest of the program has taken all descriptors.
fn starve(root: &Path) -> file_backed::Result<()> {
    let program = Program::open(root)?;
    let items: Vec<_> = (0..1000)
        .map(|len| program.pool.insert(word(100 + len)))
        .collect();
    program.pool.store().blocking_finished();
    assert!(descriptor_budget::in_use() > 100, "shards are kept open");
    let null = || std::fs::File::open("/dev/null").ok();
    let mut taken: Vec<_> = std::iter::from_fn(null).collect();
    assert!(taken.len() > 100, "{}", taken.len());
    for item in &items {
        assert!(is_word(&item.blocking_read()?));
    }
    // Fewer than there are files to sync.
    descriptor_budget::set_limit(0);
    taken.extend(std::iter::from_fn(null));
    taken.truncate(taken.len() - 16);
    for item in &items[..40] {
        item.blocking_persist(&program.tracked)?;
    }
    program.pool.store().blocking_sync(&program.tracked)?;
    drop(taken);
    say(&format!("loaded {}", items.len()));
    Ok(())
}

/// Takes what is saved into its own cache.
fn register(root: &Path) -> file_backed::Result<()> {
    let program = Program::open(root)?;
    program.check_saved(|_| false);
    let stats = program.pool.stats();
    say(&format!(
        "links {} copies {}",
        stats.links,
        stats.clones + stats.copies
    ));
    Ok(())
}

/// A child from the parent's side. Killed when it is dropped.
pub(crate) struct Other {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Other {
    /// Starts it; `before` are the words of a command that runs it.
    pub(crate) fn start(role: &str, root: &Path, before: &[&str]) -> Self {
        let own = std::env::current_exe().expect("this binary");
        let mut words = before.iter().map(AsRef::as_ref).chain([own.as_os_str()]);
        let mut command = Command::new(words.next().expect("there is one"));
        let mut child = command
            .args(words)
            .args(["--exact", "child::child", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(ROOT, root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let stdout = child.stdout.take().expect("it is piped");
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(stdout),
            child,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next thing that it says; `None` at its end.
    pub(crate) fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.stdout.read_line(&mut line).expect("it is text") == 0 {
                return None;
            }
            if let Some((_, said)) = line.trim_end().split_once("child: ") {
                return Some(said.to_owned());
            }
        }
    }

    /// Hears until it says something that begins so, and gives the rest.
    pub(crate) fn hear_of(&mut self, what: &str) -> String {
        let said = self.hear().expect("it is not at its end");
        let rest = said
            .strip_prefix(what)
            .unwrap_or_else(|| panic!("it says {said}"));
        rest.trim().to_owned()
    }

    pub(crate) fn go_on(&mut self) {
        let mut stdin = self.stdin.take().expect("once");
        // A child that is gone is noticed at its end.
        let _ = writeln!(stdin);
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    /// Waits for its end: the exit code, or none if a signal ended it, and what
    /// it said.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        drop(self.stdin.take());
        let said = std::iter::from_fn(|| self.hear()).collect();
        let status = self.child.wait().expect("it has ended");
        (status.code(), said)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The keys that a child said were synced, and did not delete later.
pub(crate) fn acknowledged(said: &[String]) -> Vec<Uuid> {
    let key = |said: &String, what| said.strip_prefix(what)?.trim().parse().ok();
    let deleted: Vec<Uuid> = said
        .iter()
        .filter_map(|said| key(said, "deletes "))
        .collect();
    let synced = said.iter().filter_map(|said| key(said, "synced "));
    synced.filter(|key| !deleted.contains(key)).collect()
}
