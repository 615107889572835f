//! The transitions against the table in the documentation, which a naive model spells
//! out: a task as fields, each line of the table as an assignment.
//!
//! Compared for every combination of flags, sound or not, as far as a transition may
//! be asked, and for the counts of references on both sides of each border.

use super::*;

/// A word, unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    running: bool,
    complete: bool,
    scheduled: bool,
    abort: bool,
    interest: bool,
    waker: bool,
    references: usize,
}

/// Few, and so many that the count spreads over the whole word.
const REFERENCES: [usize; 7] = [1, 2, 3, 4, 5, 1 << 20, usize::MAX >> 8];

impl Fields {
    fn all() -> impl Iterator<Item = Self> {
        let flags = |bits: u32| [0, 1, 2, 3, 4, 5].map(|bit| bits >> bit & 1 == 1);
        (0..64).flat_map(move |bits| {
            let [running, complete, scheduled, abort, interest, waker] = flags(bits);
            REFERENCES.map(|references| Self {
                running,
                complete,
                scheduled,
                abort,
                interest,
                waker,
                references,
            })
        })
    }

    fn pack(self) -> Snapshot {
        let flags = [
            (self.running, 1),
            (self.complete, 2),
            (self.scheduled, 4),
            (self.abort, 8),
            (self.interest, 16),
            (self.waker, 32),
        ];
        let flags: usize = flags.iter().filter(|flag| flag.0).map(|flag| flag.1).sum();
        Snapshot(self.references * 64 + flags)
    }

    /// The fields with so many references fewer.
    fn less(self, references: usize) -> Self {
        Self {
            references: self.references - references,
            ..self
        }
    }

    fn more(self) -> Self {
        Self {
            references: self.references + 1,
            ..self
        }
    }
}

/// Compares a transition with the line of the table that applies; `None` leaves the
/// word as it is.
#[track_caller]
fn compare<T: fmt::Debug + PartialEq>(
    old: Fields,
    actual: (T, Option<Snapshot>),
    expected: (T, Option<Fields>),
) {
    let (duty, next) = expected;
    let expected = (duty, next.map_or(old.pack(), Fields::pack));
    let actual = (actual.0, actual.1.unwrap_or(old.pack()));
    assert_eq!(actual, expected, "{old:?}");
}

#[test]
fn fields_round_trip() {
    for fields in Fields::all() {
        let word = fields.pack();
        let unpacked = Fields {
            running: word.is_running(),
            complete: word.is_complete(),
            scheduled: word.is_scheduled(),
            abort: word.is_cancelled(),
            interest: word.has_join_interest(),
            waker: word.has_join_waker(),
            references: word.references(),
        };
        assert_eq!(unpacked, fields);
    }
}

#[test]
fn polls() {
    for old in Fields::all() {
        let last = old.references == 1;
        let begin = || match old.abort {
            true => TransitionToRunning::Cancel,
            false => TransitionToRunning::Poll,
        };
        if old.scheduled && (old.running || old.complete) {
            let duty = match last {
                true => TransitionToRunning::Dealloc,
                false => TransitionToRunning::Released,
            };
            compare(old, old.pack().running(), (duty, Some(old.less(1))));
        } else if old.scheduled {
            let mut new = old;
            (new.running, new.scheduled) = (true, false);
            compare(old, old.pack().running(), (begin(), Some(new)));
        }
        if !old.running {
            continue;
        }
        let mut new = old;
        new.scheduled = false;
        compare(old, old.pack().resumed(), (begin(), Some(new)));
        for yielded in [false, true] {
            let mut waits = old.less(1);
            waits.running = false;
            let expected = match (old.abort, yielded || old.scheduled) {
                (true, _) => (TransitionToIdle::Cancel, None),
                (_, true) => (TransitionToIdle::Reschedule, None),
                // Somebody keeps a task that waits.
                _ if last => continue,
                _ => (TransitionToIdle::Released, Some(waits)),
            };
            compare(old, old.pack().idle(yielded), expected);
        }
    }
}

#[test]
fn completions() {
    for old in Fields::all() {
        for held in 1..=2 {
            if old.references < held {
                continue;
            }
            let only = old.references == held;
            if old.running {
                let mut new = old;
                (new.running, new.complete) = (false, true);
                for dropped in [false, true] {
                    let expected = match (old.interest || dropped, only, old.waker) {
                        (false, _, _) => (TransitionToComplete::DropOutput, None),
                        (_, true, _) => (TransitionToComplete::Dealloc, None),
                        (_, _, true) => (TransitionToComplete::WakeJoiner, Some(new)),
                        _ => (TransitionToComplete::Released, Some(new.less(held))),
                    };
                    compare(old, old.pack().complete(held, dropped), expected);
                }
            }
            if old.complete && old.waker {
                let mut new = old;
                new.waker = false;
                for dropped in [false, true] {
                    let expected = match (only, old.interest || dropped) {
                        (true, _) => (TransitionToTerminal::Dealloc, None),
                        (_, false) => (TransitionToTerminal::DropJoinWaker, None),
                        _ => (TransitionToTerminal::Released, Some(new.less(held))),
                    };
                    compare(old, old.pack().terminal(held, dropped), expected);
                }
            }
        }
    }
}

#[test]
fn wakes_and_aborts() {
    for old in Fields::all() {
        let mut woken = old;
        woken.scheduled = true;
        let idle = !old.complete && !old.running && !old.scheduled;
        let (by_ref, next) = match (old.complete, idle) {
            (true, _) => (TransitionToScheduledByRef::DoNothing, old),
            (_, true) => (TransitionToScheduledByRef::Submit, woken.more()),
            _ => (TransitionToScheduledByRef::DoNothing, woken),
        };
        compare(old, old.pack().scheduled_by_ref(), (by_ref, Some(next)));

        let by_val = match (idle, old.references == 1) {
            (true, _) => (TransitionToScheduledByVal::Submit, Some(woken)),
            (_, true) => (TransitionToScheduledByVal::Dealloc, Some(next.less(1))),
            _ => (TransitionToScheduledByVal::Released, Some(next.less(1))),
        };
        compare(old, old.pack().scheduled_by_val(), by_val);

        let mut aborted = woken;
        aborted.abort = true;
        let expected = match (old.complete || old.abort, idle) {
            (true, _) => (TransitionToScheduledByRef::DoNothing, None),
            (_, true) => (TransitionToScheduledByRef::Submit, Some(aborted.more())),
            _ => (TransitionToScheduledByRef::DoNothing, Some(aborted)),
        };
        compare(old, old.pack().cancelled(), expected);

        let mut ended = old;
        (ended.running, ended.abort) = (true, true);
        let expected = match (old.complete, old.running) {
            (true, _) => (TransitionToShutdown::DoNothing, None),
            (_, true) => (TransitionToShutdown::DoNothing, Some(ended)),
            _ => (TransitionToShutdown::Cancel, Some(ended)),
        };
        compare(old, old.pack().shutdown(), expected);
    }
}

#[test]
fn handles() {
    for old in Fields::all().filter(|old| old.interest) {
        let mut other = old;
        other.waker = !old.waker;
        let expected = match old.complete {
            true => (TransitionToJoinWaker::Complete, None),
            false => (TransitionToJoinWaker::Done, Some(other)),
        };
        let actual = match old.waker {
            true => old.pack().join_waker_unset(),
            false => old.pack().join_waker_set(),
        };
        compare(old, actual, expected);

        for (output, join_waker) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut gone = old;
            gone.interest = false;
            let mut taken_back = old;
            taken_back.waker = false;
            let expected = match (old.references, old.complete) {
                (1, _) => (TransitionToDetached::Dealloc, None),
                (_, true) if !output => (TransitionToDetached::DropOutput, None),
                (_, true) if !old.waker && !join_waker => {
                    (TransitionToDetached::DropJoinWaker, None)
                }
                (_, false) if old.waker => (TransitionToDetached::DropJoinWaker, Some(taken_back)),
                _ => (TransitionToDetached::Released, Some(gone.less(1))),
            };
            let disposed = Disposed { output, join_waker };
            compare(old, old.pack().detached(disposed), expected);
        }
    }
}
