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
    /// Loads that a caller waits for.
    Load,
    /// Other work that a caller waits for, such as a persist or a part of a commit. It may
    /// wait for loads and writes in turn.
    Task,
    /// Write-backs, and attempts that were put off.
    Write,
    /// Deletions of cache files.
    Deletion,
}

const LANES: usize = 5;

/// A job that is running.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) number: u64,
    lane: Lane,
    /// Whether it counts in the [`Limits`].
    counts: bool,
}

/// Jobs in the order of their numbers.
type Row = VecDeque<(u64, Job)>;

/// How many jobs run at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Without deferred drops.
    pub(super) all: usize,
    pub(super) loads: usize,
    pub(super) tasks: usize,
    /// Writes and deletions together, which may be slow.
    pub(super) background: usize,
    pub(super) deletions: usize,
}

/// Which jobs a thread takes from the queue.
#[derive(Clone, Copy)]
pub(super) enum Next {
    /// Any job. The thread is a caller's own, and its jobs do not count in the limits.
    Anything,
    WithinLimits,
}

/// The jobs that are queued, by lane, and how many run.
pub(super) struct Lanes {
    rows: [Row; LANES],
    /// Jobs ever queued, which is also the number of the last one.
    queued: u64,
    /// Jobs ever taken. It tells whether any thread serves the queue.
    pub(super) taken: u64,
    /// Urgent jobs taken since the last one from the background lanes.
    urgent_run: u32,
    /// The jobs that run now.
    running: usize,
    /// Of these, the ones that count in the limits, by lane.
    counted: [usize; LANES],
    /// Jobs that have ended, by lane.
    ended: [u64; LANES],
    pub(super) limits: Limits,
}

impl Lanes {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            rows: Default::default(),
            queued: 0,
            taken: 0,
            urgent_run: 0,
            running: 0,
            counted: [0; LANES],
            ended: [0; LANES],
            limits,
        }
    }

    pub(super) fn enqueue(&mut self, lane: Lane, job: Job) {
        self.queued += 1;
        self.rows[lane as usize].push_back((self.queued, job));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.iter().all(Row::is_empty)
    }

    /// Whether nothing is queued and nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.is_empty()
    }

    /// The number of the last job, and how many jobs up to it have not ended.
    pub(super) fn under_way(&self) -> (u64, usize) {
        let queued: usize = self.rows.iter().map(Row::len).sum();
        (self.queued, queued + self.running)
    }

    /// How many jobs of the lane are queued.
    pub(super) fn waiting(&self, lane: Lane) -> usize {
        self.rows[lane as usize].len()
    }

    /// How many jobs of the lane have ended.
    pub(super) fn ended(&self, lane: Lane) -> u64 {
        self.ended[lane as usize]
    }

    /// How many jobs run that count in the limits.
    pub(super) fn running(&self) -> usize {
        let drops = self.counted[Lane::DeferredDrop as usize];
        self.counted.iter().sum::<usize>() - drops
    }

    pub(super) fn take(&mut self, which: Next) -> Option<(Ticket, Job)> {
        let lane = self.next_lane(which)?;
        self.urgent_run = match lane {
            Lane::Load | Lane::Task => self.urgent_run + 1,
            Lane::DeferredDrop | Lane::Write | Lane::Deletion => 0,
        };
        self.take_from(lane, matches!(which, Next::WithinLimits))
    }

    /// Takes a job with the number `last` or a lower one, for a caller's own thread.
    pub(super) fn take_up_to(&mut self, last: u64) -> Option<(Ticket, Job)> {
        use Lane::{DeferredDrop, Deletion, Load, Task, Write};
        let lanes = [DeferredDrop, Load, Task, Write, Deletion];
        let is_up_to = |lane: &Lane| self.first(*lane).is_some_and(|number| number <= last);
        let lane = lanes.into_iter().find(is_up_to)?;
        self.take_from(lane, false)
    }

    /// A job that was taken has ended.
    pub(super) fn end(&mut self, ticket: Ticket) {
        let lane = ticket.lane as usize;
        self.running -= 1;
        self.counted[lane] -= usize::from(ticket.counts);
        self.ended[lane] += 1;
    }

    /// How many more threads would find a job within the limits.
    pub(super) fn wanted(&self) -> usize {
        let of = |lane, limit: usize| {
            let room = limit.saturating_sub(self.counted[lane as usize]);
            self.waiting(lane).min(room)
        };
        let limits = &self.limits;
        let urgent = of(Lane::Load, limits.loads) + of(Lane::Task, limits.tasks);
        let background = self.waiting(Lane::Write) + of(Lane::Deletion, limits.deletions);
        let background = background.min(limits.background.saturating_sub(self.in_background()));
        let all = limits.all.saturating_sub(self.running());
        let drops = usize::from(self.waiting(Lane::DeferredDrop) > 0);
        (urgent + background).min(all).max(drops)
    }

    /// Whether another thread would find a job within the limits.
    pub(super) fn is_wanting(&self) -> bool {
        self.next_lane(Next::WithinLimits).is_some()
    }

    fn take_from(&mut self, lane: Lane, counts: bool) -> Option<(Ticket, Job)> {
        let (number, job) = self.rows[lane as usize].pop_front()?;
        self.taken += 1;
        self.running += 1;
        self.counted[lane as usize] += usize::from(counts);
        let ticket = Ticket {
            number,
            lane,
            counts,
        };
        Some((ticket, job))
    }

    /// The number of the first job of the lane.
    fn first(&self, lane: Lane) -> Option<u64> {
        self.rows[lane as usize].front().map(|(number, _)| *number)
    }

    fn in_background(&self) -> usize {
        self.counted[Lane::Write as usize] + self.counted[Lane::Deletion as usize]
    }

    fn is_within(&self, lane: Lane) -> bool {
        let (limits, running) = (&self.limits, self.counted[lane as usize]);
        self.running() < limits.all
            && match lane {
                Lane::DeferredDrop => true,
                Lane::Load => running < limits.loads,
                Lane::Task => running < limits.tasks,
                Lane::Write => self.in_background() < limits.background,
                Lane::Deletion => {
                    running < limits.deletions && self.in_background() < limits.background
                }
            }
    }

    fn next_lane(&self, which: Next) -> Option<Lane> {
        if self.first(Lane::DeferredDrop).is_some() {
            return Some(Lane::DeferredDrop);
        }
        // Of two lanes, the one whose job was queued first. So loads and tasks get their
        // turns, and so do writes and deletions.
        let older = |lanes: [Lane; 2]| {
            let first = |lane: Lane| match which {
                Next::WithinLimits if !self.is_within(lane) => None,
                _ => self.first(lane).map(|number| (number, lane)),
            };
            let found = lanes.into_iter().filter_map(first);
            found
                .min_by_key(|(number, _)| *number)
                .map(|(_, lane)| lane)
        };
        let background = older([Lane::Write, Lane::Deletion]);
        match older([Lane::Load, Lane::Task]) {
            Some(_) if background.is_some() && self.urgent_run >= URGENT_RUN => background,
            Some(urgent) => Some(urgent),
            None => background,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LIMITS: Limits = Limits {
        all: 3,
        loads: 3,
        tasks: 3,
        background: 2,
        deletions: 2,
    };

    fn lanes(limits: Limits, queued: &[(Lane, usize)]) -> Lanes {
        let mut lanes = Lanes::new(limits);
        for (lane, jobs) in queued {
            for _ in 0..*jobs {
                lanes.enqueue(*lane, Job::DeferredDrop(Arc::new(())));
            }
        }
        lanes
    }

    fn taken(lanes: &mut Lanes, which: Next) -> Vec<Lane> {
        let taken = std::iter::from_fn(|| lanes.take(which));
        taken.map(|(ticket, _)| ticket.lane).collect()
    }

    /// Jobs that are queued later must not run before those that the caller waits for.
    #[test]
    fn finishing_runs_only_the_jobs_that_are_already_queued() {
        let mut lanes = lanes(LIMITS, &[(Lane::Write, 3)]);
        let (last, left) = lanes.under_way();
        assert_eq!(left, 3);
        (0..3).for_each(|_| lanes.enqueue(Lane::Load, Job::DeferredDrop(Arc::new(()))));
        let taken = std::iter::from_fn(|| lanes.take_up_to(last));
        let taken: Vec<_> = taken.map(|(ticket, _)| ticket.lane).collect();
        assert_eq!(taken, [Lane::Write; 3]);
    }

    #[test]
    fn urgent_jobs_do_not_starve_the_background_lanes() {
        for lane in [Lane::Write, Lane::Deletion] {
            let mut lanes = lanes(LIMITS, &[(Lane::Load, 100), (lane, 1)]);
            let taken = taken(&mut lanes, Next::Anything);
            let first = taken.iter().position(|taken| *taken == lane);
            assert_eq!(first, Some(URGENT_RUN as usize));
        }
    }

    /// A program that replaces items deletes as many files as it writes.
    #[test]
    fn writes_and_deletions_get_their_turns_in_order() {
        let turns = [(Lane::Write, 1), (Lane::Deletion, 1)].repeat(3);
        let mut lanes = lanes(LIMITS, &turns);
        let expected = [Lane::Write, Lane::Deletion].repeat(3);
        assert_eq!(taken(&mut lanes, Next::Anything), expected);
    }

    #[test]
    fn slow_jobs_of_one_kind_leave_room_for_the_others() {
        let limits = Limits { all: 10, ..LIMITS };
        let each = [Lane::Load, Lane::Task, Lane::Write, Lane::Deletion];
        let mut lanes = lanes(limits, &each.map(|lane| (lane, 10)));
        assert_eq!(lanes.wanted(), 8);
        let taken = taken(&mut lanes, Next::WithinLimits);
        let count = |lane| taken.iter().filter(|taken| **taken == lane).count();
        assert_eq!((count(Lane::Load), count(Lane::Task)), (3, 3));
        assert_eq!(count(Lane::Write) + count(Lane::Deletion), 2);
        assert!(lanes.wanted() == 0 && !lanes.is_wanting());
    }

    #[test]
    fn deferred_drops_wait_for_no_limit() {
        let mut lanes = lanes(LIMITS, &[(Lane::Load, 10)]);
        assert_eq!(taken(&mut lanes, Next::WithinLimits).len(), 3);
        lanes.enqueue(Lane::DeferredDrop, Job::DeferredDrop(Arc::new(())));
        assert_eq!(lanes.wanted(), 1);
        assert_eq!(taken(&mut lanes, Next::WithinLimits), [Lane::DeferredDrop]);
    }

    #[test]
    fn what_a_caller_runs_itself_takes_no_room() {
        let mut lanes = lanes(LIMITS, &[(Lane::Load, 6)]);
        let own: Vec<_> = (0..3).filter_map(|_| lanes.take(Next::Anything)).collect();
        assert_eq!(lanes.running(), 0);
        assert_eq!(taken(&mut lanes, Next::WithinLimits).len(), 3);
        own.into_iter().for_each(|(ticket, _)| lanes.end(ticket));
        assert_eq!((lanes.running(), lanes.under_way()), (3, (6, 3)));
        assert_eq!(lanes.ended(Lane::Load), 3);
    }
}
