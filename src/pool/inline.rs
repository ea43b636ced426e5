//! Which loads of async callers are tried inline, on the thread that runs their task.
//!
//! A load is tried inline if it is expected to take at most [`MOST_TIME`]. Expectations are
//! the thread CPU times of earlier loads of the pool that did not wait, by the length of the
//! encoding: the time for each KiB differs between small values, large ones, and maps.
//! Loads on other threads count too, so that expectations do not depend on what was tried.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest time that a load is expected to take on the thread of a task.
const MOST_TIME: Duration = Duration::from_micros(50);

/// Longer encodings are never loaded inline, maps neither.
const MOST_BYTES: u64 = 2 << 20;

/// Below this length, a load is tried inline although nothing is known about it.
const UNKNOWN_BYTES: u64 = 16 << 10;

/// After so many refusals in a row, most loads are not tried.
const PATIENCE: u32 = 4;

/// Then one in so many is.
const TRIAL: u32 = 16;

/// One in so many loads is a sample, after the first ones, and each load that was refused
/// because it was not expected to be short.
const SAMPLING: u32 = 16;

/// A unit of tokio's budget for a poll, of which there are 128.
const UNIT: Duration = Duration::from_micros(4);

/// Lengths below 1 KiB, below 2 KiB, and so on up to [`MOST_BYTES`].
const CLASSES: usize = 13;

/// Decides for one pool.
pub(super) struct InlineLoads {
    /// The last attempts in a row that were refused.
    refused: AtomicU32,
    /// Loads that were not tried because of them.
    skipped: AtomicU32,
    /// The store can load inline, so expectations are worth their price.
    is_possible: AtomicBool,
    /// Loads since then.
    loads: AtomicU32,
    expected: [Expected; CLASSES],
}

/// The time that a KiB is expected to take.
struct Expected {
    /// In units of 2^-10 ns, because a KiB of a map takes less than a nanosecond.
    /// [`UNKNOWN`] before the first sample.
    per_kib: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;
const NANO: u64 = 1 << 10;

/// The beginning of a load that is a sample.
#[must_use]
pub(super) struct Sample {
    begun: Instant,
    /// Thread CPU time.
    cpu: Duration,
}

impl InlineLoads {
    pub(super) fn new() -> Self {
        Self {
            refused: AtomicU32::new(0),
            skipped: AtomicU32::new(0),
            is_possible: AtomicBool::new(false),
            loads: AtomicU32::new(0),
            expected: std::array::from_fn(|_| Expected::new()),
        }
    }

    /// Whether most loads are tried.
    pub(super) fn are_usual(&self) -> bool {
        self.refused.load(Ordering::Relaxed) < PATIENCE
    }

    /// Whether to try the next load.
    pub(super) fn are_worth_trying(&self) -> bool {
        self.are_usual() || self.skipped.fetch_add(1, Ordering::Relaxed) % TRIAL == TRIAL - 1
    }

    /// Whether a load of a value whose encoding has so many bytes is expected to be short.
    pub(super) fn fits(&self, len: u64) -> bool {
        self.is_possible.store(true, Ordering::Relaxed);
        if len > MOST_BYTES {
            return false;
        }
        match self.expected[class_of(len)].time_of(len) {
            None => len < UNKNOWN_BYTES,
            Some(time) if time <= MOST_TIME => true,
            Some(_) => {
                self.expected[class_of(len)].decay();
                false
            }
        }
    }

    pub(super) fn was_loaded(&self) {
        if self.refused.load(Ordering::Relaxed) != 0 {
            self.refused.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn was_refused(&self) {
        // More need not be counted, and could overflow.
        if self.refused.load(Ordering::Relaxed) < PATIENCE {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins a sample, if the load that begins now is to be one.
    pub(super) fn begin(&self) -> Option<Sample> {
        if !self.is_possible.load(Ordering::Relaxed) {
            return None;
        }
        let loads = self.loads.fetch_add(1, Ordering::Relaxed);
        let is_sample = loads < SAMPLING || loads.is_multiple_of(SAMPLING);
        is_sample.then(Sample::begin).flatten()
    }

    /// A sample has ended. The encoding of its value has so many bytes.
    pub(super) fn learn(&self, len: u64, sample: &Sample) {
        if let Some(time) = sample.time()
            && len <= MOST_BYTES
        {
            self.expected[class_of(len)].note(len, time);
        }
    }
}

/// How many units of the budget of a poll so much time is.
pub(super) fn units_of(time: Duration) -> u32 {
    let units = time.as_nanos() / UNIT.as_nanos();
    u32::try_from(units).unwrap_or(u32::MAX).saturating_add(1)
}

fn class_of(len: u64) -> usize {
    let kib = len >> 10;
    let class = (u64::BITS - kib.leading_zeros()) as usize;
    class.min(CLASSES - 1)
}

/// At least 1, so that the fixed costs of small values count.
fn kib_of(len: u64) -> u64 {
    len.div_ceil(1 << 10).max(1)
}

impl Expected {
    fn new() -> Self {
        Self {
            per_kib: AtomicU64::new(UNKNOWN),
        }
    }

    fn time_of(&self, len: u64) -> Option<Duration> {
        let per_kib = self.per_kib.load(Ordering::Relaxed);
        (per_kib != UNKNOWN).then(|| Duration::from_nanos(per_kib * kib_of(len) / NANO))
    }

    /// A sample moves the expectation up by an eighth of the way, or down by a quarter,
    /// because what makes a load slower than others, such as cold caches, has little to do
    /// with the next one. One that is far off counts as four times the expectation.
    fn note(&self, len: u64, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // A bound far beyond any time that matters, so that nothing overflows.
        let sample = nanos.min(1 << 30) * NANO / kib_of(len);
        let before = self.per_kib.load(Ordering::Relaxed);
        let now = match before {
            UNKNOWN => sample,
            before if sample < before => before - (before - sample) / 4,
            before => before + (sample.min(before.saturating_mul(4)) - before) / 8,
        };
        self.per_kib.store(now.max(1), Ordering::Relaxed);
    }

    /// Loads that are not tried may give no samples, if they all wait. So the expectation
    /// shrinks until one is tried again.
    fn decay(&self) {
        let per_kib = self.per_kib.load(Ordering::Relaxed);
        self.per_kib
            .store(per_kib - per_kib / 64, Ordering::Relaxed);
    }
}

impl Sample {
    /// `None` on systems that do not tell the CPU time of a thread.
    pub(super) fn begin() -> Option<Self> {
        let cpu = thread_time()?;
        Some(Self {
            begun: Instant::now(),
            cpu,
        })
    }

    /// The CPU time since the beginning, if the thread has not waited.
    fn time(&self) -> Option<Duration> {
        let cpu = thread_time()?.checked_sub(self.cpu)?;
        let wall = self.begun.elapsed();
        (wall <= cpu + cpu / 4 + Duration::from_micros(2)).then_some(cpu)
    }
}

/// The CPU time of this thread. The model checker replays schedules, which must not depend
/// on it.
#[cfg(all(target_os = "linux", not(shuttle)))]
fn thread_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::ThreadCPUTime).try_into().ok()
}

#[cfg(not(all(target_os = "linux", not(shuttle))))]
fn thread_time() -> Option<Duration> {
    None
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    fn after(samples: impl IntoIterator<Item = (u64, Duration)>) -> InlineLoads {
        let loads = InlineLoads::new();
        for (len, time) in samples {
            loads.expected[class_of(len)].note(len, time);
        }
        loads
    }

    #[test]
    fn without_history_only_small_values_are_loaded_inline() {
        let loads = InlineLoads::new();
        assert!(loads.fits(0) && loads.fits(UNKNOWN_BYTES - 1));
        assert!(!loads.fits(UNKNOWN_BYTES) && !loads.fits(u64::MAX));
    }

    #[test]
    fn a_load_is_tried_if_such_loads_were_short() {
        let loads = after([
            (1 << 20, 11 * MICRO),
            (100_000, 80 * MICRO),
            (100, 60 * MICRO),
        ]);
        assert!(loads.fits(1 << 20), "a map");
        assert!(!loads.fits(100_000), "it takes long to decode");
        assert!(!loads.fits(100), "small, but slow");
        assert!(loads.fits(5000), "nothing is known about such values");
        assert!(!loads.fits(MOST_BYTES + 1), "whatever it takes");
    }

    /// The time for a KiB is what is learnt, so a longer value of the same class takes more.
    #[test]
    fn the_expectation_grows_with_the_length() {
        let loads = after([(33 << 10, 30 * MICRO)]);
        assert!(loads.fits(33 << 10) && loads.fits(54 << 10));
        assert!(!loads.fits(60 << 10));
    }

    #[test]
    fn one_long_load_changes_little_and_many_change_all() {
        let usual = || (0..20).map(|_| (4096, 5 * MICRO));
        let preempted = (4096, Duration::from_millis(4));
        assert!(after(usual().chain([preempted])).fits(4096));
        let slow = (0..20).map(|_| (4096, 200 * MICRO));
        assert!(!after(usual().chain(slow)).fits(4096));
    }

    #[test]
    fn an_expectation_that_nothing_confirms_is_tried_again() {
        let loads = after([(4096, 200 * MICRO)]);
        let tries = (1..).find(|_| loads.fits(4096)).expect("at some time");
        assert!((50..200).contains(&tries), "after {tries}");
    }

    #[test]
    fn after_refusals_in_a_row_one_load_in_sixteen_is_tried() {
        let loads = InlineLoads::new();
        for _ in 0..PATIENCE {
            assert!(loads.are_worth_trying());
            loads.was_refused();
        }
        let tried = (0..160).filter(|_| loads.are_worth_trying()).count();
        assert_eq!(tried, 10);
        loads.was_loaded();
        assert!((0..16).all(|_| loads.are_worth_trying()));
    }

    #[test]
    fn every_length_has_a_class() {
        let lengths = [
            0,
            1023,
            1024,
            2047,
            2048,
            MOST_BYTES - 1,
            MOST_BYTES,
            u64::MAX,
        ];
        let classes = lengths.map(class_of);
        assert_eq!(classes, [0, 0, 1, 1, 2, 11, 12, 12]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_load_that_waits_is_no_sample() {
        let loads = InlineLoads::new();
        assert!(loads.begin().is_none(), "the store may never load inline");
        assert!(loads.fits(100), "from now on, loads are sampled");
        let mut sample = loads.begin().expect("the first one is");
        sample.begun -= Duration::from_millis(10);
        assert_eq!(sample.time(), None);
        loads.learn(100, &sample);
        assert_eq!(loads.expected[0].time_of(100), None);
        let samples = (0..160 + SAMPLING).filter(|_| loads.begin().is_some());
        assert_eq!(
            samples.count(),
            15 + 11,
            "the first ones, and one in sixteen"
        );
    }

    #[test]
    fn what_a_load_takes_is_counted_in_units() {
        assert_eq!([0, 1, 25].map(|units| units_of(units * UNIT)), [1, 2, 26]);
        assert_eq!(units_of(Duration::MAX), u32::MAX);
    }
}
