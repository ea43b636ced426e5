//! Which job runs next. Pure scheduling: no threads, no time, no calls of jobs.

use std::collections::VecDeque;

use super::Job;

/// After this many urgent jobs in a row, one background job runs.
pub(super) const URGENT_RUN: u32 = 8;

/// The lane of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Drops of values: they take no time, but hold memory until they are done.
    DeferredDrop,
    /// Jobs that a caller waits for.
    Urgent,
    /// Jobs that usually no caller waits for.
    Background,
}

/// A job that is running.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) lane: Lane,
}

/// Jobs in the order of their numbers.
type Row = VecDeque<(u64, Job)>;

/// Which jobs a thread takes from the queue.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Anything,
    /// No background jobs, which may be slow.
    QuickOnly,
    /// Background jobs only while fewer than this many threads run them.
    Slow {
        most_background: usize,
    },
}

/// The jobs that are queued, by lane, and those that run.
#[derive(Default)]
pub(super) struct Lanes {
    drop_later: Row,
    urgent: Row,
    background: Row,
    /// Jobs ever queued, which is also the number of the last one.
    pub(super) queued: u64,
    /// Jobs ever taken. It tells whether any thread serves the queue.
    pub(super) taken: u64,
    /// Urgent jobs taken since the last one from the background lane.
    urgent_run: u32,
    /// The jobs that run now: a few at most.
    pub(super) running: Vec<Ticket>,
}

impl Lanes {
    pub(super) fn enqueue(&mut self, lane: Lane, job: Job) {
        self.queued += 1;
        let numbered = (self.queued, job);
        self.row(lane).push_back(numbered);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.drop_later.is_empty() && self.urgent.is_empty() && self.background.is_empty()
    }

    fn row(&mut self, lane: Lane) -> &mut Row {
        match lane {
            Lane::DeferredDrop => &mut self.drop_later,
            Lane::Urgent => &mut self.urgent,
            Lane::Background => &mut self.background,
        }
    }

    pub(super) fn take(&mut self, which: Next) -> Option<(Ticket, Job)> {
        let lane = self.next_lane(which)?;
        self.urgent_run = if lane == Lane::Urgent {
            self.urgent_run + 1
        } else {
            0
        };
        self.take_from(lane)
    }

    /// Takes a job with the number `last` or a lower one.
    pub(super) fn take_up_to(&mut self, last: u64) -> Option<(Ticket, Job)> {
        let lanes = [Lane::DeferredDrop, Lane::Urgent, Lane::Background];
        let lane = lanes.into_iter().find(|lane| {
            self.row(*lane)
                .front()
                .is_some_and(|(number, _)| *number <= last)
        })?;
        self.take_from(lane)
    }

    fn take_from(&mut self, lane: Lane) -> Option<(Ticket, Job)> {
        let (number, job) = self.row(lane).pop_front()?;
        self.taken += 1;
        let ticket = Ticket { number, lane };
        self.running.push(ticket);
        Some((ticket, job))
    }

    fn next_lane(&self, which: Next) -> Option<Lane> {
        let may_be_slow = match which {
            Next::Anything => true,
            Next::QuickOnly => false,
            Next::Slow { most_background } => {
                let slow = self
                    .running
                    .iter()
                    .filter(|ticket| ticket.lane == Lane::Background);
                slow.count() < most_background
            }
        };
        let background = may_be_slow && !self.background.is_empty();
        if !self.drop_later.is_empty() {
            Some(Lane::DeferredDrop)
        } else if background && (self.urgent.is_empty() || self.urgent_run >= URGENT_RUN) {
            Some(Lane::Background)
        } else if !self.urgent.is_empty() {
            Some(Lane::Urgent)
        } else {
            None
        }
    }
}
