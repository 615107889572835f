//! Whether the tasks that wait for a worker are worth the wake-up of another one.
//!
//! What that costs both sides is known, about; how long the tasks will wait is not, for
//! it depends on how long polls take. The best guess is that they take as long as
//! those before. So a sibling is woken for tasks that have waited for as long as it costs, and
//! will wait for twice as long as that: then it arrives in time to run half of them,
//! whereas less is over too soon for it to be of much help.
//!
//! The guess may be wrong, and tasks may become ready as fast as they are run: what has
//! lasted for long is handed out, whatever it looks like.
//!
//! A watcher at its look is up already, so it takes part in what will last, without
//! waiting whether it does.

use filch_timer::Tick;
use std::time::Duration;

/// About what it costs both sides to wake a worker.
const COST: Duration = Duration::from_micros(50);

/// Tasks that will wait for this long are worth that.
const LONG: Duration = Duration::from_micros(100);

/// Tasks that have waited for this long are in any case.
const TOO_LONG: Duration = Duration::from_micros(200);

/// Whether so many tasks will wait for long if polls last so long on average.
pub(super) fn is_long(tasks: usize, poll: Duration) -> bool {
    let tasks = u32::try_from(tasks).unwrap_or(u32::MAX);
    poll.saturating_mul(tasks) >= LONG
}

/// The tasks that wait for one worker, as its maintenance sees them.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Since when there have been some.
    since: Option<Tick>,
}

impl Backlog {
    /// There is none.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.since = None;
    }

    /// Whether to wake a sibling, with `ready` tasks waiting at `now`, one of which this
    /// worker runs next. The polls since `before` took as long as `poll` on average.
    #[must_use = "nobody else wakes a sibling for it"]
    pub(super) fn is_worth_waking_for(
        &mut self,
        ready: usize,
        poll: Duration,
        before: Tick,
        now: Tick,
    ) -> bool {
        let waiting = ready.saturating_sub(1);
        if waiting == 0 {
            self.clear();
            return false;
        }
        let since = *self.since.get_or_insert(before);
        let waited = now.saturating_duration_since(since);
        waited >= COST && is_long(waiting, poll) || waited >= TOO_LONG
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn at(micros: u64) -> Tick {
        Tick::from_nanos(micros * 1_000)
    }

    /// At which of the maintenances, every 25 µs, a sibling is woken while there are always
    /// so many tasks.
    fn woken(backlog: &mut Backlog, ready: usize, poll: Duration) -> Vec<u64> {
        (25..=250)
            .step_by(25)
            .filter(|&now| backlog.is_worth_waking_for(ready, poll, at(now - 25), at(now)))
            .collect()
    }

    #[test]
    fn a_task_that_is_alone_waits_for_nobody() {
        for ready in [0, 1] {
            let backlog = &mut Backlog::default();
            assert_eq!(woken(backlog, ready, micros(1_000)), [0; 0]);
        }
    }

    #[test]
    fn a_long_backlog_is_worth_it_once_it_has_waited() {
        let expected = [50, 75, 100, 125, 150, 175, 200, 225, 250];
        for (ready, poll) in [(2, micros(100)), (101, micros(1)), (usize::MAX, micros(1))] {
            assert_eq!(woken(&mut Backlog::default(), ready, poll), expected);
        }
    }

    #[test]
    fn a_short_backlog_is_worth_it_if_it_does_not_end() {
        for (ready, poll) in [(2, micros(99)), (100, micros(1)), (9_000, micros(0))] {
            assert_eq!(woken(&mut Backlog::default(), ready, poll), [200, 225, 250]);
        }
    }

    #[test]
    fn what_has_waited_counts_from_when_there_was_none() {
        let backlog = &mut Backlog::default();
        assert!(!backlog.is_worth_waking_for(9, micros(100), at(0), at(25)));
        assert!(!backlog.is_worth_waking_for(1, micros(100), at(25), at(50)));
        assert!(!backlog.is_worth_waking_for(9, micros(100), at(50), at(75)));
        backlog.clear();
        assert!(!backlog.is_worth_waking_for(9, micros(100), at(75), at(100)));
        assert!(backlog.is_worth_waking_for(9, micros(100), at(100), at(125)));
    }

    #[test]
    fn nothing_overflows() {
        assert!(is_long(usize::MAX, Duration::MAX));
        assert!(!is_long(usize::MAX, Duration::ZERO));
        assert!(!is_long(0, Duration::MAX));
    }
}
