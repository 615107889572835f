//! Whether the tasks that wait for a worker are worth the wake-up of another one.
//!
//! What that costs both sides is known, about. How long the tasks will wait is not: it
//! depends on how long polls take, and on how many tasks they make ready. So it is
//! guessed from how fast they have become fewer so far. A sibling is woken for
//! tasks that have waited for as long as it costs, and will wait for twice as long as that:
//! then it arrives in time to run half of them. A batch that is on the way to its end is
//! over too soon for a sibling to be of much help; tasks that do not become fewer are not.
//!
//! A watcher at its look is up already. It takes part in what will last by the length of
//! polls alone, without waiting whether it does.

use filch_timer::Tick;
use std::time::Duration;

/// About what it costs both sides to wake a worker.
const COST: Duration = Duration::from_micros(50);

/// Tasks that will wait for this long are worth that.
const LONG: Duration = Duration::from_micros(100);

/// Whether so many tasks will wait for long if polls last so long on average.
pub(super) fn is_long(tasks: usize, poll: Duration) -> bool {
    let tasks = u32::try_from(tasks).unwrap_or(u32::MAX);
    poll.saturating_mul(tasks) >= LONG
}

/// The tasks that wait for one worker, as its maintenance sees them.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    first_seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// So many tasks waited ...
    waiting: usize,
    /// ... at that time, ...
    at: Tick,
    /// ... and had since then, perhaps.
    since: Tick,
}

impl Backlog {
    /// There is none.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.first_seen = None;
    }

    /// Whether to wake a sibling, with `ready` tasks waiting at `now`, one of which this
    /// worker runs next. The last maintenance, as far as is known, was at `before`.
    #[must_use = "nobody else wakes a sibling for it"]
    pub(super) fn is_worth_waking_for(&mut self, ready: usize, before: Tick, now: Tick) -> bool {
        let waiting = ready.saturating_sub(1);
        if waiting == 0 {
            self.clear();
            return false;
        }
        let seen = *self.first_seen.get_or_insert(Seen {
            waiting,
            at: now,
            since: before,
        });
        now.saturating_duration_since(seen.since) >= COST && !seen.ends_soon(waiting, now)
    }
}

impl Seen {
    /// Whether, with so many still waiting at `now`, none will be before long if they go on
    /// becoming fewer as fast as until now.
    fn ends_soon(&self, waiting: usize, now: Tick) -> bool {
        let fewer = self.waiting.saturating_sub(waiting);
        let took = now.saturating_duration_since(self.at);
        took.as_nanos() * (waiting as u128) < LONG.as_nanos() * (fewer as u128)
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

    /// At which of the maintenances, every 25 µs, a sibling is woken while so many tasks
    /// are ready.
    fn woken(backlog: &mut Backlog, ready: &[usize]) -> Vec<u64> {
        let mut woken = Vec::new();
        for (before, &ready) in (0..).step_by(25).zip(ready) {
            let now = before + 25;
            if backlog.is_worth_waking_for(ready, at(before), at(now)) {
                woken.push(now);
            }
        }
        woken
    }

    #[test]
    fn a_task_that_is_alone_waits_for_nobody() {
        assert_eq!(woken(&mut Backlog::default(), &[1, 1, 1, 0, 1, 1]), [0; 0]);
    }

    #[test]
    fn tasks_that_do_not_become_fewer_are_worth_it() {
        for ready in [[2, 2, 2, 2], [2, 3, 4, 5], [200, 201, 200, 200]] {
            assert_eq!(woken(&mut Backlog::default(), &ready), [50, 75, 100]);
        }
    }

    #[test]
    fn a_batch_that_ends_soon_is_not() {
        let batch = [49, 33, 17, 1];
        assert_eq!(woken(&mut Backlog::default(), &batch), [0; 0]);
    }

    #[test]
    fn one_that_takes_long_is_until_it_is_about_to_end() {
        // In 50 µs 10 of 51 are run, the others will take 205.
        let batch = [52, 47, 42, 37, 32, 27, 22, 17, 12, 7, 2];
        let worth = [50, 75, 100, 125, 150, 175];
        assert_eq!(woken(&mut Backlog::default(), &batch), worth);
    }

    #[test]
    fn long_polls_are_worth_it_at_once() {
        let backlog = &mut Backlog::default();
        assert!(backlog.is_worth_waking_for(2, at(0), at(50)));
        let backlog = &mut Backlog::default();
        assert!(!backlog.is_worth_waking_for(2, at(0), at(49)));
    }

    #[test]
    fn what_has_waited_counts_from_when_there_was_none() {
        let backlog = &mut Backlog::default();
        assert_eq!(woken(backlog, &[9, 1, 9, 1, 9]), [0; 0]);
        backlog.clear();
        assert_eq!(woken(backlog, &[9, 9]), [50]);
    }

    #[test]
    fn a_hundred_microseconds_are_long() {
        assert!(is_long(2, micros(50)));
        assert!(!is_long(2, micros(49)));
        assert!(is_long(usize::MAX, Duration::MAX));
        assert!(!is_long(usize::MAX, Duration::ZERO));
        assert!(!is_long(0, Duration::MAX));
    }
}
