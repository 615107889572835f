//! The wait that joins sockets, deadlines and unparks.
//!
//! A runtime has one [`Driver`], exclusive to whoever holds it, and any number
//! of ways to its [`DriverHandle`]. A parked holder sleeps in the I/O driver
//! until an event, the earliest deadline, an unpark or its limit, whichever
//! comes first; then it dispatches the events and fires the timers, waking
//! their tasks on its own thread.
//!
//! Protocol of a park, so that no deadline is overslept:
//! 1. publish the deadline it will sleep until ([`Timers::prepare_sleep`]);
//! 2. sleep in the I/O driver, with the time left as its timeout, but for what the system
//!    is late by ([`Lead`]); if it was less late than that, look for events until the deadline,
//!    which stays published: whoever registers an earlier one still unparks the holder;
//! 3. withdraw the published deadline, so that no unpark is wasted;
//! 4. fire what is due.
//!
//! With a paused clock nobody sleeps for a deadline: if a non-blocking turn
//! finds nothing to do, time jumps to the earliest deadline instead; if it may
//! not, the holder sleeps whatever deadline is to come. So whoever changes the clock
//! unparks the holder afterwards ([`DriverHandle::change_clock`]).
//!
//! This module knows neither tasks nor workers.

use super::clock::Clock;
use super::lead::Lead;
use super::timers::Timers;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicU64, Ordering::*};
use crate::unwind::Panics;
use filch_timer::Tick;
use std::io;
use std::time::Duration;

/// How long a park may last if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Until something happens.
    Unlimited,
    /// At most this long.
    AtMost(Duration),
}

/// The exclusive part: whoever holds it may wait.
#[derive(Debug)]
pub(crate) struct Driver {
    io: filch_io::Driver,
    lead: Lead,
}

/// The shared part: registers sources and timers, unparks the holder.
#[derive(Debug)]
pub(crate) struct DriverHandle {
    io: filch_io::Handle,
    timers: Timers,
    clock: Arc<Clock>,
    /// Turns so far; a watcher sees by it whether anyone turns the driver.
    turns: AtomicU64,
}

/// Creates a driver with `shards` timer wheels.
///
/// # Errors
///
/// If the operating system has no descriptors left for its selector.
pub(crate) fn new(
    shards: usize,
    events_per_turn: usize,
    clock: Arc<Clock>,
) -> io::Result<(Driver, DriverHandle)> {
    let io = filch_io::Driver::new(events_per_turn)?;
    let handle = io.handle().clone();
    let unparker = handle.clone();
    let timers = Timers::new(
        shards,
        Arc::clone(&clock),
        Box::new(move || unparker.unpark()),
    );
    let handle = DriverHandle {
        io: handle,
        timers,
        clock,
        turns: AtomicU64::new(0),
    };
    let lead = Lead::new();
    Ok((Driver { io, lead }, handle))
}

impl DriverHandle {
    pub(crate) fn io(&self) -> &filch_io::Handle {
        &self.io
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Stops, moves or restarts the clock; a parked holder looks at it anew.
    pub(crate) fn change_clock<E>(
        &self,
        change: impl FnOnce(&Clock) -> Result<(), E>,
    ) -> Result<(), E> {
        change(&self.clock)?;
        self.unpark();
        Ok(())
    }

    /// Makes the holder's park, or the next one, return.
    pub(crate) fn unpark(&self) {
        self.io.unpark();
    }

    /// How often the driver was turned so far.
    pub(crate) fn turns(&self) -> u64 {
        // ORDERING: Relaxed: a count to compare, nothing is published by it.
        self.turns.load(Relaxed)
    }

    /// Whether there is any source whose events a turn could find.
    pub(crate) fn has_sources(&self) -> bool {
        self.io.registered_count() != self.io.deregistered_count()
    }

    /// Whether any timer is registered.
    pub(crate) fn has_timers(&self) -> bool {
        self.timers.earliest().is_some()
    }

    /// Fires the timers that are due.
    pub(crate) fn fire_timers(&self) {
        let Some(earliest) = self.timers.earliest() else {
            return;
        };
        let now = self.clock.now();
        if earliest <= now {
            self.timers.fire_due(now);
        }
    }
}

impl Driver {
    /// Dispatches what has happened, without waiting; true if there may be more.
    pub(crate) fn poll(&mut self, handle: &DriverHandle) -> bool {
        let turn = self.turn(handle, Some(Duration::ZERO));
        handle.fire_timers();
        turn.is_full
    }

    /// Waits until something happens or `limit` passes, and dispatches it; true if
    /// there may be more.
    pub(crate) fn park(&mut self, handle: &DriverHandle, limit: Limit) -> bool {
        if handle.clock.is_paused() {
            return self.park_paused(handle, limit);
        }
        let deadline = handle.timers.prepare_sleep();
        let until_deadline = deadline.map(|deadline| {
            let now = handle.clock.now();
            (deadline, deadline.saturating_duration_since(now))
        });
        let turn = match (until_deadline, limit) {
            (Some((deadline, left)), Limit::Unlimited) => self.wait_until(handle, deadline, left),
            // A sleep of that limit would hardly end before such a deadline.
            (Some((deadline, left)), Limit::AtMost(limit))
                if left <= limit.saturating_add(self.lead.before(left)) =>
            {
                self.wait_until(handle, deadline, left)
            }
            (_, Limit::AtMost(limit)) => self.turn(handle, Some(limit)),
            (None, Limit::Unlimited) => self.turn(handle, None),
        };
        handle.timers.finish_sleep();
        handle.fire_timers();
        turn.is_full
    }

    /// Waits until something happens or `deadline`, which is so far ahead.
    fn wait_until(
        &mut self,
        handle: &DriverHandle,
        deadline: Tick,
        left: Duration,
    ) -> filch_io::Turn {
        let found_nothing = |turn: &filch_io::Turn| turn.events == 0 && !turn.unparked;
        let lead = self.lead.before(left);
        let mut turn = self.turn(handle, Some(left - lead));
        if left.is_zero() || !found_nothing(&turn) {
            return turn;
        }
        let mut now = handle.clock.now();
        let since_deadline = now.saturating_duration_since(deadline);
        let until_deadline = deadline.saturating_duration_since(now);
        // Something else has ended the sleep, as a signal does.
        if until_deadline > lead {
            return turn;
        }
        self.lead
            .learn(left, lead - until_deadline + since_deadline);
        while now < deadline && found_nothing(&turn) {
            turn = self.turn(handle, Some(Duration::ZERO));
            now = handle.clock.now();
        }
        turn
    }

    /// As [`park`](Self::park), on a paused clock: jumps instead of waiting.
    fn park_paused(&mut self, handle: &DriverHandle, limit: Limit) -> bool {
        // Asked before the turn: who allows a jump has woken before whomever it kept time
        // for, which the turn then sees. Asked after it as well: who forbids one may come.
        let may_jump = handle.clock.can_auto_advance();
        let mut turn = self.turn(handle, Some(Duration::ZERO));
        if turn.events > 0 || turn.unparked || limit == Limit::AtMost(Duration::ZERO) {
            handle.fire_timers();
            return turn.is_full;
        }
        let may_jump = || may_jump && handle.clock.can_auto_advance();
        match handle.timers.prepare_sleep() {
            Some(deadline) if may_jump() || deadline <= handle.clock.now() => {
                handle.clock.advance_to(deadline);
            }
            _ => {
                turn = self.turn(
                    handle,
                    match limit {
                        Limit::Unlimited => None,
                        Limit::AtMost(limit) => Some(limit),
                    },
                );
            }
        }
        handle.timers.finish_sleep();
        handle.fire_timers();
        turn.is_full
    }

    /// Wakes every waiter of every source, and every timer, to learn of the end.
    ///
    /// A panic of a waker goes on when that has been done.
    pub(crate) fn shutdown(&mut self, handle: &DriverHandle) {
        let mut panics = Panics::default();
        panics.put_off(|| self.io.shutdown());
        panics.put_off(|| handle.timers.shutdown());
        panics.resume();
    }

    fn turn(&mut self, handle: &DriverHandle, timeout: Option<Duration>) -> filch_io::Turn {
        // ORDERING: Relaxed: one writer at a time, the holder of the driver.
        handle
            .turns
            .store(handle.turns.load(Relaxed).wrapping_add(1), Relaxed);
        match self.io.turn(timeout) {
            Ok(turn) => turn,
            Err(error) => panic!("filch: the operating system's selector failed: {error}"),
        }
    }
}

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;
