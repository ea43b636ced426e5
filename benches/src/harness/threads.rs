//! The same work on several threads at once.

use std::iter::Sum;
use std::sync::Barrier;
use std::time::{Duration, Instant};

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
    fn by(work: impl FnOnce()) -> Self {
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
