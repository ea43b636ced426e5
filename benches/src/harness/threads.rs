//! The same work on several threads at once.

use std::iter::{StepBy, Sum};
use std::ops::Range;
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// What a thread took for its work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    pub wall: Duration,
    /// Time that it ran on a processor. Whatever else the machine does meanwhile
    /// counts less here, and so does waiting for a lock.
    pub cpu: Duration,
}

impl Taken {
    /// What this thread takes for it.
    pub fn by(work: impl FnOnce()) -> Self {
        let (begin, cpu) = (Instant::now(), thread_time());
        work();
        Self {
            wall: begin.elapsed(),
            cpu: thread_time().saturating_sub(cpu),
        }
    }
}

impl Sum for Taken {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, taken| Self {
            wall: sum.wall + taken.wall,
            cpu: sum.cpu + taken.cpu,
        })
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Runs `work` on `threads` threads that start together, and gives the mean of
/// what they took. `work` gets the thread's number.
pub fn together(threads: usize, work: &(dyn Fn(usize) + Sync)) -> Taken {
    if threads == 1 {
        return Taken::by(|| work(0));
    }
    let barrier = Barrier::new(threads);
    let total: Taken = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|number| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    Taken::by(|| work(number))
                })
            })
            .collect();
        all.into_iter()
            .map(|thread| thread.join().expect("a contender does not panic"))
            .sum()
    });
    Taken {
        wall: total.wall / threads as u32,
        cpu: total.cpu / threads as u32,
    }
}

/// Divides the numbers from 0 up to `items` among threads, each of which runs
/// `work` on its own.
pub fn share(
    threads: usize,
    items: usize,
    work: &(dyn Fn(StepBy<Range<usize>>) -> Result<()> + Sync),
) -> Result<()> {
    let failed = Mutex::new(None);
    let threads = threads.min(items).max(1);
    together(threads, &|thread| {
        if let Err(error) = work((thread..items).step_by(threads)) {
            *failed.lock().expect("no thread panics with it") = Some(error);
        }
    });
    let failed = failed.into_inner().expect("no thread panics with it");
    failed.map_or(Ok(()), Err)
}

/// Runs `body` while `count` other threads are alive, each of which has done
/// `first` once.
pub fn among<R>(count: usize, first: &(dyn Fn() + Sync), body: impl FnOnce() -> R) -> R {
    let (ready, done) = (Barrier::new(count + 1), Barrier::new(count + 1));
    std::thread::scope(|scope| {
        for _ in 0..count {
            let (ready, done) = (&ready, &done);
            std::thread::Builder::new()
                .stack_size(64 * 1024)
                .spawn_scoped(scope, move || {
                    first();
                    ready.wait();
                    done.wait();
                })
                .expect("a thread can be started");
        }
        ready.wait();
        let result = body();
        done.wait();
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[test]
    fn every_number_is_worked_on_once() {
        for threads in [1, 2, 8] {
            let times: Vec<_> = (0..101).map(|_| AtomicUsize::new(0)).collect();
            share(threads, times.len(), &|ids| {
                for id in ids {
                    times[id].fetch_add(1, Relaxed);
                }
                Ok(())
            })
            .expect("nothing fails");
            assert!(times.iter().all(|times| times.load(Relaxed) == 1));
        }
    }

    #[test]
    fn the_failure_of_one_thread_is_told() {
        let result = share(2, 10, &|mut ids| {
            anyhow::ensure!(!ids.any(|id| id == 3), "three");
            Ok(())
        });
        assert_eq!(result.expect_err("three fails").to_string(), "three");
    }
}
