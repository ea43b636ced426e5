//! How many loads, or write-backs, run at a time: as many as the waiting is worth.
//! Pure decisions, from what the store's own thread has seen.
//!
//! A thread that waits for the disk does not use a core, so that more of them may run. The
//! width of a lane begins at what the cores can use. While jobs are queued, it grows, at
//! most to twice what it was, if more than half of the threads wait and the others would
//! not use more than the cores, and one. The jobs that end in a second are then counted
//! again. If there are not more of them, the growth is taken back, and the next attempt is
//! made later. Where threads stop waiting, the width shrinks as soon as that is certain.

use std::time::Duration;

use crate::sync::Instant;

/// The longest time for which jobs are counted before a decision.
const WINDOW: Duration = Duration::from_millis(20);

/// The fewest jobs from which a rate is computed, unless that takes longer.
const JOBS: u64 = 16;

/// Growth that was taken back is tried again after this time, which doubles each time.
const FIRST_HOLD: Duration = Duration::from_millis(100);
const LONGEST_HOLD: Duration = Duration::from_secs(5);

/// After a pause of this length, nothing is known of the threads any more.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// How often threads must have been seen at work before the width shrinks. Of few looks, a
/// single one by chance would count as too many.
const CERTAIN: usize = 8;

/// From this number of looks on, older ones count for half.
const LOOKS: usize = 128;

/// Looks at threads that run jobs, and how many of the threads were waiting.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looks {
    pub(super) all: usize,
    pub(super) waiting: usize,
}

impl Looks {
    pub(super) fn add(&mut self, other: Self) {
        self.all += other.all;
        self.waiting += other.waiting;
    }

    /// Whether more than half of the threads wait.
    pub(super) fn is_mostly_waiting(self) -> bool {
        self.waiting * 2 > self.all
    }

    /// How many threads may run, so that `awake` of them do not wait.
    fn threads_for(self, awake: usize) -> usize {
        (awake * self.all)
            .checked_div(self.working())
            .unwrap_or(usize::MAX)
    }

    fn working(self) -> usize {
        self.all - self.waiting
    }
}

/// What a lane and the queue were doing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) now: Instant,
    /// Jobs of the lane that are queued.
    pub(super) queued: usize,
    /// Jobs of the lane that have ever ended.
    pub(super) ended: u64,
    /// Jobs of all lanes that run.
    pub(super) running: usize,
    pub(super) looks: Looks,
}

/// The width of a lane.
#[derive(Debug)]
pub(super) struct Growth {
    least: usize,
    most: usize,
    width: usize,
    /// The most threads that do not wait.
    awake: usize,
    /// When the present count of jobs began, and the jobs that had ended then.
    began: Instant,
    ended: u64,
    seen: Instant,
    /// The looks since the width has changed, of which older ones count for less.
    looks: Looks,
    /// The width has just changed: threads are only starting, or end what they were doing.
    is_settling: bool,
    /// The width before the last growth, and the jobs that ended in a second.
    before: Option<(usize, f64)>,
    hold: Duration,
    held_until: Option<Instant>,
}

impl Growth {
    pub(super) fn new(least: usize, most: usize, awake: usize) -> Self {
        let now = Instant::now();
        Self {
            least,
            most: most.max(least),
            width: least,
            awake,
            began: now,
            ended: 0,
            seen: now,
            looks: Looks::default(),
            is_settling: false,
            before: None,
            hold: FIRST_HOLD,
            held_until: None,
        }
    }

    #[cfg(all(test, not(shuttle)))]
    fn width(&self) -> usize {
        self.width
    }

    /// The largest width.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// By how much the width exceeds what the cores can use.
    pub(super) fn grown(&self) -> usize {
        self.width - self.least
    }

    /// Decides what the width is from now on.
    pub(super) fn observe(&mut self, seen: Seen) {
        if since(self.seen, seen.now) > FORGOTTEN {
            self.set_width(self.least);
            // The threads of before have long ended.
            self.is_settling = false;
            self.before = None;
            self.restart(&seen);
        }
        self.seen = seen.now;
        if seen.queued == 0 {
            // The threads keep up, or are not all busy, so that their rate says nothing.
            self.restart(&seen);
            self.before = None;
            return;
        }
        self.look(seen.looks);
        let threads = self.looks.threads_for(self.awake);
        let is_certain = self.looks.working() >= CERTAIN;
        if is_certain && threads < seen.running && self.width > self.least {
            let fewer = (seen.running - threads).min(self.width - self.least);
            self.set_width(self.width - fewer);
            self.before = None;
            return self.restart(&seen);
        }
        let time = since(self.began, seen.now);
        let ended = seen.ended - self.ended;
        if time < WINDOW && ended < JOBS.max(2 * self.width as u64) {
            return;
        }
        if !std::mem::take(&mut self.is_settling) {
            self.decide(&seen, ended as f64 / time.as_secs_f64().max(1e-9), threads);
        }
        self.restart(&seen);
    }

    fn decide(&mut self, seen: &Seen, rate: f64, threads: usize) {
        if let Some((width, before)) = self.before.take() {
            let growth = self.width as f64 / width as f64;
            // A quarter of what so many more threads can do at best.
            if rate < before * (1.0 + (growth - 1.0) / 4.0) {
                self.set_width(width);
                self.held_until = Some(seen.now + self.hold);
                self.hold = (self.hold * 2).min(LONGEST_HOLD);
                return;
            }
            self.hold = FIRST_HOLD;
        }
        let is_held =
            (self.held_until).is_some_and(|until| since(seen.now, until) > Duration::ZERO);
        if is_held || !self.looks.is_mostly_waiting() {
            return;
        }
        let more = threads.saturating_sub(seen.running).min(self.width);
        let width = (self.width + more).min(self.most);
        if width > self.width {
            self.before = Some((self.width, rate));
            self.set_width(width);
        }
    }

    fn set_width(&mut self, width: usize) {
        self.width = width;
        self.looks = Looks::default();
        self.is_settling = true;
    }

    fn look(&mut self, looks: Looks) {
        if self.looks.all >= LOOKS {
            self.looks.all /= 2;
            self.looks.waiting /= 2;
        }
        self.looks.add(looks);
    }

    /// Counts jobs from now on.
    fn restart(&mut self, seen: &Seen) {
        self.began = seen.now;
        self.ended = seen.ended;
    }
}

/// The time from `earlier` to `later`; zero in the other order.
fn since(earlier: Instant, later: Instant) -> Duration {
    later.checked_duration_since(earlier).unwrap_or_default()
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const AWAKE: usize = 3;

    /// A lane on a store with jobs without end, of which this many end in a millisecond
    /// with each number of threads.
    struct Lane<F> {
        growth: Growth,
        now: Instant,
        ended: f64,
        /// The width a millisecond ago.
        before: usize,
        rate: F,
    }

    impl<F: Fn(usize) -> f64> Lane<F> {
        fn new(most: usize, rate: F) -> Self {
            Self {
                growth: Growth::new(AWAKE, most, AWAKE),
                now: Instant::now(),
                ended: 0.0,
                before: AWAKE,
                rate,
            }
        }

        /// Lets a millisecond pass, in which this share of the threads waits.
        fn pass(&mut self, waiting: f64) -> usize {
            let all = self.growth.width().min(8);
            let waiting = (all as f64 * waiting).round() as usize;
            self.pass_with(Looks { all, waiting })
        }

        /// Lets a millisecond pass with these looks at threads. What ends in it was begun
        /// before it.
        fn pass_with(&mut self, looks: Looks) -> usize {
            let width = self.growth.width();
            self.ended += (self.rate)(std::mem::replace(&mut self.before, width));
            self.now += MS;
            self.growth.observe(Seen {
                now: self.now,
                queued: 1,
                ended: self.ended as u64,
                running: width,
                looks,
            });
            self.growth.width()
        }

        /// The widths of so many milliseconds.
        fn widths(&mut self, times: usize, waiting: f64) -> Vec<usize> {
            (0..times).map(|_| self.pass(waiting)).collect()
        }
    }

    #[test]
    fn a_lane_that_waits_grows_to_its_bound_while_that_helps() {
        for (most, per_thread) in [(64, 1.0), (64, 0.1), (256, 1.0), (64, 8.0)] {
            let mut lane = Lane::new(most, |width| width as f64 * per_thread);
            let widths = lane.widths(400, 1.0);
            assert!(widths.is_sorted(), "{widths:?}");
            assert_eq!(widths.last(), Some(&most), "{per_thread}");
        }
    }

    #[test]
    fn calls_that_do_not_return_are_joined_by_others() {
        let mut lane = Lane::new(64, |_| 0.0);
        assert_eq!(lane.widths(500, 1.0).last(), Some(&64));
    }

    #[test]
    fn a_lane_that_does_not_wait_never_grows() {
        let mut lane = Lane::new(64, |width| width as f64);
        assert_eq!(lane.widths(1000, 0.0), [AWAKE; 1000]);
        assert_eq!(lane.widths(1000, 0.33), [AWAKE; 1000]);
    }

    /// Such as a disk with one head.
    #[test]
    fn growth_that_does_not_help_is_taken_back_and_seldom_tried_again() {
        let mut lane = Lane::new(64, |_| 2.0);
        let widths = lane.widths(10_000, 1.0);
        assert!(*widths.iter().max().expect("some") <= 2 * AWAKE);
        let grown = widths.iter().filter(|width| **width > AWAKE).count();
        assert!((1..500).contains(&grown), "{grown} of 10000 ms");
    }

    #[test]
    fn growth_stops_where_it_no_longer_helps() {
        let mut lane = Lane::new(64, |width| width.min(12) as f64);
        let widths = lane.widths(5000, 1.0);
        let usual = widths.iter().filter(|width| **width == 12).count();
        assert!(usual > 4000, "{usual} of 5000 ms");
    }

    /// With half a millisecond of work in each, 3 cores are busy with 6 threads.
    #[test]
    fn the_threads_that_do_not_wait_are_as_many_as_cores_and_one() {
        let mut lane = Lane::new(64, |width| width as f64);
        assert_eq!(lane.widths(1000, 0.75).last(), Some(&(AWAKE * 4)));
    }

    #[test]
    fn a_lane_that_stops_waiting_shrinks_at_once() {
        let mut lane = Lane::new(64, |width| width as f64);
        assert_eq!(lane.widths(400, 1.0).last(), Some(&64));
        assert_eq!(lane.widths(2, 0.0).last(), Some(&AWAKE));
    }

    /// Of 64 threads, two work at a time, which the cores can do. By chance, looks at some of
    /// them find more.
    #[test]
    fn chance_rarely_shrinks_a_lane() {
        let mut lane = Lane::new(64, |width| width as f64);
        assert_eq!(lane.widths(400, 1.0).last(), Some(&64));
        let mut random = 7_u64;
        let mut works = || {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            usize::from((random >> 33).is_multiple_of(32))
        };
        let widths: Vec<_> = (0..20_000)
            .map(|_| {
                let waiting = 8 - (0..8).map(|_| works()).sum::<usize>();
                lane.pass_with(Looks { all: 8, waiting })
            })
            .collect();
        let mean = widths.iter().sum::<usize>() as f64 / widths.len() as f64;
        assert!(mean > 60.0, "{mean}");
    }

    #[test]
    fn a_burst_after_a_pause_grows_as_soon_as_the_first() {
        let mut lane = Lane::new(64, |width| width as f64);
        let first = lane.widths(40, 1.0);
        assert!(first[39] > AWAKE);
        lane.now += FORGOTTEN + MS;
        lane.growth.observe(Seen {
            now: lane.now,
            queued: 1,
            ended: lane.ended as u64,
            running: 0,
            looks: Looks::default(),
        });
        lane.before = AWAKE;
        assert_eq!(lane.widths(40, 1.0), first);
    }

    /// What ends right after it has shrunk was begun by more threads.
    #[test]
    fn a_lane_that_has_shrunk_grows_again_once_threads_wait() {
        let mut lane = Lane::new(64, |width| width as f64);
        assert_eq!(lane.widths(400, 1.0).last(), Some(&64));
        assert_eq!(lane.widths(3, 0.0).last(), Some(&AWAKE));
        let widths = lane.widths(60, 1.0);
        assert!(widths.is_sorted(), "{widths:?}");
        assert_eq!(widths.last(), Some(&64));
    }

    #[test]
    fn a_lane_begins_anew_after_a_pause() {
        let mut lane = Lane::new(64, |width| width as f64);
        assert_eq!(lane.widths(400, 1.0).last(), Some(&64));
        lane.now += FORGOTTEN;
        assert_eq!(lane.pass(1.0), AWAKE);
    }
}
