//! A worker: the loop that polls tasks, and what it does between two polls.
//!
//! Vocabulary: a worker's *core* is all that it owns; it moves between threads
//! when `block_in_place` hands it over. *Maintenance* is what must not wait for
//! the local queue to run dry: turning the driver, firing timers, looking into
//! the injector, waking a sibling for a backlog that lasts.
//!
//! One turn of the loop: maintenance if it is due, then the next task from the
//! LIFO slot, the local queue, the injector, or a victim (`search`); with
//! nothing to be found the worker parks (`sleep`).
//!
//! Maintenance is due after a number of polls that adapts, so that it comes
//! about every [`MAINTENANCE_PERIOD`]: after each poll where polls are long,
//! after hundreds where they are short. That way one clock read serves many
//! polls, and a run of long polls cannot starve sockets and timers. After a sleep
//! the length of earlier polls says nothing any more: a few are timed first. And in a
//! long interval the clock is read now and then, for polls may turn long at any time.

use super::backlog::Backlog;
use super::context::{self, WorkerGuard};
use super::queues::LocalQueue;
use super::reference::{self, Lent};
use super::relief::Relief;
use super::shared::{Ready, Remote, Shared};
use super::sleep::Watch;
use super::slice::TimeSlice;
use super::spin::{Spin, SpinLimit};
use crate::driver::PreciseSleeps;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::task::{Again, current};
use crate::unwind::Panics;
use filch_timer::Tick;
use std::sync::Arc;
use std::time::Duration;

/// The time between two maintenances that the poll count aims at: long against
/// their cost (some 200 ns), short against what a timer may be late.
const MAINTENANCE_PERIOD: Duration = Duration::from_micros(25);

/// The least time between two turns of the driver by maintenance: long against a
/// turn that meets the processor on which packets arrive (5 µs).
const TURN_PERIOD: Duration = Duration::from_micros(100);

/// The most polls between two maintenances.
const MAX_POLLS_BETWEEN_MAINTENANCES: u32 = 256;

/// The fewest polls before the first maintenance after a sleep. Going to sleep
/// does what maintenance does, so a worker that wakes for a few polls needs none.
const MIN_POLLS_AFTER_SLEEP: u32 = 8;

/// How many polls are timed after a sleep, if the interval is a [`LONG_INTERVAL`].
const TIMED_POLLS: u32 = 8;

/// With more polls than these between two maintenances, a sleep makes it worth asking
/// whether they are still as short.
const LONG_INTERVAL: u32 = 32;

/// How long an interval may take before it is shortened: as late as a timer may be anyway. A
/// batch of sockets' tasks after a sleep is done with by then, which maintenance in its
/// midst would only disturb.
const LONGEST_INTERVAL: Duration = Duration::from_micros(500);

/// How many polls there are at most between two readings of the clock, which tell whether
/// polls have become long in the midst of an interval.
const STRETCH: u32 = 64;

/// How many tasks in a row may come from the LIFO slot, so that two tasks that
/// wake one another cannot starve the local queue.
const MAX_LIFO_STREAK: u32 = 8;

/// What the user has to say about when maintenance is due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacing {
    /// The most polls between two turns of the driver.
    pub(crate) event_interval: Option<u32>,
    /// The most polls between two looks into the injector.
    pub(crate) injector_interval: Option<u32>,
    /// How long to watch the queues before a sleep.
    pub(crate) spin: SpinLimit,
}

impl Pacing {
    /// The most polls between two maintenances, which do both.
    fn max_polls(self) -> u32 {
        let given = [self.event_interval, self.injector_interval];
        given
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(MAX_POLLS_BETWEEN_MAINTENANCES)
    }

    /// The least time between two turns of the driver by maintenance.
    fn turn_period(self) -> Duration {
        match self.event_interval {
            None => TURN_PERIOD,
            Some(_) => Duration::ZERO,
        }
    }
}

/// All that a worker owns.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) index: usize,
    pub(super) queue: LocalQueue<Ready>,
    pub(super) rng: fastrand::Rng,
    /// Counted among the searching workers.
    pub(super) searching: bool,
    /// A look has seen tasks to search for: in whatever queue, they are there.
    pub(super) sent_by_look: bool,
    /// The driver is being turned: wakes keep their order of arrival.
    pub(super) dispatching: bool,
    pub(super) watch: Watch,
    pub(super) spin: Spin,
    lifo_streak: u32,
    /// Polls left until maintenance, or until `pace` needs the clock.
    countdown: u32,
    /// Polls of this interval that come after those.
    later: u32,
    /// How many there are between two maintenances.
    interval: u32,
    max_interval: u32,
    pace: Pace,
    pub(super) turned: Turned,
    /// When this worker last turned the driver there were more events than one turn
    /// dispatches. They wait until those are done with; then it goes on with them.
    pub(super) leaves_events: bool,
    /// The least time between two turns of the driver by maintenance.
    turn_period: Duration,
    backlog: Backlog,
    pub(super) relief: Relief,
    /// Local tasks to run before one that yielded runs again; the driver is
    /// turned when they have been.
    ahead_of_yielded: Option<usize>,
}

/// What is known of the length of polls.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Nothing, for the worker has slept.
    Unknown,
    /// They are timed since then.
    Timed(Tick),
    /// About as many as the interval says, since maintenance ran or they were timed then.
    Known(Tick),
}

/// When a worker last turned the driver.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turned {
    /// By its sleep in the driver, before a few polls.
    InSleep,
    /// At that time, or by a sleep after which maintenance first ran at that time.
    At(Tick),
    /// The worker has slept elsewhere since.
    LongAgo,
}

/// A worker at work, on the thread that runs it.
pub(super) struct Worker<'a> {
    pub(super) shared: &'a Arc<Shared>,
    /// The same, as its tasks know it.
    scheduler: Lent<'a>,
    pub(super) remote: &'a Remote,
    pub(super) slice: TimeSlice,
}

impl Core {
    pub(super) fn new(
        index: usize,
        workers: usize,
        queue: LocalQueue<Ready>,
        rng: fastrand::Rng,
        pacing: Pacing,
    ) -> Self {
        Self {
            index,
            queue,
            rng,
            searching: false,
            sent_by_look: false,
            dispatching: false,
            watch: Watch::new(workers),
            spin: Spin::new(pacing.spin),
            lifo_streak: 0,
            countdown: MIN_POLLS_AFTER_SLEEP.min(pacing.max_polls()),
            later: 0,
            interval: MIN_POLLS_AFTER_SLEEP.min(pacing.max_polls()),
            max_interval: pacing.max_polls(),
            pace: Pace::Unknown,
            turned: Turned::LongAgo,
            leaves_events: false,
            turn_period: pacing.turn_period(),
            backlog: Backlog::default(),
            relief: Relief::new(workers),
            ahead_of_yielded: None,
        }
    }

    /// A task was woken on this worker's thread: it runs next. While the driver
    /// dispatches, the first one does and the others queue behind it.
    ///
    /// One that waited for the end of another queues as well: who waits for one
    /// task often waits for its siblings, and then finds them ended, too,
    /// instead of being polled for each.
    #[inline]
    pub(super) fn push_woken(&mut self, remote: &Remote, task: Ready) {
        remote.counters.local_schedules.add(1);
        if current::is_waking_joiner() || self.dispatching && remote.lifo.looks_occupied() {
            self.queue.push(task);
        } else if let Some(displaced) = remote.lifo.replace(task) {
            self.queue.push(displaced);
        }
    }

    /// A task is ready again after its poll: every other ready task gets its
    /// turn first, and if it yielded, so does the driver.
    #[inline]
    pub(super) fn push_again(&mut self, remote: &Remote, task: Ready, again: Again) {
        remote.counters.local_schedules.add(1);
        if again == Again::Yielded && self.ahead_of_yielded.is_none() {
            self.ahead_of_yielded = Some(self.queue.len());
        }
        self.queue.push(task);
    }

    /// The next task of this worker's own queues.
    #[inline]
    fn next_local(&mut self, remote: &Remote) -> Option<Ready> {
        if let Some(task) = remote.lifo.take() {
            if self.lifo_streak < MAX_LIFO_STREAK {
                self.lifo_streak += 1;
                return Some(task);
            }
            self.queue.push(task);
        }
        self.lifo_streak = 0;
        let task = self.queue.pop();
        if let Some(ahead) = &mut self.ahead_of_yielded {
            *ahead = ahead.saturating_sub(1);
        }
        task
    }

    pub(super) fn has_local_work(&self, remote: &Remote) -> bool {
        remote.lifo.looks_occupied() || !self.queue.is_empty()
    }

    /// How many tasks wait in this worker's own queues.
    fn ready(&self, remote: &Remote) -> usize {
        usize::from(remote.lifo.looks_occupied()) + self.queue.len()
    }

    /// The worker has slept: the time of its last maintenance means nothing.
    pub(super) fn forget_time(&mut self) {
        self.pace = Pace::Unknown;
        self.backlog.clear();
        self.later = 0;
        self.countdown = if self.interval > LONG_INTERVAL {
            MIN_POLLS_AFTER_SLEEP
        } else {
            self.interval
                .max(MIN_POLLS_AFTER_SLEEP)
                .min(self.max_interval)
        };
    }

    /// Counts so many polls down, in stretches.
    fn count_down(&mut self, polls: u32) {
        self.countdown = polls.min(STRETCH);
        self.later = polls - self.countdown;
    }

    /// After a sleep: times a few polls, if maintenance is far off otherwise. After a stretch
    /// of a long interval: ends that if polls have become long. Returns whether maintenance
    /// has to wait for the timing, or for the rest of its interval.
    fn times_polls(&mut self, now: Tick) -> bool {
        match self.pace {
            Pace::Unknown if self.interval > LONG_INTERVAL => {
                self.pace = Pace::Timed(now);
                self.countdown = TIMED_POLLS;
                if matches!(self.turned, Turned::InSleep) {
                    self.turned = Turned::At(now);
                }
                true
            }
            Pace::Timed(since) => {
                let each = now.saturating_duration_since(since) / TIMED_POLLS;
                if each.saturating_mul(self.interval) > LONGEST_INTERVAL {
                    self.interval = self.interval.min(ideal_interval(TIMED_POLLS, since, now));
                }
                if self.interval <= TIMED_POLLS {
                    return false;
                }
                self.pace = Pace::Known(since);
                // Those before the timed ones count for the most that there may be.
                let most = self.max_interval - MIN_POLLS_AFTER_SLEEP;
                self.count_down(self.interval.min(most) - TIMED_POLLS);
                true
            }
            Pace::Known(before) if self.later > 0 => {
                if now.saturating_duration_since(before) > LONGEST_INTERVAL {
                    self.interval -= self.later;
                    self.later = 0;
                    return false;
                }
                self.count_down(self.later);
                true
            }
            Pace::Unknown | Pace::Known(_) => false,
        }
    }

    /// Whether maintenance has to turn the driver, as from `now` on it then has.
    fn takes_turn(&mut self, now: Tick) -> bool {
        let turned = match self.turned {
            // If there have been many polls since, nobody knows how long they took.
            Turned::InSleep => Some(now).filter(|_| self.interval <= MIN_POLLS_AFTER_SLEEP),
            Turned::At(turned) => Some(turned),
            Turned::LongAgo => None,
        };
        let recent = |turned: &Tick| now.saturating_duration_since(*turned) < self.turn_period;
        let recent = turned.filter(recent);
        self.turned = Turned::At(recent.unwrap_or(now));
        recent.is_none()
    }

    /// When the polls began after which maintenance runs now, as far as is known.
    fn began(&self, now: Tick) -> Tick {
        match self.pace {
            Pace::Known(before) | Pace::Timed(before) => before,
            Pace::Unknown => now,
        }
    }

    /// Adapts the number of polls between maintenances to their length.
    fn adapt_interval(&mut self, now: Tick) {
        if let Pace::Known(before) = self.pace {
            let at_most = self.interval.saturating_mul(2).min(self.max_interval);
            self.interval = ideal_interval(self.interval, before, now).min(at_most);
        }
        self.pace = Pace::Known(now);
        self.count_down(self.interval);
    }
}

/// How many polls take a maintenance period, if so many took from `since` to `now`; at
/// least one.
fn ideal_interval(polls: u32, since: Tick, now: Tick) -> u32 {
    let elapsed = now.as_nanos().saturating_sub(since.as_nanos()).max(1);
    let ideal = u64::from(polls) * MAINTENANCE_PERIOD.as_nanos() as u64 / elapsed;
    u32::try_from(ideal).unwrap_or(u32::MAX).max(1)
}

/// Runs a worker until shutdown, or until its core is handed to another thread.
///
/// A panic out of its loop is that of a hook of the user's, of a waker that the
/// driver has called, or of the selector: tasks keep theirs to themselves. Nobody is
/// there to take it, and events may be lost. So the runtime shuts down, in order,
/// and the panic goes on to the end of the thread.
pub(crate) fn run(shared: &Arc<Shared>, core: Box<Core>) {
    let _guard = WorkerGuard::enter(shared, core.index);
    let _precise = PreciseSleeps::on_this_thread();
    let worker = Worker::new(shared, core.index);
    let mut panics = Panics::default();
    let core = match panics.put_off(|| worker.run_until_shutdown(core)) {
        Some(core) => core,
        None => {
            shared.begin_shutdown_by_panic();
            // Where it lies while code of the program's runs.
            context::take_core()
        }
    };
    if let Some(core) = core {
        worker.end(&core, &mut panics);
    }
    panics.resume();
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, index: usize) -> Self {
        Self {
            shared,
            scheduler: Lent::new(shared),
            remote: &shared.remotes[index],
            slice: TimeSlice::of_this_thread(),
        }
    }

    /// `None` if the core was handed to another thread by the program.
    fn run_until_shutdown(&self, mut core: Box<Core>) -> Option<Box<Core>> {
        while !self.shared.is_shutting_down() {
            core.countdown -= 1;
            if core.countdown == 0 {
                core = self.maintain(core);
            } else if core.ahead_of_yielded == Some(0) {
                core = self.turn_for_yielded(core);
            }
            let task = core
                .next_local(self.remote)
                .or_else(|| self.next_elsewhere(&mut core));
            core = match task {
                Some(task) => self.poll(core, task)?,
                None => self.park(core)?,
            };
        }
        Some(core)
    }

    /// A task from the injector or from another worker's queue.
    fn next_elsewhere(&self, core: &mut Core) -> Option<Ready> {
        core.backlog.clear();
        core.ahead_of_yielded = None;
        if !self.shared.injector.is_empty()
            && let Some(task) = self.shared.injector.pop_into(&core.queue)
        {
            return Some(task);
        }
        self.search(core)
    }

    /// Polls `task`; `None` if the core was handed to another thread meanwhile.
    #[inline]
    fn poll(&self, mut core: Box<Core>, task: Ready) -> Option<Box<Core>> {
        if core.searching {
            self.stop_searching(&mut core);
        }
        self.remote.counters.polls.add(1);
        context::with_core_laid_down(core, || task.run_on(&self.scheduler))
    }

    /// What must not wait for the local queue to run dry.
    #[cold]
    pub(super) fn maintain(&self, mut core: Box<Core>) -> Box<Core> {
        let now = self.shared.services.driver.clock().now();
        if core.times_polls(now) {
            return core;
        }
        core.ahead_of_yielded = None;
        self.remote.counters.maintenances.add(1);
        let turn = core.takes_turn(now);
        core = self.look_after_driver(core, turn);
        let before = core.began(now);
        core.adapt_interval(now);
        self.remote
            .counters
            .forced_yields
            .add(crate::coop::take_forced_yields());
        if let Some(task) = self.shared.injector.pop() {
            core.queue.push(task);
        }
        let ready = core.ready(self.remote) + self.shared.injector.len();
        let is_worth_it = core.backlog.is_worth_waking_for(ready, before, now);
        if is_worth_it && self.shared.idle.has_sleepers() {
            self.shared.wake_for_backlog();
        }
        self.relieve_at(now, &mut core);
        core
    }

    /// Before a task that yielded is polled again: turns the driver once, so
    /// that a loop of yields sees sockets and timers move.
    fn turn_for_yielded(&self, mut core: Box<Core>) -> Box<Core> {
        core.ahead_of_yielded = None;
        self.look_after_driver(core, self.shared.services.driver.has_sources())
    }

    /// Fires timers, and turns the driver for it if asked to and if it is free.
    pub(super) fn look_after_driver(&self, mut core: Box<Core>, turn: bool) -> Box<Core> {
        let driver = &self.shared.services.driver;
        let held = turn.then(|| self.shared.driver.try_lock()).flatten();
        match held {
            Some(mut held) => {
                let mut more = false;
                core = self.dispatch(core, || more = held.poll(driver));
                core.leaves_events = more;
                core
            }
            // Its holder, if any, dispatches the events, but sleeps until the deadline
            // it knew of; whoever is awake fires what is due.
            None if driver.has_timers() => self.dispatch(core, || driver.fire_timers()),
            None => core,
        }
    }

    /// Runs `turn` of the driver, whose wakes reach this worker's queues.
    pub(super) fn dispatch(&self, mut core: Box<Core>, turn: impl FnOnce()) -> Box<Core> {
        core.dispatching = true;
        let core = context::with_core_laid_down(core, turn);
        let mut core = core.expect("nothing takes the core away while the driver is turned");
        core.dispatching = false;
        core
    }

    /// Drops what is left: the tasks that wait, and those in the queues, where
    /// one that is new or was to go on has its future still.
    ///
    /// The last worker to leave its loop shuts the driver down first: a destructor that waits for a
    /// timer or a socket learns of the end, which nobody turns the driver for any more.
    fn end(&self, core: &Core, panics: &mut Panics) {
        let shared = self.shared;
        // ORDERING: Relaxed: the driver's lock orders what its holders have done.
        if shared.left.fetch_add(1, Relaxed) + 1 == shared.remotes.len() {
            panics.put_off(|| shared.shut_driver_down());
        }
        // After a panic the rest is dropped all the same: each round has taken a
        // task out.
        while panics
            .put_off(|| shared.owned.close_and_shutdown_all(core.index))
            .is_none()
        {}
        while panics.put_off(|| shared.drop_queued()).is_none() {}
        let ended = {
            let mut ended = shared.ended.lock();
            *ended += 1;
            *ended
        };
        if ended == shared.remotes.len() {
            reference::close(shared);
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn core(pacing: Pacing) -> Core {
        Core::new(0, 1, LocalQueue::new(), fastrand::Rng::new(), pacing)
    }

    /// Which of the maintenances at these times, in microseconds, turn the driver.
    fn turning(core: &mut Core, maintenances: &[u64]) -> Vec<u64> {
        let turns = |micros: &u64| core.takes_turn(Tick::from_nanos(micros * 1_000));
        maintenances.iter().copied().filter(turns).collect()
    }

    #[test]
    fn a_busy_worker_turns_the_driver_every_100_us() {
        let core = &mut core(Pacing::default());
        let maintenances = [500, 525, 575, 599, 600, 625, 699, 725, 2_000, 2_025, 2_100];
        assert_eq!(turning(core, &maintenances), [500, 600, 725, 2_000, 2_100]);
    }

    #[test]
    fn the_first_maintenance_after_a_sleep_turns_the_driver() {
        let core = &mut core(Pacing::default());
        assert_eq!(turning(core, &[0, 25]), [0]);
        core.turned = Turned::LongAgo;
        assert_eq!(turning(core, &[50, 75]), [50]);
    }

    #[test]
    fn the_sleep_in_the_driver_was_a_turn() {
        let core = &mut core(Pacing::default());
        core.turned = Turned::InSleep;
        assert_eq!(turning(core, &[500, 525, 599, 600, 625]), [600]);
        core.turned = Turned::InSleep;
        assert_eq!(turning(core, &[650]), [0; 0]);
        core.turned = Turned::InSleep;
        core.interval = MIN_POLLS_AFTER_SLEEP + 1;
        assert_eq!(turning(core, &[650, 675]), [650]);
    }

    #[test]
    fn polls_are_timed_after_a_sleep() {
        let core = &mut core(Pacing::default());
        // How long eight polls take, in nanoseconds, what the interval is then, and how
        // many polls are left to maintenance.
        for (took, interval, left) in [
            (0, 256, Some(64)),
            (781, 256, Some(64)),
            (15_000, 256, Some(64)),
            (16_000, 12, Some(4)),
            (20_000, 10, Some(2)),
            (25_000, 8, None),
            (8_000_000, 1, None),
        ] {
            core.interval = 256;
            core.forget_time();
            assert_eq!(core.countdown, 8);
            core.turned = Turned::InSleep;
            assert!(core.times_polls(Tick::from_nanos(500_000)));
            assert_eq!(core.countdown, 8);
            let now = Tick::from_nanos(500_000 + took);
            assert_eq!(
                core.times_polls(now).then_some(core.countdown),
                left,
                "{took} ns"
            );
            assert_eq!(core.interval, interval, "{took} ns");
            assert_eq!(turning(core, &[599, 600]), [600]);
            if left.is_none() {
                core.adapt_interval(now);
                assert_eq!((core.interval, core.countdown), (interval, interval));
            }
        }
    }

    #[test]
    fn timing_polls_does_not_exceed_the_event_interval() {
        let core = &mut core(Pacing {
            event_interval: Some(61),
            ..Pacing::default()
        });
        core.interval = 61;
        core.forget_time();
        let first = core.countdown;
        assert!(core.times_polls(Tick::from_nanos(1)));
        let timed = core.countdown;
        assert!(core.times_polls(Tick::from_nanos(2)));
        assert_eq!(first + timed + core.countdown, 61);
        assert_eq!(core.later, 0);
    }

    #[test]
    fn a_long_interval_comes_in_stretches() {
        let core = &mut core(Pacing::default());
        core.interval = 200;
        core.pace = Pace::Known(Tick::from_nanos(0));
        core.adapt_interval(Tick::from_nanos(200 * 125));
        let mut stretches = vec![core.countdown];
        while core.times_polls(Tick::from_nanos(200 * 125 + 1)) {
            stretches.push(core.countdown);
        }
        assert_eq!(stretches, [64, 64, 64, 8]);
    }

    #[test]
    fn polls_that_turn_long_end_the_interval() {
        let core = &mut core(Pacing::default());
        core.interval = 200;
        core.pace = Pace::Known(Tick::from_nanos(0));
        core.adapt_interval(Tick::from_nanos(200 * 125));
        let begun = 200 * 125;
        assert!(core.times_polls(Tick::from_nanos(begun + 500_000)));
        assert!(!core.times_polls(Tick::from_nanos(begun + 128 * 5_000)));
        core.adapt_interval(Tick::from_nanos(begun + 128 * 5_000));
        assert_eq!((core.interval, core.countdown, core.later), (5, 5, 0));
    }

    #[test]
    fn polls_are_not_timed_where_maintenance_is_due_soon() {
        let core = &mut core(Pacing::default());
        for (interval, first) in [(1, 8), (8, 8), (9, 9), (32, 32), (33, 8)] {
            core.interval = interval;
            core.forget_time();
            assert_eq!(core.countdown, first);
            assert_eq!(core.times_polls(Tick::from_nanos(1)), interval > 32);
        }
    }

    #[test]
    fn the_interval_follows_the_length_of_polls() {
        let core = &mut core(Pacing::default());
        let mut now = 0;
        for (each, interval) in [
            (50, 8),
            (50, 16),
            (50, 32),
            (1_000, 25),
            (60_000, 1),
            (1, 2),
        ] {
            now += u64::from(core.interval) * each;
            core.adapt_interval(Tick::from_nanos(now));
            assert_eq!(core.interval, interval, "{each} ns");
        }
    }

    #[test]
    fn with_an_event_interval_every_maintenance_turns_the_driver() {
        let core = &mut core(Pacing {
            event_interval: Some(7),
            ..Pacing::default()
        });
        assert_eq!(turning(core, &[0, 1, 26]), [0, 1, 26]);
        core.turned = Turned::InSleep;
        assert_eq!(turning(core, &[50]), [50]);
        assert_eq!(core.max_interval, 7);
    }
}
