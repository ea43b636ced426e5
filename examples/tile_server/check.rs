//! Serves, and checks each answer, while another process adds and replaces tiles.

mod browser;
mod rules;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::drawing::{draw, names};
use super::site::Site;
use browser::{Asking, Browser, Counts};

/// What is added, commit by commit.
const COMMITS: [&[&str]; LAST] = [
    &["basemap", "green", "0", "1", "2", "3", "4"],
    &["basemap", "blue", "4", "5"],
    &["roads", "red", "3"],
];
const LAST: usize = 3;
const BROWSERS: u64 = 16;
/// Of each browser, at least.
const REQUESTS: u64 = 500;
/// Far more than all of it takes.
const LIMIT: Duration = Duration::from_secs(300);

/// What a name shows: at index `n`, in commit `n`.
type Shown = [Option<Arc<str>>; LAST + 1];

pub(crate) async fn check() -> Result<()> {
    let checked = timeout(LIMIT, run()).await;
    checked.context("the check takes too long")?
}

async fn run() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path().join("tiles");
    add_in_another_process(&dir, 1).await?;

    let site = Arc::new(Site::open(&dir).await?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = site.clone().serve(listener, async { drop(stopped.await) });
    let serving = tokio::spawn(serving);
    let load = Load {
        server,
        site,
        drawings: drawings(),
    };

    let (counts, used) = load.read_each("each tile", 1, |_| true).await?;
    used.expect(0, counts.sent)?;
    let (counts, used) = load.run("many browsers", 1, 1).await?;
    used.expect(counts.sent, 0)?;
    let etag = rules::check(server).await?;

    // The browsers go on until all that the other process commits is served.
    let adding = async {
        add_in_another_process(&dir, 2).await?;
        add_in_another_process(&dir, 3).await
    };
    let running = load.run("many browsers, during commits", 1, LAST);
    let ((), (counts, used)) = tokio::try_join!(adding, running)?;
    used.expect(counts.sent - used.misses, used.misses)?;
    rules::check_replaced(server, &etag).await?;

    // What the commits have kept has stayed in memory.
    let is_kept = |shown: &Shown| shown[1] == shown[LAST];
    let (counts, used) = load.read_each("each kept tile", LAST, is_kept).await?;
    used.expect(counts.sent, 0)?;
    load.read_each("each tile", LAST, |_| true).await?;
    let (counts, used) = load.run("many browsers", LAST, LAST).await?;
    used.expect(counts.sent, 0)?;

    // A connection that waits for the next request does not keep the server.
    let mut idle = Browser::open(server, LAST).await?;
    let (name, shown) = load.drawings.iter().next().context("there are some")?;
    idle.ask(Asking::Whole, name, shown).await?;
    ensure!(stop.send(()).is_ok(), "the server ended by itself");
    serving.await??;
    let closed = idle.ask(Asking::Whole, name, shown).await;
    ensure!(closed.is_err(), "a server that has stopped answers");
    println!("the server has stopped");
    Ok(())
}

/// What the commits show, by name.
fn drawings() -> BTreeMap<String, Shown> {
    let mut drawings: BTreeMap<String, Shown> = BTreeMap::new();
    for (commit, added) in (1..).zip(COMMITS) {
        let [layer, colour, ref zooms @ ..] = *added else {
            unreachable!("a layer, a colour and zoom levels")
        };
        let zooms = zooms.iter().map(|zoom| zoom.parse().expect("a number"));
        for name in zooms.flat_map(|zoom| names(layer, zoom)) {
            let drawing: Arc<str> = draw(&name, colour).into();
            let shown = drawings.entry(name).or_default();
            shown[commit..].fill(Some(drawing));
        }
    }
    drawings
}

/// Makes the commit of this number by this program, as another process.
async fn add_in_another_process(dir: &Path, commit: usize) -> Result<()> {
    let dir: PathBuf = dir.into();
    let add = move || {
        let mut program = Command::new(std::env::current_exe()?);
        program
            .arg("add")
            .arg(dir)
            .args(COMMITS[commit - 1])
            .status()
    };
    let status = spawn_blocking(add).await??;
    ensure!(status.success(), "another process could not add: {status}");
    Ok(())
}

/// How often the pool had a tile in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Used {
    hits: u64,
    misses: u64,
}

impl Used {
    fn of(hits: u64, misses: u64) -> Self {
        Self { hits, misses }
    }

    /// Each tile that is sent is a hit or a miss, and nothing else is.
    fn expect(self, hits: u64, misses: u64) -> Result<()> {
        let expected = Self::of(hits, misses);
        ensure!(self == expected, "{self:?} in place of {expected:?}");
        Ok(())
    }
}

struct Load {
    server: SocketAddr,
    site: Arc<Site>,
    drawings: BTreeMap<String, Shown>,
}

impl Load {
    fn used(&self) -> Used {
        let stats = self.site.stats();
        Used::of(stats.hits, stats.misses)
    }

    /// Reads some of the tiles of a commit, one after another.
    async fn read_each(
        &self,
        title: &str,
        commit: usize,
        which: impl Fn(&Shown) -> bool,
    ) -> Result<(Counts, Used)> {
        let (before, since) = (self.used(), Instant::now());
        let mut browser = Browser::open(self.server, commit).await?;
        for (name, shown) in &self.drawings {
            if shown[commit].is_some() && which(shown) {
                browser.ask(Asking::Whole, name, shown).await?;
            }
        }
        Ok(self.end(title, browser.counts, before, since))
    }

    /// Many browsers read the tiles of commit `last` at random, beginning when commit `first` is
    /// served. All of them go on until `last` is.
    async fn run(&self, title: &str, first: usize, last: usize) -> Result<(Counts, Used)> {
        let (before, since) = (self.used(), Instant::now());
        let drawings = self.drawings.iter();
        let of_last = drawings.filter(|(_, shown)| shown[last].is_some());
        let of_last = of_last.map(|(name, shown)| (name.clone(), shown.clone()));
        let tiles: Arc<[(String, Shown)]> = of_last.collect();
        let mut running = JoinSet::new();
        for seed in 0..BROWSERS {
            let browser = Browser::open(self.server, first).await?;
            let tiles = tiles.clone();
            let commits = self.site.commits();
            running.spawn(async move {
                let is_served = || commits.borrow().generation() >= last as u64;
                browser.wander(seed, &tiles, REQUESTS, is_served).await
            });
        }
        let mut counts = Counts::default();
        while let Some(ended) = running.join_next().await {
            counts.add(ended??);
        }
        Ok(self.end(title, counts, before, since))
    }

    fn end(&self, title: &str, counts: Counts, before: Used, since: Instant) -> (Counts, Used) {
        let now = self.used();
        let used = Used::of(now.hits - before.hits, now.misses - before.misses);
        println!(
            "{title}: {counts} in {:.1?}; {} hits, {} misses, generation {}",
            since.elapsed(),
            used.hits,
            used.misses,
            self.site.commit().generation()
        );
        (counts, used)
    }
}
