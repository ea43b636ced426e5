//! One step of the job: its progress on the terminal, its figures for the table.

use std::io::{IsTerminal as _, stderr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;

use crate::memory::{self, Memory};

const BYTES: &str = "{prefix:>15} {wide_bar:.cyan/dim} {bytes:>11} of {total_bytes}, {eta} left";
const ITEMS: &str = "{prefix:>15} {wide_bar:.cyan/dim} {human_pos:>7} of {human_len}, {eta} left";
const UNKNOWN: &str = "{prefix:>15} {spinner} {msg} ({elapsed})";

static STOP: AtomicBool = AtomicBool::new(false);

/// The user pressed Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Ends the work at its next step on Ctrl-C, so that the temporary directory is
/// cleared away, and at once on the second.
pub(crate) fn stop_on_ctrl_c(runtime: &Runtime) {
    runtime.spawn(async {
        while tokio::signal::ctrl_c().await.is_ok() {
            if STOP.swap(true, Relaxed) {
                std::process::exit(130);
            }
            eprintln!(
                "\nStopping after this step; Ctrl-C again stops at once, and deletes nothing."
            );
        }
    });
}

/// How much there is to do in a step.
#[derive(Clone, Copy)]
pub(crate) enum Total {
    Bytes(u64),
    Items(usize),
    Unknown,
}

/// A step under way. It can be shared between threads.
pub(crate) struct Phase {
    name: &'static str,
    total: Total,
    bar: ProgressBar,
    begun: Instant,
    items: AtomicU64,
    bytes: AtomicU64,
}

/// The figures of a step.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    /// Whether its speed is in the bytes, and not in the items.
    pub(crate) by_bytes: bool,
    pub(crate) memory: Option<Memory>,
}

impl Phase {
    /// Begins the step `name`; `doing` says in some words what it does. Without
    /// a terminal to draw on, one plain line says so.
    pub(crate) fn begin(name: &'static str, doing: impl AsRef<str>, total: Total) -> Self {
        let doing = doing.as_ref();
        let (bar, style) = match total {
            Total::Bytes(bytes) => (ProgressBar::new(bytes), BYTES),
            Total::Items(items) => (ProgressBar::new(items as u64), ITEMS),
            Total::Unknown => (ProgressBar::new_spinner(), UNKNOWN),
        };
        let style = ProgressStyle::with_template(style).expect("the templates are well-formed");
        let bar = bar
            .with_style(style)
            .with_prefix(name)
            .with_message(doing.to_owned());
        if stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(100));
        } else {
            eprintln!("{name}: {doing} ...");
        }
        memory::restart_peak();
        Self {
            name,
            total,
            bar,
            begun: Instant::now(),
            items: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// One item more is done, with so many bytes.
    ///
    /// # Errors
    ///
    /// [`Interrupted`], if the user wants to end here.
    pub(crate) fn advance(&self, bytes: u64) -> Result<()> {
        self.add(1, bytes);
        match self.total {
            Total::Bytes(_) => self.bar.inc(bytes),
            Total::Items(_) | Total::Unknown => self.bar.inc(1),
        }
        check_stop()
    }

    /// So many bytes need not be done after all.
    pub(crate) fn pass_over(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Counts what is done in one go.
    pub(crate) fn add(&self, items: u64, bytes: u64) {
        self.items.fetch_add(items, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Ends the step, and takes its bar away.
    ///
    /// # Errors
    ///
    /// [`Interrupted`], if the user wants to end here.
    pub(crate) fn end(self) -> Result<Figures> {
        let time = self.begun.elapsed();
        self.bar.finish_and_clear();
        check_stop()?;
        Ok(Figures {
            name: self.name,
            items: self.items.into_inner(),
            bytes: self.bytes.into_inner(),
            time,
            by_bytes: matches!(self.total, Total::Bytes(_)),
            memory: memory::sample(),
        })
    }
}

fn check_stop() -> Result<()> {
    match STOP.load(Relaxed) {
        true => Err(Interrupted.into()),
        false => Ok(()),
    }
}
