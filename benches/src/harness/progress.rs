//! Tells on stderr where a run is.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Instant;

use super::child;

const WIDTH: usize = 30;

/// A bar that is redrawn in place on a terminal, and a line for each case
/// elsewhere.
pub struct Progress {
    total: usize,
    done: usize,
    begin: Instant,
    kind: Kind,
    last_case: String,
}

#[derive(PartialEq)]
enum Kind {
    Bar,
    Lines,
    /// Lines for the parent to read.
    Relayed,
    #[cfg(test)]
    Silent,
}

impl Progress {
    pub fn new(total: usize) -> Self {
        let kind = if stderr().is_terminal() {
            Kind::Bar
        } else {
            Kind::Lines
        };
        Self::of_kind(kind, total)
    }

    /// In a child, whose parent shows the progress.
    pub fn relayed() -> Self {
        Self::of_kind(Kind::Relayed, 0)
    }

    #[cfg(test)]
    pub fn silent() -> Self {
        Self::of_kind(Kind::Silent, 0)
    }

    fn of_kind(kind: Kind, total: usize) -> Self {
        Self {
            total,
            done: 0,
            begin: Instant::now(),
            kind,
            last_case: String::new(),
        }
    }

    /// One more sample is about to be taken.
    pub fn step(&mut self, workload: &str, case: &str, system: &str) {
        let line = self.line();
        match self.kind {
            Kind::Bar => {
                eprint!("\r{line} {workload} {case} {system}\x1b[K");
                // A bar that cannot be drawn is no reason to stop.
                let _ = stderr().flush();
            }
            Kind::Lines => {
                let case = format!("{workload} {case}");
                if self.last_case != case {
                    eprintln!("{line} {case}");
                    self.last_case = case;
                }
            }
            Kind::Relayed => eprintln!("{}{system}", child::STEP),
            #[cfg(test)]
            Kind::Silent => {}
        }
        self.done += 1;
    }

    pub fn finish(&mut self) {
        self.done = self.total;
        match self.kind {
            Kind::Bar => eprintln!("\r{} done\x1b[K", self.line()),
            Kind::Lines => eprintln!("{} done", self.line()),
            Kind::Relayed => {}
            #[cfg(test)]
            Kind::Silent => {}
        }
    }

    fn line(&self) -> String {
        let share = self.done as f64 / self.total.max(1) as f64;
        let full = (share * WIDTH as f64) as usize;
        let seconds = self.begin.elapsed().as_secs();
        format!(
            "[{}{}] {:3.0} % {}:{:02}",
            "#".repeat(full.min(WIDTH)),
            ".".repeat(WIDTH.saturating_sub(full)),
            share * 100.0,
            seconds / 60,
            seconds % 60
        )
    }
}
