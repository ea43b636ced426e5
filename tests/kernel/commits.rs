//! A process that commits, and what the next one finds of its commits.

use std::path::Path;
use std::sync::Arc;

use file_backed::dataset::{Dataset, Inspection, Key, VerifyOptions};
use file_backed::fbstore::{FBStore, PreparedPath};
use file_backed::{BackingStore, Error, FBPool, Result};
use tokio::runtime::{Builder, Runtime};

use crate::plain::Plain;
use crate::program::word;

/// The second and the third build on the first, and the fourth on the third too. The fifth
/// writes a base, which the sixth builds on.
const COMMITS: usize = 6;

struct Library {
    dataset: Dataset<String, FBStore<Plain>>,
    pool: Arc<FBPool<String, FBStore<Plain>>>,
    _runtime: Runtime,
}

/// It is long, so it is not written again by a commit that has the same one.
fn root_of(n: usize) -> String {
    match n {
        0 => String::new(),
        _ => n.div_ceil(2).to_string().repeat(40_000),
    }
}

impl Library {
    fn open(root: &Path) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.expect("a runtime");
        let open = |name: &str| PreparedPath::blocking_open(root.join(name));
        let files = FBStore::open(Plain, open("cache")?)?;
        let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
        Ok(Self {
            dataset: Dataset::blocking_open(&store, open("saved")?)?,
            pool: Arc::new(FBPool::new(store, 1)),
            _runtime: runtime,
        })
    }

    /// Commit `n` has one word of its own, and that of the commit before.
    fn commit(&self, n: usize) -> Result<()> {
        let item = self.pool.insert(word(100 + n));
        let before = self.items()?;
        let committed = self.dataset.blocking_edit(|edit| {
            for (key, number) in before {
                if number + 1 < n {
                    edit.remove(key)?;
                }
            }
            edit.put(&item)?;
            if *edit.root() != root_of(n) {
                edit.set_root(root_of(n));
            }
            Ok::<_, Error>(())
        });
        committed.map(drop)
    }

    /// The keys, and the numbers of the commits that have added them.
    fn items(&self) -> Result<Vec<(Key<String>, usize)>> {
        let keys = self.dataset.all_keys().into_iter().map(Key::from_uuid);
        let number = |key| {
            let item = self.dataset.blocking_get(&self.pool, key)?;
            let read = item.blocking_read()?;
            assert_eq!(*read, word(read.len()));
            Ok((key, read.len() - 100))
        };
        keys.map(number).collect()
    }

    fn end(self) {
        let store = self.dataset.store().clone();
        drop((self.dataset, self.pool));
        store.blocking_finished();
    }
}

/// What the child does: it reports each commit before and after.
pub(crate) fn child(root: &Path, say: impl Fn(&str), wait: impl FnOnce()) -> Result<()> {
    let library = Library::open(root)?;
    say("ready");
    wait();
    for n in 1..=COMMITS {
        say(&format!("begins {n}"));
        library.commit(n)?;
        say(&format!("committed {n}"));
    }
    library.end();
    Ok(())
}

/// The last number that the child said with this word; 0 for none.
fn last(said: &[String], word: &str) -> usize {
    let mut said = said.iter().rev().filter_map(|said| said.strip_prefix(word));
    said.next()
        .map_or(0, |n| n.trim().parse().expect("a number"))
}

/// Asserts that the last commit is there, or the one in flight, and that two more leave nothing
/// else.
pub(crate) fn check(root: &Path, said: &[String], how: &str) {
    let library = Library::open(root).unwrap_or_else(|error| panic!("{how}: {error}"));
    let found = library.dataset.generation() as usize;
    let (committed, begun) = (last(said, "committed"), last(said, "begins"));
    assert!(
        found == committed || found == begun,
        "{how}: commit {found} was found, {committed} was acknowledged and {begun} in flight"
    );
    assert_eq!(*library.dataset.root(), root_of(found), "{how}");
    let verified = library.dataset.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole(), "{how}");
    let items = library.items().expect("they are whole").into_iter();
    let mut numbers: Vec<_> = items.map(|(_, number)| number).collect();
    numbers.sort_unstable();
    assert!(
        numbers.iter().copied().eq(found.max(2) - 1..=found),
        "{how}: {numbers:?} of {found}"
    );
    for n in [found + 1, found + 2] {
        library.commit(n).expect("nothing fails");
    }
    library.end();
    // An open removes what the last base has replaced.
    Library::open(root).expect("it is whole").end();
    let found = Inspection::blocking_open(root.join("saved")).expect("it is a dataset");
    let unused = found.blocking_unused().expect("it reads");
    assert!(unused.is_empty(), "{how}: {unused:?}");
}
