//! How a worker sleeps, and how one sleeper watches over those awake.
//!
//! A worker that pushes to its own queue wakes nobody: it is awake and will run
//! the task itself, unless it is stuck in a long poll. Against that one sleeper,
//! the *watcher*, sleeps with a time limit while anyone is awake, and looks at
//! each expiry: a worker that has not both begun and finished a poll since the
//! last look is stuck, and robbed of the tasks that wait behind it; so is one that will take long
//! to run those that wait (`backlog`); a driver that
//! nobody has turned since then, nor paced the turns of, is taken over. So a ready
//! task waits behind a long poll for one look, an event for two at most, while a
//! worker is idle, and the price is one short wake-up a look, not one for each task.
//!
//! The watcher has a short time slice, for the system may have put it on the
//! processor of a poll that it should look after (`slice`).
//!
//! The looks come every [`FIRST_LOOK`] while polls are long, for then somebody may
//! get stuck behind one, and up to [`LOOK_PERIOD`] apart while they are short. When the
//! next one is due is kept from one sleep to the next: what wakes the watcher meanwhile
//! without giving it a task to run, however often, puts off none. When
//! nothing has moved between two looks and nobody is awake, the watcher rests. It
//! sleeps until [`FIRST_LOOK`] after the next deadline, or without a limit if there
//! is none. The first worker to wake rouses it, unless it is about to look anyway: so
//! what is due at a deadline does not wait until two threads have been woken for it.

use super::idle::{FIRST_LOOK, Parked};
use super::services::Hook;
use super::shared::Remote;
use super::worker::{Core, Turned, Worker};
use super::{backlog, context};
use crate::driver::Limit;
use crate::primitive::now;
use crossbeam_utils::CachePadded;
use std::time::{Duration, Instant};

/// The most time between looks while somebody is awake.
const LOOK_PERIOD: Duration = Duration::from_millis(1);

/// Polls that take longer than this on average are long.
const LONG_POLL: Duration = Duration::from_micros(25);

/// What a watcher remembers from one look to the next.
#[derive(Debug)]
pub(super) struct Watch {
    /// The poll count of each worker.
    polls: Box<[u64]>,
    /// How often somebody had seen to the driver.
    tended: u64,
    /// The watcher's own poll count when it went to sleep: unless it has polled
    /// since, a look that led to nothing does not start the watch anew, and what
    /// it saw of the driver stands.
    own_polls: u64,
    /// Nothing moved between the last two looks, and nobody was awake.
    quiet: bool,
    /// The time from one look to the next.
    period: Duration,
    /// When the next look is due; `None` if the watch has not begun, or is at rest.
    look_at: Option<Instant>,
    /// The driver lies idle while somebody is awake: sleep in it.
    pub(super) take_driver: bool,
}

impl Watch {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            polls: vec![0; workers].into(),
            tended: 0,
            own_polls: 0,
            quiet: false,
            period: FIRST_LOOK,
            look_at: None,
            take_driver: true,
        }
    }
}

/// The limit of a watcher's sleep.
#[derive(Clone, Copy)]
struct NextLook {
    at: Instant,
    after: Duration,
}

/// Why one sleep ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// By a token, an event or a deadline.
    ByEvent,
    /// By the watcher's limit: time for a look.
    ByLimit,
}

/// Calls a hook with the core laid down: what it wakes lands in the worker's queues,
/// and if it panics, the core is found.
fn call(hook: &Option<Hook>, core: Box<Core>) -> Option<Box<Core>> {
    match hook {
        Some(hook) => context::with_core_laid_down(core, || hook()),
        None => Some(core),
    }
}

impl Worker<'_> {
    /// Sleeps until there is something to do, or shutdown; `None` if a hook has the
    /// core handed to another thread.
    pub(super) fn park(&self, mut core: Box<Core>) -> Option<Box<Core>> {
        if self.spin(&mut core) {
            return Some(core);
        }
        let hooks = &self.shared.services.hooks;
        core = call(&hooks.before_park, core)?;
        // The hook may have made work for this worker.
        if !core.has_local_work(self.remote) {
            core = self.sleep(core);
        }
        call(&hooks.after_unpark, core)
    }

    pub(super) fn sleep(&self, mut core: Box<Core>) -> Box<Core> {
        let shared = self.shared;
        self.remote.counters.parks.add(1);
        let searched = std::mem::take(&mut core.searching);
        let left_behind = match shared.idle.transition_to_parked(core.index, searched) {
            Parked::LastAwake => !shared.injector.is_empty(),
            Parked::LastSearcher => shared.has_visible_work(),
            Parked::Quietly => false,
        };
        if left_behind {
            shared.wake_for_backlog();
        }
        let polls = self.remote.counters.polls.get();
        if std::mem::replace(&mut core.watch.own_polls, polls) != polls {
            self.start_watch(&mut core);
            core.watch.take_driver = core.leaves_events;
        }
        core.watch.take_driver |= !shared.idle.has_awake();
        while !shared.is_shutting_down() {
            let woken;
            (core, woken) = self.sleep_once(core);
            if self.wakes_up(&mut core, woken) {
                if woken == Woken::ByLimit && core.watch.take_driver {
                    // Tasks at every look must not keep it from events and deadlines.
                    core = self.look_after_driver(core, true);
                }
                break;
            }
        }
        self.slice.restore();
        core.forget_time();
        if !core.has_local_work(self.remote) {
            self.remote.counters.noops.add(1);
        }
        core
    }

    /// Whether the worker has to leave its sleep, in which case it is counted
    /// as awake again.
    fn wakes_up(&self, core: &mut Core, woken: Woken) -> bool {
        let idle = &self.shared.idle;
        let search = if core.has_local_work(self.remote) {
            false
        } else if idle.was_woken(core.index) {
            core.searching = true;
            return true;
        } else if woken == Woken::ByLimit && self.look(core) {
            core.sent_by_look = true;
            true
        } else {
            if core.watch.look_at.is_none() && woken == Woken::ByEvent {
                // Roused from its rest, perhaps, or named: somebody is awake again.
                self.start_watch(core);
            }
            return false;
        };
        match idle.transition_from_parked(core.index, search) {
            Ok(wake) => {
                core.searching = search;
                self.shared.unpark(wake);
            }
            Err(_already_woken) => core.searching = true,
        }
        true
    }

    /// One sleep: in the driver if it is free, else on the parker.
    fn sleep_once(&self, mut core: Box<Core>) -> (Box<Core>, Woken) {
        let shared = self.shared;
        let driver = &shared.services.driver;
        let held = if core.watch.take_driver {
            shared.driver.try_lock()
        } else {
            None
        };
        let look = self.next_look(&mut core, held.is_none());
        core.turned = Turned::LongAgo;
        match held {
            Some(mut held) => {
                let mut turn = None;
                core = self.dispatch(core, || {
                    self.remote.parker.park_in_driver(|| {
                        let limit = look.map_or(Limit::Unlimited, |look| Limit::AtMost(look.after));
                        turn = Some(held.park(driver, limit));
                    });
                });
                if let Some(more) = turn {
                    core.turned = Turned::InSleep;
                    core.leaves_events = more;
                }
                // The own turns are no sign that somebody else turns the driver.
                core.watch.tended = self.tended();
            }
            None => self.remote.parker.park(look.map(|look| look.at)),
        }
        if let Some(took) = self.remote.parker.wake_up_took() {
            core.spin.learn(took);
        }
        let expired = look.is_some_and(|look| now() >= look.at);
        (
            core,
            if expired {
                Woken::ByLimit
            } else {
                Woken::ByEvent
            },
        )
    }

    /// How long to sleep: a watcher looks after a while, others need not.
    fn next_look(&self, core: &mut Core, on_condvar: bool) -> Option<NextLook> {
        let idle = &self.shared.idle;
        let watch = &mut core.watch;
        let alone = self.shared.remotes.len() == 1;
        if alone || !idle.try_watch(core.index, on_condvar) {
            watch.look_at = None;
            return None;
        }
        self.slice.shorten();
        let until = |at: Instant| NextLook {
            at,
            after: at.saturating_duration_since(now()),
        };
        if watch.quiet {
            // Who sleeps in the driver wakes at the deadline itself.
            let look_at = on_condvar.then(|| self.look_after_deadline()).flatten();
            if idle.try_rest(core.index, look_at) {
                watch.period = FIRST_LOOK;
                watch.look_at = None;
                return look_at.map(until);
            }
        }
        Some(match watch.look_at {
            Some(at) => until(at),
            None => {
                let at = now() + watch.period;
                watch.look_at = Some(at);
                NextLook {
                    at,
                    after: watch.period,
                }
            }
        })
    }

    /// When to look at what somebody is about who wakes at the next deadline. One that has
    /// passed already, with nobody awake, is late by a cause that is not found here.
    fn look_after_deadline(&self) -> Option<Instant> {
        let driver = &self.shared.services.driver;
        let deadline = driver.clock().instant_at(driver.timers().earliest()?);
        let now = now();
        Some(if deadline > now {
            deadline + FIRST_LOOK
        } else {
            now + LOOK_PERIOD
        })
    }

    /// From here on, looks tell what has changed since.
    pub(super) fn start_watch(&self, core: &mut Core) {
        self.note_progress(core);
        core.watch.tended = self.tended();
        core.watch.quiet = false;
        core.watch.period = FIRST_LOOK;
        core.watch.look_at = None;
    }

    /// How often somebody has seen to the driver: turned it, or done maintenance, which
    /// turns it whenever that is due.
    fn tended(&self) -> u64 {
        let maintenances = |remote: &CachePadded<Remote>| remote.counters.maintenances.get();
        let maintenances: u64 = self.shared.remotes.iter().map(maintenances).sum();
        maintenances.wrapping_add(self.shared.services.driver.turns())
    }

    /// Remembers where everyone stands; returns the polls since the last time.
    fn note_progress(&self, core: &mut Core) -> u64 {
        let mut progress = 0;
        for (remote, seen) in self.shared.remotes.iter().zip(&mut core.watch.polls) {
            let polls = remote.counters.polls.get();
            progress += polls.wrapping_sub(std::mem::replace(seen, polls));
        }
        progress
    }

    /// A watcher's look: true if there is work it should go and search.
    pub(super) fn look(&self, core: &mut Core) -> bool {
        let sees_work = self.sees_work(&core.watch);
        let progress = self.note_progress(core);
        let awake = self.shared.idle.has_awake();
        let watch = &mut core.watch;
        watch.look_at = None;
        watch.quiet = progress == 0 && !awake;
        let long =
            awake && progress < watch.period.as_micros() as u64 / LONG_POLL.as_micros() as u64;
        watch.period = if long {
            FIRST_LOOK
        } else {
            LOOK_PERIOD.min(watch.period * 2)
        };
        let tended = self.tended();
        watch.take_driver = tended == watch.tended || !awake;
        watch.tended = tended;
        sees_work
    }

    /// Whether tasks wait that nobody awake gets done, or not for long.
    fn sees_work(&self, watch: &Watch) -> bool {
        let shared = self.shared;
        let polls = |remote: &Remote, seen: u64| remote.counters.polls.get().wrapping_sub(seen);
        let remotes = || {
            let seen = watch.polls.iter().copied();
            let remotes = shared.remotes.iter().zip(seen);
            remotes.map(|(remote, seen)| (remote, polls(remote, seen)))
        };
        // Counted when they begin: of one more than was seen, nobody knows how long
        // it has lasted.
        let moves = |polls: u64| polls > 1;
        let stuck_before_tasks = remotes().any(|(remote, polls)| {
            !moves(polls) && (!remote.stealer.is_empty() || remote.lifo.looks_occupied())
        });
        let long_backlog = remotes().any(|(remote, polls)| {
            let polls = u32::try_from(polls).unwrap_or(u32::MAX).max(1);
            backlog::is_long(remote.stealer.len(), watch.period / polls)
        });
        // Others may have more than they get done, without waking anyone for it
        // while there are as many awake as processors.
        let moving = remotes().filter(|&(_, polls)| moves(polls)).count();
        let somebody_stuck = shared.idle.awake() > moving;
        stuck_before_tasks
            || long_backlog && shared.idle.has_sleepers()
            || !shared.injector.is_empty()
            || somebody_stuck && shared.has_visible_work()
    }
}
