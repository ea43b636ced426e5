//! Waiting for a lock that somebody else has.

use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// The pause after the first attempt. Each pause is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// A lock that is released is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Repeats an attempt that fails because something [is in use](crate::Error::is_in_use),
/// until it succeeds, fails for another reason, or the timeout has passed. There is at least
/// one attempt, and one at the end of the timeout.
///
/// It polls, because a lock of the system that is waited for cannot be given up: the wait
/// has neither a timeout nor a way to cancel it, except by a signal.
pub(crate) fn retry_while_in_use<R>(
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<R>,
) -> Result<R> {
    let begun = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    loop {
        let result = attempt();
        let left = timeout.saturating_sub(begun.elapsed());
        match &result {
            Err(error) if error.is_in_use() && !left.is_zero() => {}
            _ => return result,
        }
        thread::sleep(pause.min(left));
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::error::{Cause, Operation};

    const LONG: Duration = Duration::from_secs(3600);

    fn failed(cause: Cause) -> Error {
        Error::new(Operation::Prepare, cause)
    }

    #[test]
    fn what_is_in_use_is_tried_again_until_it_is_free() {
        let mut attempts = 0;
        let result = retry_while_in_use(LONG, || {
            attempts += 1;
            match attempts {
                3 => Ok("free"),
                _ => Err(failed(Cause::Locked)),
            }
        });
        assert_eq!((result.expect("it is free"), attempts), ("free", 3));
    }

    #[test]
    fn without_a_timeout_there_is_one_attempt() {
        let mut attempts = 0;
        let result = retry_while_in_use(Duration::ZERO, || {
            attempts += 1;
            Err::<(), _>(failed(Cause::Locked))
        });
        assert!(result.is_err_and(|error| error.is_in_use()));
        assert_eq!(attempts, 1);
    }

    #[test]
    fn the_wait_ends_with_the_timeout() {
        let mut attempts = 0;
        let result = retry_while_in_use(Duration::from_millis(1), || {
            attempts += 1;
            Err::<(), _>(failed(Cause::Locked))
        });
        assert!(result.is_err_and(|error| error.is_in_use()));
        assert!(attempts > 0);
    }

    #[test]
    fn other_errors_are_returned_at_once() {
        let mut attempts = 0;
        let result = retry_while_in_use(LONG, || {
            attempts += 1;
            Err::<(), _>(failed(Cause::ReadOnly))
        });
        assert!(result.is_err_and(|error| !error.is_in_use()));
        assert_eq!(attempts, 1);
    }
}
