//! A client that knows what each tile has to show, and remembers what it has got.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use hyper::{Method, StatusCode, header};

use super::{LAST, Shown};
use crate::client::Connection;

pub(super) struct Browser {
    connection: Connection,
    /// The commit that it has seen. The next answer is of this one or of a later one.
    commit: usize,
    /// The ETag of each tile that it knows, and a commit that shows it.
    cache: HashMap<String, (String, usize)>,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Asking {
    Whole,
    /// For some bytes of the tile that it knows, or the whole of another one.
    Part,
    /// Whether there is another tile than the one that it knows.
    Again,
    Head,
}

/// How many requests there were, and how they were answered.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    requests: u64,
    /// Tiles, and parts of them, that were sent.
    pub(super) sent: u64,
    parts: u64,
    known: u64,
    not_found: u64,
}

impl Browser {
    pub(super) async fn open(server: SocketAddr, commit: usize) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(server).await?,
            commit,
            cache: HashMap::new(),
            counts: Counts::default(),
        })
    }

    /// Asks for tiles at random, at least so many times, and until `is_enough`. A part of them
    /// are tiles that it may know.
    pub(super) async fn wander(
        mut self,
        seed: u64,
        all: &[(String, Shown)],
        requests: u64,
        is_enough: impl Fn() -> bool,
    ) -> Result<Counts> {
        // Those that it asks for more often.
        let some = all.chunks_exact(50).cycle().nth(seed as usize);
        let some = some.context("there are not enough tiles")?;
        let mut random = seed;
        while self.counts.requests < requests || !is_enough() {
            // The generator of Knuth's MMIX.
            random = random.wrapping_mul(6_364_136_223_846_793_005);
            random = random.wrapping_add(1_442_695_040_888_963_407);
            let at = (random >> 33) as usize;
            let (asking, from) = match at % 6 {
                0 => (Asking::Part, some),
                1 => (Asking::Again, some),
                2 => (Asking::Head, all),
                3 => (Asking::Whole, some),
                _ => (Asking::Whole, all),
            };
            let (name, shown) = &from[at / 6 % from.len()];
            self.ask(asking, name, shown).await?;
        }
        Ok(self.counts)
    }

    /// Asks for a tile, and fails unless the answer is right in a commit that is not earlier
    /// than what it has seen.
    pub(super) async fn ask(&mut self, asking: Asking, name: &str, shown: &Shown) -> Result<()> {
        let cached = self.cache.get(name).cloned();
        // If it knows none, the tag is empty, and no condition holds.
        let (etag, of) = cached.unwrap_or_default();
        let part = [("range", "bytes=100-199"), ("if-range", &*etag)];
        let again = [("if-none-match", &*etag)];
        let (method, headers): (_, &[_]) = match asking {
            Asking::Whole => (Method::GET, &[]),
            Asking::Part => (Method::GET, &part),
            Asking::Again => (Method::GET, &again),
            Asking::Head => (Method::HEAD, &[]),
        };
        let path = format!("/{name}");
        let connection = &mut self.connection;
        let response = connection.fetch(method.clone(), &path, headers).await?;
        let (status, body) = (response.status(), response.body());
        let header = |name| response.headers().get(name)?.to_str().ok();

        let is_right = |commit: &usize| {
            let Some(drawing) = &shown[*commit] else {
                return status == StatusCode::NOT_FOUND;
            };
            match status {
                StatusCode::OK if method == Method::HEAD => {
                    let len = header(header::CONTENT_LENGTH);
                    let len = len.and_then(|len| len.parse().ok());
                    len == Some(drawing.len()) && body.is_empty()
                }
                StatusCode::OK => body == drawing.as_bytes(),
                StatusCode::PARTIAL_CONTENT => {
                    let place = format!("bytes 100-199/{}", drawing.len());
                    header(header::CONTENT_RANGE) == Some(&*place)
                        && body == &drawing.as_bytes()[100..200]
                }
                StatusCode::NOT_MODIFIED => shown[of].as_ref() == Some(drawing),
                _ => false,
            }
        };
        let Some(commit) = (self.commit..=LAST).find(is_right) else {
            bail!(
                "{asking:?} of {name}: {status} is wrong since commit {}",
                self.commit
            );
        };
        self.commit = commit;
        self.counts.count(status, method == Method::GET);
        if status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        let new = header(header::ETAG).context("a tile has an ETag")?;
        if new == etag {
            ensure!(
                shown[of] == shown[commit],
                "two tiles with one ETag: {name}"
            );
        } else {
            ensure!(
                status == StatusCode::OK,
                "{name}: {status} for another ETag"
            );
            self.cache.insert(name.to_owned(), (new.to_owned(), commit));
        }
        Ok(())
    }
}

impl Counts {
    fn count(&mut self, status: StatusCode, is_get: bool) {
        self.requests += 1;
        match status {
            StatusCode::OK => self.sent += u64::from(is_get),
            StatusCode::PARTIAL_CONTENT => {
                self.sent += 1;
                self.parts += 1;
            }
            StatusCode::NOT_MODIFIED => self.known += 1,
            _ => self.not_found += 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.sent += other.sent;
        self.parts += other.parts;
        self.known += other.known;
        self.not_found += other.not_found;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests ({} sent, of which {} parts, {} not modified, {} not found)",
            self.requests, self.sent, self.parts, self.known, self.not_found
        )
    }
}
