//! Who sleeps, who searches, and whom to wake: the idle protocol.
//!
//! The protocol, its rules and the proof sketch stand in `README.md` beside
//! this file. This module keeps the counts and the stack of sleepers; it
//! returns worker indices and never parks, unparks or looks into a queue.
//!
//! | bits of `state` | field |
//! |---|---|
//! | 0..16 | workers that are searching for work |
//! | 16..32 | workers that are awake (searching ones included) |
//!
//! Invariants:
//! - **I1** Both counts change by a read-modify-write; the awake count, the
//!   stack of sleepers, the watcher and its rest change with the lock held.
//! - **I2** A worker is in `stack` exactly when it is not counted as awake.
//! - **I3** Whoever takes a worker out of `stack` on its behalf has counted it
//!   as awake and searching before it is unparked.
//! - **I4** If `stack` is not empty, then one in it is the watcher, or each of them is
//!   on its way to [`Idle::try_watch`]. A watcher that was named by another one has been
//!   unparked for it, and goes there as well.

use crate::primitive::atomic::{AtomicUsize, Ordering::*, fence};
use crate::primitive::{Mutex, now};
use std::fmt;
use std::time::{Duration, Instant};

/// A watcher looks this long after somebody has woken, or earlier.
pub(super) const FIRST_LOOK: Duration = Duration::from_micros(100);

const SEARCHING_ONE: usize = 1;
const AWAKE_SHIFT: u32 = 16;
const AWAKE_ONE: usize = 1 << AWAKE_SHIFT;
const FIELD_MASK: usize = AWAKE_ONE - 1;

/// The most workers a runtime can have: what one field of the word counts.
pub(crate) const MAX_WORKERS: usize = FIELD_MASK;

const _: () = assert!(2 * AWAKE_SHIFT <= usize::BITS, "two fields fit the word");

/// The idle workers of one scheduler.
pub(crate) struct Idle {
    state: AtomicUsize,
    sleepers: Mutex<Sleepers>,
    workers: usize,
    /// No more are woken for a backlog than can run at the same time.
    useful: usize,
}

#[derive(Debug)]
struct Sleepers {
    /// Most recently parked on top: its caches are warm.
    stack: Vec<usize>,
    /// The sleeper that looks after the awake workers from time to time.
    watcher: Option<usize>,
    /// The watcher sleeps in the driver, and leaves with the next event.
    watcher_in_driver: bool,
    rest: Rest,
}

/// How the watcher sleeps.
#[derive(Debug)]
enum Rest {
    /// With the time limit of its next look.
    No,
    /// Without a time limit, because nobody was awake.
    Unlimited,
    /// The same, but for a look at that time, when somebody is expected to be awake.
    Until(Instant),
}

/// A decoded view of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    searching: usize,
    awake: usize,
}

impl Counts {
    fn of(word: usize) -> Self {
        Self {
            searching: word & FIELD_MASK,
            awake: word >> AWAKE_SHIFT & FIELD_MASK,
        }
    }
}

/// Whom the caller has to unpark.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "the named workers stay asleep until they are unparked"]
pub(crate) struct Wake {
    /// Taken from the sleepers; it will search.
    pub(crate) worker: Option<usize>,
    /// Still a sleeper, but it has to start watching again.
    pub(crate) watcher: Option<usize>,
}

/// What a worker that has just parked has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the last one has to look at the queues once more"]
pub(crate) enum Parked {
    /// Nobody else is awake: what was pushed from outside meanwhile rests on the
    /// caller. There is nothing in the queues of workers, for they all sleep, but for
    /// what one of them has just made ready by turning the driver.
    LastAwake,
    /// Nobody else searches: any work pushed meanwhile rests on the caller.
    LastSearcher,
    /// Somebody else will see to it.
    Quietly,
}

impl Idle {
    pub(crate) fn new(workers: usize, processors: usize) -> Self {
        assert!(
            workers <= MAX_WORKERS,
            "{workers} workers are more than {MAX_WORKERS}"
        );
        Self {
            state: AtomicUsize::new(workers << AWAKE_SHIFT),
            sleepers: Mutex::new(Sleepers {
                stack: Vec::with_capacity(workers),
                watcher: None,
                watcher_in_driver: false,
                rest: Rest::No,
            }),
            workers,
            useful: workers.min(processors),
        }
    }

    /// Chooses a sleeper for a task that was just pushed from outside the
    /// workers, if nobody is awake who will find it.
    pub(crate) fn wake_for_push(&self) -> Wake {
        self.wake_if(|counts| counts.awake == 0)
    }

    /// Chooses a sleeper for work that those awake do not get done, if nobody
    /// is on the way to it already, and there is a processor to run it.
    pub(crate) fn wake_for_backlog(&self) -> Wake {
        self.wake_if(|counts| counts.searching == 0 && counts.awake < self.useful)
    }

    fn wake_if(&self, needed: impl Fn(Counts) -> bool) -> Wake {
        // ORDERING: the fence orders the caller's push before the load; its
        // partners are the fences in `transition_from_searching` and in
        // `transition_to_parked`. Either this load sees the worker gone, or
        // that worker's look sees the push.
        fence(SeqCst);
        // ORDERING: Relaxed; the fence above carries the order.
        if !needed(Counts::of(self.state.load(Relaxed))) {
            return Wake::default();
        }
        let mut sleepers = self.sleepers.lock();
        // ORDERING: Relaxed; somebody may have woken meanwhile.
        if !needed(Counts::of(self.state.load(Relaxed))) {
            return Wake::default();
        }
        let Some(worker) = sleepers.pop() else {
            return Wake::default();
        };
        // ORDERING: SeqCst: one total order with the decrement of a parking
        // worker, so that two wake-ups for one push are rare (never wrong).
        self.state.fetch_add(AWAKE_ONE + SEARCHING_ONE, SeqCst);
        Wake {
            worker: Some(worker),
            watcher: sleepers.rouse_watcher(),
        }
    }

    /// Whether a sleeper could run next to those awake. Relaxed: a hint for
    /// policies.
    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.awake() < self.useful
    }

    /// Whether those awake share a processor. Relaxed: a hint for policies.
    pub(crate) fn is_oversubscribed(&self) -> bool {
        self.awake() > self.useful
    }

    /// How many workers are awake. Relaxed: a hint for policies.
    pub(crate) fn awake(&self) -> usize {
        // ORDERING: Relaxed: a hint; nothing is published by it.
        Counts::of(self.state.load(Relaxed)).awake
    }

    /// Whether some worker is awake. Relaxed: a hint for policies.
    #[inline]
    pub(crate) fn has_awake(&self) -> bool {
        self.awake() > 0
    }

    /// Counts the caller among the searching workers, if fewer than half of
    /// those that can run at the same time are.
    #[must_use = "without leave to search the caller parks"]
    pub(crate) fn transition_to_searching(&self) -> bool {
        // ORDERING: Relaxed; the bound on searchers is a matter of cost alone.
        if 2 * Counts::of(self.state.load(Relaxed)).searching >= self.useful {
            return false;
        }
        // ORDERING: SeqCst, one order with `wake_if`.
        self.state.fetch_add(SEARCHING_ONE, SeqCst);
        true
    }

    /// The caller found work; true if nobody else searches now, so that the
    /// caller has to look once more and to hand the wake-up on.
    #[must_use = "the last searcher has to look at the queues once more"]
    pub(crate) fn transition_from_searching(&self) -> bool {
        // ORDERING: SeqCst, and a fence so that the caller's next look at the
        // queues is ordered after it; partner: `wake_if`.
        let word = self.state.fetch_sub(SEARCHING_ONE, SeqCst);
        fence(SeqCst);
        debug_assert!(Counts::of(word).searching > 0, "{:?}", Counts::of(word));
        Counts::of(word).searching == 1
    }

    /// The caller goes to sleep.
    pub(crate) fn transition_to_parked(&self, worker: usize, searching: bool) -> Parked {
        let mut sleepers = self.sleepers.lock();
        let delta = AWAKE_ONE + if searching { SEARCHING_ONE } else { 0 };
        // ORDERING: SeqCst and a fence: the caller's last look at the queues
        // comes after; partner: the fence in `wake_if`.
        let word = self.state.fetch_sub(delta, SeqCst);
        fence(SeqCst);
        debug_assert!(
            !sleepers.stack.contains(&worker),
            "worker {worker} parks twice"
        );
        sleepers.stack.push(worker);
        let counts = Counts::of(word);
        if counts.awake == 1 {
            Parked::LastAwake
        } else if searching && counts.searching == 1 {
            Parked::LastSearcher
        } else {
            Parked::Quietly
        }
    }

    /// Makes a sleeping caller the watcher: if nobody is, or if the caller
    /// sleeps on its condition variable (`on_condvar`) and takes the duty from
    /// one that sleeps in the driver and leaves with the next event.
    pub(crate) fn try_watch(&self, worker: usize, on_condvar: bool) -> bool {
        let mut sleepers = self.sleepers.lock();
        if !sleepers.stack.contains(&worker) {
            return false;
        }
        let takes = sleepers
            .watcher
            .is_none_or(|watcher| watcher == worker || on_condvar && sleepers.watcher_in_driver);
        if takes {
            sleepers.watcher = Some(worker);
            sleepers.watcher_in_driver = !on_condvar;
            sleepers.rest = Rest::No;
        }
        takes
    }

    /// The watcher saw nothing move for a while: true if it may sleep until
    /// `look_at`, or without a limit, because nobody is awake who would need it. Who
    /// wakes rouses it, but not for a look that is about to come anyway.
    #[must_use = "the watcher sleeps with the limit of a look unless this is true"]
    pub(crate) fn try_rest(&self, worker: usize, look_at: Option<Instant>) -> bool {
        let mut sleepers = self.sleepers.lock();
        // ORDERING: Relaxed; the awake count changes under the lock (I1).
        let awake = Counts::of(self.state.load(Relaxed)).awake;
        let rests = sleepers.watcher == Some(worker) && awake == 0;
        if rests {
            sleepers.rest = look_at.map_or(Rest::Unlimited, Rest::Until);
        }
        rests
    }

    /// Whether the caller was taken from the sleepers by a waker (I3).
    pub(crate) fn was_woken(&self, worker: usize) -> bool {
        !self.sleepers.lock().stack.contains(&worker)
    }

    /// The caller wakes on its own account: for events it dispatched itself
    /// (`searching` false) or for work it saw stuck elsewhere (true).
    ///
    /// `Err` if a waker was faster: then the caller is counted already, as a
    /// searcher.
    pub(crate) fn transition_from_parked(
        &self,
        worker: usize,
        searching: bool,
    ) -> Result<Wake, AlreadyWoken> {
        let mut sleepers = self.sleepers.lock();
        let Some(position) = sleepers.stack.iter().rposition(|&w| w == worker) else {
            return Err(AlreadyWoken);
        };
        sleepers.stack.remove(position);
        let delta = AWAKE_ONE + if searching { SEARCHING_ONE } else { 0 };
        // ORDERING: SeqCst, one order with the other changes of the word.
        self.state.fetch_add(delta, SeqCst);
        let watcher = if sleepers.watcher == Some(worker) {
            sleepers.hand_over_watch()
        } else {
            sleepers.rouse_watcher()
        };
        Ok(Wake {
            worker: None,
            watcher,
        })
    }
}

/// A waker took the worker from the sleepers first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyWoken;

impl Sleepers {
    /// Takes the sleeper to wake: the one that parked last, but the watcher
    /// last of all, for the others need no successor.
    fn pop(&mut self) -> Option<usize> {
        let no_watcher = self
            .stack
            .iter()
            .rposition(|&worker| Some(worker) != self.watcher);
        let worker = self
            .stack
            .remove(no_watcher.or(self.stack.len().checked_sub(1))?);
        if self.watcher == Some(worker) {
            self.watcher = None;
            self.rest = Rest::No;
        }
        Some(worker)
    }

    /// The watcher leaves: names the next one, who has to be unparked (I4). From now on it
    /// is the last to be woken, and hands the duty on in its turn, if it does not even come
    /// to watching. Whoever falls asleep meanwhile may take the duty from it.
    fn hand_over_watch(&mut self) -> Option<usize> {
        self.watcher = self.stack.last().copied();
        self.watcher_in_driver = true;
        self.rest = Rest::No;
        self.watcher
    }

    /// Somebody woke: a watcher at rest has to watch again, and is unparked for it
    /// unless it looks soon enough by itself.
    fn rouse_watcher(&mut self) -> Option<usize> {
        let looks_soon = match std::mem::replace(&mut self.rest, Rest::No) {
            Rest::No => true,
            Rest::Unlimited => false,
            Rest::Until(look_at) => look_at <= now() + FIRST_LOOK,
        };
        if looks_soon { None } else { self.watcher }
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed: a snapshot for people.
        let counts = Counts::of(self.state.load(Relaxed));
        f.debug_struct("Idle")
            .field("workers", &self.workers)
            .field("counts", &counts)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;
#[cfg(all(test, not(filch_loom)))]
mod tests;
