//! The one seam for time: what a runtime takes the time to be.
//!
//! A [`Clock`] either *runs*, following the operating system's monotonic clock,
//! or is *paused*: its reading stands still and moves only by [`Clock::advance`]
//! and [`Clock::advance_to`], as a test decides. Paused, time *auto-advances*
//! when the runtime has nothing else to do: its driver then moves the clock to
//! the earliest deadline. Whoever does work that the driver cannot see, as a
//! blocking task does, *inhibits* that meanwhile.
//!
//! The reading is a [`Tick`], nanoseconds since the clock was made. Ticks and
//! `std`'s instants correspond one to one for the whole life of a clock, paused
//! or not; what pausing changes is which of them is now. A clock that was ever
//! paused is *shifted*: from then on, even running again, its reading is its own.
//!
//! This module knows no runtime, and no timers.

use crate::primitive::atomic::{AtomicBool, Ordering::Relaxed};
use crate::primitive::{Mutex, now};
use filch_timer::Tick;
use std::fmt;
// A static needs a constant initial value, which a model's atomics do not have.
// What it counts takes part in no protocol.
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

#[cfg(all(test, not(filch_loom)))]
mod tests;

/// The number of shifted clocks in this process.
static SHIFTED_CLOCKS: AtomicUsize = AtomicUsize::new(0);

/// The furthest that an instant is ever set into the future where the platform
/// cannot represent a tick: 30 years, which all of them can.
const FAR_FUTURE: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Whether any clock of the process may differ from the operating system's.
///
/// While it is `false`, the current instant can be had without finding out
/// which runtime one is in.
#[inline]
pub(crate) fn any_shifted() -> bool {
    // ORDERING: Relaxed: nothing is published by the count. Code that runs after
    // a pause, in the order that its own synchronisation gives, sees it.
    SHIFTED_CLOCKS.load(Relaxed) != 0
}

/// Why a clock refused to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockError {
    /// It is paused already.
    AlreadyPaused,
    /// It is not paused.
    NotPaused,
    /// It would be moved further than a [`Tick`] reaches.
    OutOfRange,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClockError::AlreadyPaused => "time is already frozen",
            ClockError::NotPaused => "time is not frozen",
            ClockError::OutOfRange => "overflow when adding duration to instant",
        })
    }
}

/// A runtime's source of time.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The instant of [`Tick::ZERO`].
    base: Instant,
    /// Whether it may ever be paused; only then the driver may ever move it.
    may_pause: bool,
    /// Whether it was ever paused; until then `state` need not be asked.
    shifted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reading: Reading,
    /// The number of [`Clock::inhibit_auto_advance`] in effect.
    inhibitions: usize,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// It read `tick` at the instant `since`, and runs.
    Running {
        since: Instant,
        tick: Tick,
    },
    Paused(Tick),
}

impl Reading {
    fn now(self) -> Tick {
        match self {
            Reading::Running { since, tick } => {
                tick.saturating_add(now().saturating_duration_since(since))
            }
            Reading::Paused(tick) => tick,
        }
    }
}

impl Clock {
    /// A clock that runs, unless it is to start paused.
    pub(crate) fn new(start_paused: bool) -> Clock {
        Clock::build(true, start_paused)
    }

    /// A clock that runs, and is never paused.
    pub(crate) fn new_running() -> Clock {
        Clock::build(false, false)
    }

    fn build(may_pause: bool, start_paused: bool) -> Clock {
        let base = now();
        let reading = Reading::Running {
            since: base,
            tick: Tick::ZERO,
        };
        let clock = Clock {
            base,
            may_pause,
            shifted: AtomicBool::new(false),
            state: Mutex::new(State {
                reading,
                inhibitions: 0,
            }),
        };
        if start_paused {
            clock.shift();
            clock.state.lock().reading = Reading::Paused(Tick::ZERO);
        }
        clock
    }

    /// Whether it may ever be paused.
    #[inline]
    pub(crate) fn may_pause(&self) -> bool {
        self.may_pause
    }

    /// What the clock reads.
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        if self.is_shifted() {
            self.shifted_now()
        } else {
            self.tick_at(now())
        }
    }

    /// What the clock reads, or `recent` if that was read from it not long ago
    /// and it does not jump. Spares the look at the operating system's clock.
    #[inline]
    pub(crate) fn now_or(&self, recent: Tick) -> Tick {
        if self.is_shifted() {
            self.shifted_now()
        } else {
            recent
        }
    }

    /// The instant that corresponds to what the clock reads.
    #[inline]
    pub(crate) fn instant(&self) -> Instant {
        if self.is_shifted() {
            self.instant_at(self.shifted_now())
        } else {
            now()
        }
    }

    #[cold]
    fn shifted_now(&self) -> Tick {
        self.state.lock().reading.now()
    }

    /// The tick of an instant, to the nanosecond; [`Tick::ZERO`] for one before
    /// the clock was made, [`Tick::MAX`] for one more than 584 years after.
    #[inline]
    pub(crate) fn tick_at(&self, instant: Instant) -> Tick {
        Tick::from_duration(instant.saturating_duration_since(self.base))
    }

    /// The instant of a tick; the far future if the platform has no such instant.
    #[inline]
    pub(crate) fn instant_at(&self, tick: Tick) -> Instant {
        match self.base.checked_add(tick.as_duration()) {
            Some(instant) => instant,
            None => self.base + FAR_FUTURE,
        }
    }

    /// Stops the clock. Whoever asks sees to it that a single thread runs the
    /// tasks and timers which it is for: several would see it stop, and jump, at
    /// different moments.
    pub(crate) fn pause(&self) -> Result<(), ClockError> {
        debug_assert!(self.may_pause, "who inhibits relies on it");
        let mut state = self.state.lock();
        match state.reading {
            Reading::Paused(_) => Err(ClockError::AlreadyPaused),
            running @ Reading::Running { .. } => {
                state.reading = Reading::Paused(running.now());
                self.shift();
                Ok(())
            }
        }
    }

    /// Lets the clock run on from where it stands.
    pub(crate) fn resume(&self) -> Result<(), ClockError> {
        let mut state = self.state.lock();
        match state.reading {
            Reading::Running { .. } => Err(ClockError::NotPaused),
            Reading::Paused(tick) => {
                state.reading = Reading::Running { since: now(), tick };
                Ok(())
            }
        }
    }

    /// Moves the paused clock by `duration`.
    pub(crate) fn advance(&self, duration: Duration) -> Result<(), ClockError> {
        let mut state = self.state.lock();
        let Reading::Paused(tick) = state.reading else {
            return Err(ClockError::NotPaused);
        };
        let tick = tick.checked_add(duration).ok_or(ClockError::OutOfRange)?;
        state.reading = Reading::Paused(tick);
        Ok(())
    }

    /// Moves the paused clock to `tick`, unless it is past it. A clock that runs
    /// stays as it is.
    pub(crate) fn advance_to(&self, tick: Tick) {
        let mut state = self.state.lock();
        if let Reading::Paused(now) = state.reading {
            state.reading = Reading::Paused(now.max(tick));
        }
    }

    /// Whether the clock stands still.
    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.is_shifted() && matches!(self.state.lock().reading, Reading::Paused(_))
    }

    /// Keeps an idle driver from moving the clock, until the matching
    /// [`Clock::allow_auto_advance`].
    pub(crate) fn inhibit_auto_advance(&self) {
        self.state.lock().inhibitions += 1;
    }

    /// Takes back one [`Clock::inhibit_auto_advance`].
    pub(crate) fn allow_auto_advance(&self) {
        let mut state = self.state.lock();
        debug_assert!(state.inhibitions > 0, "allowed more often than inhibited");
        state.inhibitions = state.inhibitions.saturating_sub(1);
    }

    /// Whether an idle driver may move the clock to the next deadline.
    pub(crate) fn can_auto_advance(&self) -> bool {
        if !self.is_shifted() {
            return false;
        }
        let state = self.state.lock();
        matches!(state.reading, Reading::Paused(_)) && state.inhibitions == 0
    }

    #[inline]
    fn is_shifted(&self) -> bool {
        // ORDERING: Relaxed: the flag says only that `state` is to be asked, and
        // the lock publishes that. Who is ordered after a pause sees it set.
        self.shifted.load(Relaxed)
    }

    fn shift(&self) {
        // ORDERING: Relaxed, as `is_shifted` and `any_shifted` say.
        if !self.shifted.swap(true, Relaxed) {
            SHIFTED_CLOCKS.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if self.is_shifted() {
            // ORDERING: Relaxed: only the count matters, see `any_shifted`.
            SHIFTED_CLOCKS.fetch_sub(1, Relaxed);
        }
    }
}
