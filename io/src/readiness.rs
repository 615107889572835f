//! The readiness word: all that the driver and the users of one source tell
//! each other without a lock.
//!
//! # Vocabulary
//! - An **event** is one report of the selector about one source.
//! - The **tick** counts the events of this source. Whoever observes readiness
//!   takes the tick along ([`Readiness`]) and shows it when clearing.
//! - To **clear** is to withdraw readiness, because an operation found out that
//!   it would block; to **refute** is to withdraw a close as well.
//!
//! # Invariants
//! - *Newer events survive.* A clear takes effect only if no event arrived
//!   since the readiness it refers to was observed. With edge-triggered
//!   reporting the selector will not repeat the event, so that clearing it
//!   would be a hang.
//! - *A close survives.* [`Ready::READ_CLOSED`] and [`Ready::WRITE_CLOSED`] are
//!   never cleared: after a read that came back short, the end of the stream
//!   is still to be read and no further event announces it. They are replaced
//!   by what the next event says. An event states the full truth about its
//!   source, so that one without them refutes them (a FIFO that got a new
//!   writer, a datagram socket whose error was consumed).
//! - *What is assumed is one's own guess.* It stands until an operation proves it wrong, or until the
//!   first event, which states the truth. Whoever asks for readiness itself, and is not about to
//!   try, withdraws it: if it is true, the selector says so at its next look.
//! - *A close can be refuted.* At a closed end the system never answers
//!   `WouldBlock`. Where it does, there was no close, or there is none any more
//!   (a socket with messages in its error queue, whose event looks like that of
//!   a pipe without readers), and the next event will tell of the next change.
//!   Only the system's own answer says so, not that of a caller's closure.
//! - *Shutdown is final.* No transition resets the bit.
//!
//! The word knows neither wakers nor the selector: see [`crate::entry`].

use std::fmt;
use std::io;

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::{Interest, Ready};

const READY_BITS: u32 = 8;
const SHUTDOWN_BITS: u32 = 1;
const TICK_BITS: u32 = usize::BITS - READY_BITS - SHUTDOWN_BITS;

const TICK_SHIFT: u32 = READY_BITS;
const SHUTDOWN_SHIFT: u32 = TICK_SHIFT + TICK_BITS;

const READY_MASK: usize = (1 << READY_BITS) - 1;
const TICK_MAX: usize = (1 << TICK_BITS) - 1;
const SHUTDOWN: usize = 1 << SHUTDOWN_SHIFT;

/// The tick before the first event, and none after: what is ready then is only assumed.
const ASSUMED: usize = 0;

const _: () = assert!(
    Ready::ALL.bits() <= READY_MASK,
    "the ready set must fit its field"
);
const _: () = assert!(
    SHUTDOWN_SHIFT == usize::BITS - 1,
    "the fields must fill the word"
);

/// The message of every error that follows a shutdown.
const SHUT_DOWN: &str = "the I/O driver was shut down: the runtime this source was registered with \
                         no longer runs";

pub(crate) fn shut_down_error() -> io::Error {
    io::Error::other(SHUT_DOWN)
}

/// What a source was found ready for, and when.
///
/// Hand it back to [`Registered::clear`](crate::Registered::clear) after an
/// operation answered `WouldBlock`: it names the moment of the observation, so
/// that an event which arrived since is not lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Readiness {
    /// The readiness that satisfies what was asked for.
    pub ready: Ready,
    pub(crate) tick: usize,
}

impl Readiness {
    /// Whether no event has confirmed it.
    pub(crate) const fn is_assumed(self) -> bool {
        self.tick == ASSUMED
    }

    /// The same moment, narrowed or widened to `ready`; used to clear a part.
    pub const fn with_ready(self, ready: Ready) -> Readiness {
        Readiness {
            ready,
            tick: self.tick,
        }
    }
}

/// One value of the word.
///
/// | bits (64-bit machine) | field    | meaning                                |
/// |-----------------------|----------|----------------------------------------|
/// | 0–7                   | ready    | the [`Ready`] set                      |
/// | 8–62                  | tick     | events so far, modulo its range        |
/// | 63                    | shutdown | the driver is gone for good            |
///
/// On a 32-bit machine the tick has 23 bits. A clear goes wrong only if a
/// multiple of the whole range of events arrives between one observation and
/// its clear, that is, during one non-blocking system call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(usize);

impl State {
    const fn pack(ready: Ready, tick: usize, shutdown: bool) -> State {
        State(ready.bits() | tick << TICK_SHIFT | (shutdown as usize) << SHUTDOWN_SHIFT)
    }

    pub(crate) const fn ready(self) -> Ready {
        Ready::from_bits_truncate(self.0 & READY_MASK)
    }

    const fn tick(self) -> usize {
        self.0 >> TICK_SHIFT & TICK_MAX
    }

    pub(crate) const fn is_shutdown(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    /// What someone who waits for any of `mask` gets to hear; `None` means
    /// wait.
    pub(crate) fn answer(self, mask: Ready) -> Option<io::Result<Readiness>> {
        if self.is_shutdown() {
            return Some(Err(shut_down_error()));
        }
        self.observe(mask).map(Ok)
    }

    /// The readiness among `mask`, if there is any.
    pub(crate) fn observe(self, mask: Ready) -> Option<Readiness> {
        let ready = self.ready() & mask;
        (!ready.is_empty()).then_some(Readiness {
            ready,
            tick: self.tick(),
        })
    }

    /// An event arrives. The first one puts an end to what was assumed.
    fn with_event(self, event: Ready) -> State {
        let kept = match self.tick() {
            ASSUMED => Ready::EMPTY,
            _ => self.ready() - Ready::CLOSED,
        };
        let tick = match self.tick().wrapping_add(1) & TICK_MAX {
            ASSUMED => ASSUMED + 1,
            tick => tick,
        };
        State::pack(kept | event, tick, self.is_shutdown())
    }

    /// The readiness observed in `seen` is withdrawn, if it is still current.
    fn without(self, seen: Readiness) -> Result<State, Cleared> {
        if self.tick() != seen.tick {
            return Err(Cleared::Outdated);
        }
        let ready = self.ready() - seen.ready;
        if ready == self.ready() {
            return Err(Cleared::Nothing);
        }
        Ok(State::pack(ready, self.tick(), self.is_shutdown()))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("ready", &self.ready())
            .field("tick", &self.tick())
            .field("shutdown", &self.is_shutdown())
            .finish()
    }
}

/// What a clear or a refutation did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a withdrawal obliges the caller to re-arm the selector"]
pub(crate) enum Cleared {
    /// Readiness was withdrawn: the selector must report it again.
    Withdrawn,
    /// An event arrived since: it stands, and the operation is worth a retry.
    Outdated,
    /// There was nothing to withdraw.
    Nothing,
}

/// The shared word. All of its compare-and-swap loops are here.
pub(crate) struct ReadinessWord(AtomicUsize);

impl ReadinessWord {
    /// A word that takes `assumed` for granted.
    pub(crate) fn new(assumed: Ready) -> ReadinessWord {
        ReadinessWord(AtomicUsize::new(State::pack(assumed, ASSUMED, false).0))
    }

    pub(crate) fn load(&self) -> State {
        // ORDERING: Acquire pairs with the Release of `transition_to_ready`.
        // The word announces what the kernel knew when it reported an event.
        // The operation which follows this load must not see an older kernel
        // state than that: its `WouldBlock` would clear the very event.
        State(self.0.load(Ordering::Acquire))
    }

    /// `_ => ready + event, tick + 1`. The caller now owes a wake-up to
    /// everyone whom `event` satisfies.
    pub(crate) fn transition_to_ready(&self, event: Ready) {
        // ORDERING: Release pairs with the Acquire of `load`, see there.
        self.update(Ordering::Release, |state| {
            Ok::<_, Cleared>(state.with_event(event))
        })
        .ok();
    }

    /// `same tick => ready - seen + closed`, anything else stays.
    pub(crate) fn transition_to_cleared(&self, seen: Readiness) -> Cleared {
        self.transition_to_refuted(seen.with_ready(seen.ready - Ready::CLOSED))
    }

    /// `same tick => ready - seen`, anything else stays.
    pub(crate) fn transition_to_refuted(&self, seen: Readiness) -> Cleared {
        // ORDERING: Relaxed, as this publishes nothing. It succeeds only on the
        // tick that `load` acquired; an event since then stands behind it in
        // the word's modification order, or makes it fail. As a
        // read-modify-write it continues the release sequence of that event.
        match self.update(Ordering::Relaxed, |state| state.without(seen)) {
            Ok(()) => Cleared::Withdrawn,
            Err(kept) => kept,
        }
    }

    /// `_ => shutdown`. The caller now owes a wake-up to everyone.
    pub(crate) fn transition_to_shutdown(&self) {
        // ORDERING: Relaxed, as the bit publishes nothing but itself. Whoever
        // waits takes the lock of the waiters before, see `crate::entry`.
        self.0.fetch_or(SHUTDOWN, Ordering::Relaxed);
    }

    fn update<E>(
        &self,
        success: Ordering,
        mut next: impl FnMut(State) -> Result<State, E>,
    ) -> Result<(), E> {
        // ORDERING: Relaxed, here and on failure: a stale guess costs a round.
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let wanted = next(State(current))?;
            match self
                .0
                .compare_exchange_weak(current, wanted.0, success, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(actual) => current = actual,
            }
        }
    }
}

impl fmt::Debug for ReadinessWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

/// The two independent halves of a source, each with a waker slot of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Receiving, accepting.
    Read,
    /// Sending, connecting.
    Write,
}

impl Direction {
    /// The readiness that ends a wait in this direction.
    pub(crate) const fn mask(self) -> Ready {
        match self {
            Direction::Read => Ready::from_interest(Interest::READABLE),
            Direction::Write => Ready::from_interest(Interest::WRITABLE),
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    fn sets() -> impl Iterator<Item = Ready> {
        (0..=Ready::ALL.bits()).map(Ready::from_bits_truncate)
    }

    #[test]
    fn fields_round_trip() {
        for ready in sets() {
            for tick in [0, 1, 77, TICK_MAX / 2, TICK_MAX] {
                for shutdown in [false, true] {
                    let state = State::pack(ready, tick, shutdown);
                    assert_eq!(
                        (state.ready(), state.tick(), state.is_shutdown()),
                        (ready, tick, shutdown)
                    );
                }
            }
        }
    }

    #[test]
    fn debug_decodes() {
        let text = format!("{:?}", State::pack(Ready::READABLE, 42, true));
        assert!(text.contains("is_readable: true"), "{text}");
        assert!(text.contains("is_writable: false"), "{text}");
        assert!(
            text.contains("tick: 42") && text.contains("shutdown: true"),
            "{text}"
        );
        let text = format!("{:?}", ReadinessWord::new(Ready::ERROR));
        assert!(text.contains("is_error: true"), "{text}");
    }

    #[test]
    fn the_tick_wraps_into_itself_only() {
        let state = State::pack(Ready::WRITABLE, TICK_MAX, true).with_event(Ready::READABLE);
        assert_eq!(state.tick(), 1, "not that of what is assumed");
        assert!(state.is_shutdown());
        assert_eq!(state.ready(), Ready::READABLE | Ready::WRITABLE);
        let state = State::pack(Ready::EMPTY, TICK_MAX, false).with_event(Ready::EMPTY);
        assert!(
            !state.is_shutdown(),
            "the tick must not carry into the shutdown bit"
        );
    }

    #[test]
    fn the_first_event_ends_what_was_assumed() {
        let assumed = ReadinessWord::new(Ready::READABLE | Ready::WRITABLE).load();
        assert!(assumed.observe(Ready::ALL).unwrap().is_assumed());
        let first = assumed.with_event(Ready::WRITABLE);
        assert_eq!(first.ready(), Ready::WRITABLE);
        assert!(!first.observe(Ready::ALL).unwrap().is_assumed());
        let second = first.with_event(Ready::READABLE);
        assert_eq!(second.ready(), Ready::READABLE | Ready::WRITABLE);
    }

    #[test]
    fn a_clear_takes_only_what_was_seen_and_never_a_close() {
        for before in sets() {
            for seen in sets() {
                let word = ReadinessWord::new(before);
                let cleared = word.transition_to_cleared(Readiness {
                    ready: seen,
                    tick: 0,
                });
                let after = word.load().ready();
                assert_eq!(after, before - (seen - Ready::CLOSED));
                assert_eq!(cleared == Cleared::Withdrawn, after != before);
            }
        }
    }

    #[test]
    fn a_refutation_takes_what_was_seen_and_a_close() {
        for before in sets() {
            for seen in sets() {
                let word = ReadinessWord::new(before);
                let refuted = word.transition_to_refuted(Readiness {
                    ready: seen,
                    tick: 0,
                });
                let after = word.load().ready();
                assert_eq!(after, before - seen);
                assert_eq!(refuted == Cleared::Withdrawn, after != before);
            }
        }
    }

    #[test]
    fn a_clear_and_a_refutation_lose_against_a_newer_event() {
        let word = ReadinessWord::new(Ready::READABLE);
        let seen = word.load().observe(Ready::ALL).unwrap();
        let event = Ready::READABLE | Ready::READ_CLOSED;
        word.transition_to_ready(event);
        assert_eq!(word.transition_to_cleared(seen), Cleared::Outdated);
        assert_eq!(word.transition_to_refuted(seen), Cleared::Outdated);
        assert_eq!(word.load().ready(), event);
    }

    #[test]
    fn an_event_states_the_whole_truth_about_closing() {
        let word = ReadinessWord::new(Ready::EMPTY);
        word.transition_to_ready(Ready::READABLE | Ready::READ_CLOSED);
        word.transition_to_ready(Ready::WRITABLE);
        assert_eq!(word.load().ready(), Ready::READABLE | Ready::WRITABLE);
    }

    #[test]
    fn shutdown_stays_and_answers_everyone() {
        let word = ReadinessWord::new(Ready::READABLE);
        let seen = word.load().observe(Ready::ALL).unwrap();
        word.transition_to_shutdown();
        assert_eq!(word.transition_to_cleared(seen), Cleared::Withdrawn);
        word.transition_to_ready(Ready::WRITABLE);
        let error = word.load().answer(Ready::WRITABLE).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert!(error.to_string().contains("shut down"));
    }

    #[test]
    fn a_mask_without_readiness_means_wait() {
        let word = ReadinessWord::new(Ready::WRITABLE | Ready::ERROR);
        assert!(word.load().answer(Direction::Read.mask()).is_none());
        let readiness = word
            .load()
            .answer(Direction::Write.mask())
            .unwrap()
            .unwrap();
        assert_eq!(readiness.ready, Ready::WRITABLE);
    }
}

#[cfg(all(test, filch_loom))]
mod loom_readiness;
#[cfg(all(test, not(filch_loom)))]
mod properties;
