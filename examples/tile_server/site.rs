//! What is served: one commit of the dataset, and then the next one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use file_backed::dataset::{Dataset, Key};
use file_backed::fbstore::{BytesCodec, FBStore, MappedBytes, Prefault, PreparedPath};
use file_backed::{FBPool, Stats};
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::answer;

/// Most tiles that stay in memory.
const BUDGET: usize = 10_000;
/// How long requests in flight have when the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait after a commit that could not be opened.
const PAUSE: Duration = Duration::from_secs(10);

type Store = FBStore<BytesCodec>;
pub(crate) type Tiles = Dataset<(), Store>;

pub(crate) struct Site {
    pool: Arc<FBPool<MappedBytes, Store>>,
    /// A request takes the one that is here, and keeps it to its end.
    commit: watch::Sender<Arc<Tiles>>,
}

impl Site {
    pub(crate) async fn open(dir: &Path) -> Result<Self> {
        // SAFETY: only this library writes to the directory of the dataset, and it never
        // modifies or truncates a file that it has written. The cache is this process's own.
        let codec = unsafe { BytesCodec::new() }
            // A load waits for the disk on another thread, so that sending does not.
            .prefault(Prefault::Populate);
        let pool = FBPool::temp(codec, BUDGET).await?;
        let dir = PreparedPath::open_read_only(dir).await?;
        let tiles = Dataset::open_read_only(pool.store(), dir).await?;
        let commit = watch::Sender::new(Arc::new(tiles));
        Ok(Self { pool, commit })
    }

    pub(crate) fn commit(&self) -> Arc<Tiles> {
        self.commit.borrow().clone()
    }

    /// The receiver gets each commit that is served from then on.
    pub(crate) fn commits(&self) -> watch::Receiver<Arc<Tiles>> {
        self.commit.subscribe()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.pool.stats()
    }

    /// The bytes of a tile. They are the map, which lasts until they are sent, also if the
    /// tile is evicted or replaced by then. The item itself stays in the pool.
    pub(crate) async fn load(
        &self,
        commit: &Tiles,
        key: Key<MappedBytes>,
    ) -> file_backed::Result<Bytes> {
        let tile = commit.get(&self.pool, key).await?;
        Ok(Bytes::from(&*tile.read().await?))
    }

    /// Answers requests until `stop` is ready. Then idle connections are closed, and
    /// requests in flight have some time to end.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let stopping = CancellationToken::new();
        let stopped = stopping.clone();
        let stop = async move {
            stop.await;
            tracing::info!("shutting down: finishing requests in flight");
            stopped.cancel();
        };
        let answering = axum::serve(listener, answer::router(self.clone()));
        tokio::select! {
            ended = answering.with_graceful_shutdown(stop).into_future() => ended?,
            () = async { stopping.cancelled().await; sleep(DRAIN).await } => {
                tracing::warn!("closing connections that took longer than {DRAIN:?}");
            }
            () = self.follow() => {}
        }
        Ok(())
    }

    /// Moves on to each later commit, for as long as this is polled.
    async fn follow(&self) {
        loop {
            let commit = self.commit();
            let next = async {
                commit.changed().await?;
                commit.latest().await
            };
            match next.await {
                Ok(next) => {
                    tracing::info!("serving generation {}", next.generation());
                    self.commit.send_replace(Arc::new(next));
                }
                Err(error) => {
                    tracing::error!("still serving generation {}: {error}", commit.generation());
                    sleep(PAUSE).await;
                }
            }
        }
    }
}
