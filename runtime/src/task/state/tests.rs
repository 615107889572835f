//! Exhaustive tests of the transitions: every word that can occur.

use super::*;

/// Enough references for every case that a transition tells apart.
const REFERENCES: usize = 5;

/// How many references a word implies: that of who runs the task, or completes
/// it while the join waker is shared with him, and that of the handle.
fn implied_references(word: Snapshot) -> usize {
    let completer = word.is_complete() && word.has_join_waker();
    usize::from(word.is_running() || completer) + usize::from(word.has_join_interest())
}

/// Whether a word can occur: the rules that no transition may break.
fn is_sound(word: Snapshot) -> bool {
    let exclusive = !(word.is_running() && word.is_complete());
    let waker_has_owner = !word.has_join_waker() || word.has_join_interest() || word.is_complete();
    exclusive && waker_has_owner && word.references() >= implied_references(word)
}

/// All words that can occur.
fn sound_words() -> impl Iterator<Item = Snapshot> {
    (REFERENCE..REFERENCE * (REFERENCES + 1))
        .map(Snapshot)
        .filter(|&word| is_sound(word))
}

/// All words that can occur while the caller of a transition holds a reference
/// that they do not imply: a waker's, a `Notified`'s, or the list's.
fn sound_words_for_others() -> impl Iterator<Item = Snapshot> {
    sound_words().filter(|&word| word.references() > implied_references(word))
}

/// Checks what is common to all transitions: the new word is sound unless the
/// task is to be freed, its references are as `change` says, and what is final
/// stays. Returns the new word.
#[track_caller]
fn check(old: Snapshot, next: Option<Snapshot>, change: isize) -> Snapshot {
    let new = next.unwrap_or(old);
    let references = old
        .references()
        .checked_add_signed(change)
        .expect("counts stay positive");
    assert_eq!(new.references(), references, "{old:?} => {new:?}");
    assert!(references == 0 || is_sound(new), "{old:?} => {new:?}");
    assert!(
        !old.is_complete() || new.is_complete(),
        "{old:?} => {new:?}"
    );
    assert!(
        !old.is_cancelled() || new.is_cancelled(),
        "{old:?} => {new:?}"
    );
    assert!(
        old.has_join_interest() || !new.has_join_interest(),
        "{old:?} => {new:?}"
    );
    new
}

#[test]
fn a_new_task_runs_as_far_as_others_can_see_and_has_a_handle() {
    let state = State::new().load();
    assert!(is_sound(state));
    assert!(state.is_running() && state.has_join_interest());
    assert!(!state.is_scheduled() && !state.is_complete() && !state.is_cancelled());
    assert!(!state.has_join_waker());
    assert_eq!(state.references(), 3);
}

#[test]
fn running() {
    for old in sound_words_for_others().filter(|old| old.is_scheduled()) {
        let (duty, next) = old.running();
        let stale = old.is_running() || old.is_complete();
        let new = check(old, next, if stale { -1 } else { 0 });
        match duty {
            TransitionToRunning::Poll => assert!(!stale && !old.is_cancelled()),
            TransitionToRunning::Cancel => assert!(!stale && old.is_cancelled()),
            TransitionToRunning::Released => assert!(stale && new.references() > 0),
            TransitionToRunning::Dealloc => assert!(stale && new.references() == 0),
        }
        assert!(stale || new.is_running() && !new.is_scheduled());
    }
}

#[test]
fn resumed() {
    for old in sound_words().filter(|old| old.is_running()) {
        let (duty, next) = old.resumed();
        let new = check(old, next, 0);
        assert!(new.is_running() && !new.is_scheduled());
        assert_eq!(
            next.is_some(),
            old.is_scheduled(),
            "a write without need: {old:?}"
        );
        match duty {
            TransitionToRunning::Poll => assert!(!old.is_cancelled()),
            TransitionToRunning::Cancel => assert!(old.is_cancelled()),
            duty => panic!("{duty:?}: an entitled Notified is never stale"),
        }
    }
}

#[test]
fn idle() {
    // Who waits is kept: the runner's reference is not the only one.
    let kept = |old: &Snapshot| old.is_running() && old.references() > 1;
    for old in sound_words().filter(kept) {
        for yielded in [false, true] {
            let (duty, next) = old.idle(yielded);
            match duty {
                TransitionToIdle::Cancel => {
                    assert!(old.is_cancelled());
                    assert_eq!(next, None);
                }
                TransitionToIdle::Reschedule => {
                    assert!(!old.is_cancelled() && (yielded || old.is_scheduled()));
                    assert_eq!(next, None);
                }
                TransitionToIdle::Released => {
                    let new = check(old, next, -1);
                    assert!(!old.is_cancelled() && !yielded && !old.is_scheduled());
                    assert!(!new.is_running());
                }
            }
        }
    }
}

#[test]
fn complete_and_terminal() {
    for old in sound_words().filter(|old| old.is_running()) {
        for held in 1..=2 {
            // The handle's reference is not among those held.
            if old.references() < held + usize::from(old.has_join_interest()) {
                continue;
            }
            if !old.has_join_interest() {
                assert_eq!(
                    old.complete(held, false),
                    (TransitionToComplete::DropOutput, None)
                );
            }
            let (duty, next) = old.complete(held, true);
            match duty {
                TransitionToComplete::DropOutput => unreachable!("it has been dropped"),
                TransitionToComplete::Dealloc => {
                    assert_eq!((old.references(), next), (held, None));
                }
                TransitionToComplete::Released => {
                    let new = check(old, next, -held.cast_signed());
                    assert!(new.is_complete() && !new.is_running() && !new.has_join_waker());
                    assert!(new.references() > 0);
                }
                TransitionToComplete::WakeJoiner => {
                    let new = check(old, next, 0);
                    assert!(new.is_complete() && !new.is_running() && new.has_join_waker());
                    terminal(new, held);
                }
            }
        }
    }
}

fn terminal(old: Snapshot, held: usize) {
    // The handle is still there, or has gone in the meantime.
    for old in [
        old,
        old.detached(Disposed {
            output: true,
            join_waker: false,
        })
        .1
        .unwrap(),
    ] {
        if !old.has_join_interest() && old.references() > held {
            assert_eq!(
                old.terminal(held, false),
                (TransitionToTerminal::DropJoinWaker, None)
            );
        }
        let (duty, next) = old.terminal(held, true);
        match duty {
            TransitionToTerminal::DropJoinWaker => unreachable!("it has been dropped"),
            TransitionToTerminal::Dealloc => assert_eq!((old.references(), next), (held, None)),
            TransitionToTerminal::Released => {
                let new = check(old, next, -held.cast_signed());
                assert!(!new.has_join_waker() && new.references() > 0);
            }
        }
    }
}

#[test]
fn wakes_submit_exactly_idle_tasks() {
    for old in sound_words_for_others() {
        let idle = !old.is_running() && !old.is_complete() && !old.is_scheduled();
        let (by_ref, next) = old.scheduled_by_ref();
        let new = check(old, next, isize::from(idle));
        assert_eq!(
            by_ref == TransitionToScheduledByRef::Submit,
            idle,
            "{old:?}"
        );
        assert_eq!(new.is_scheduled(), old.is_scheduled() || !old.is_complete());
        assert!(
            next.is_some() || old.is_complete(),
            "this wake publishes nothing: {old:?}"
        );

        let (by_val, next) = old.scheduled_by_val();
        assert_eq!(
            by_val == TransitionToScheduledByVal::Submit,
            idle,
            "{old:?}"
        );
        let new = check(old, next, if idle { 0 } else { -1 });
        assert_eq!(
            by_val == TransitionToScheduledByVal::Dealloc,
            new.references() == 0
        );
    }
}

#[test]
fn aborts_submit_exactly_idle_tasks() {
    for old in sound_words_for_others() {
        let (duty, next) = old.cancelled();
        let acts = !old.is_complete() && !old.is_cancelled();
        let submits = acts && !old.is_running() && !old.is_scheduled();
        assert_eq!(
            duty == TransitionToScheduledByRef::Submit,
            submits,
            "{old:?}"
        );
        let new = check(old, next, isize::from(submits));
        assert_eq!(next.is_some(), acts);
        assert!(old.is_complete() || new.is_cancelled());
    }
}

#[test]
fn shutdowns_take_over_exactly_tasks_that_nobody_runs() {
    for old in sound_words_for_others() {
        let (duty, next) = old.shutdown();
        let new = check(old, next, 0);
        let takes_over = !old.is_running() && !old.is_complete();
        assert_eq!(duty == TransitionToShutdown::Cancel, takes_over, "{old:?}");
        assert_eq!(new.is_running(), old.is_running() || takes_over);
        assert!(old.is_complete() || new.is_cancelled());
    }
}

#[test]
fn join_waker() {
    for old in sound_words().filter(|old| old.has_join_interest()) {
        let (duty, next) = if old.has_join_waker() {
            old.join_waker_unset()
        } else {
            old.join_waker_set()
        };
        let new = check(old, next, 0);
        assert_eq!(duty == TransitionToJoinWaker::Complete, old.is_complete());
        assert_eq!(
            new.has_join_waker() != old.has_join_waker(),
            !old.is_complete()
        );
    }
}

#[test]
fn detached_disposes_of_each_thing_once() {
    for old in sound_words().filter(|old| old.has_join_interest()) {
        let mut word = old;
        let mut disposed = Disposed::default();
        loop {
            let (duty, next) = word.detached(disposed);
            match duty {
                TransitionToDetached::DropOutput => {
                    check(word, next, 0);
                    assert!(word.is_complete() && !disposed.output);
                    disposed.output = true;
                }
                TransitionToDetached::DropJoinWaker => {
                    let new = check(word, next, 0);
                    assert!(!new.has_join_waker(), "it is still shared");
                    assert!(!disposed.join_waker);
                    disposed.join_waker = true;
                    word = new;
                }
                TransitionToDetached::Released => {
                    let new = check(word, next, -1);
                    assert!(!new.has_join_interest() && new.references() > 0);
                    assert_eq!(disposed.output, word.is_complete());
                    // The handle's own, as long as nobody completes the task.
                    let is_the_handles = old.has_join_waker() != old.is_complete();
                    assert_eq!(disposed.join_waker, is_the_handles, "{old:?}");
                    // What is still shared is left to who completes the task.
                    assert!(new.is_complete() || !new.has_join_waker());
                    break;
                }
                TransitionToDetached::Dealloc => {
                    assert_eq!((word.references(), next), (1, None));
                    break;
                }
            }
        }
    }
}

#[test]
fn random_words_decode_to_what_they_encode() {
    let mut random = fastrand::Rng::with_seed(0x7461_736b);
    for _ in 0..100_000 {
        let references = random.usize(..) >> random.u32(REFERENCE_SHIFT..usize::BITS);
        let flags = random.usize(..=FLAGS);
        let word = Snapshot(references << REFERENCE_SHIFT | flags);
        let decoded = [
            (word.is_running(), RUNNING),
            (word.is_complete(), COMPLETE),
            (word.is_scheduled(), SCHEDULED),
            (word.is_cancelled(), CANCELLED),
            (word.has_join_interest(), JOIN_INTEREST),
            (word.has_join_waker(), JOIN_WAKER),
        ];
        let encoded = decoded
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| flag)
            .sum::<usize>();
        assert_eq!(encoded, flags);
        assert_eq!(word.references(), references);
        let shown = format!("{word:?}");
        for (name, set) in [
            ("running", word.is_running()),
            ("complete", word.is_complete()),
            ("scheduled", word.is_scheduled()),
            ("cancelled", word.is_cancelled()),
            ("join_interest", word.has_join_interest()),
            ("join_waker", word.has_join_waker()),
        ] {
            assert!(shown.contains(&format!("{name}: {set}")), "{shown}");
        }
        assert!(
            shown.contains(&format!("references: {references}")),
            "{shown}"
        );
    }
}

#[test]
fn references_are_counted() {
    let state = State::new();
    state.add_reference();
    for left in (0..=state.load().references() - 1).rev() {
        assert_eq!(state.release_reference(), left == 0);
    }
}

#[test]
fn debug_shows_the_decoded_word() {
    let state = State::new();
    assert_eq!(format!("{state:?}"), format!("{:?}", state.load()));
}

#[test]
fn half_of_the_range_may_be_counted() {
    let last = Snapshot(REFERENCES_EXHAUSTED);
    last.assert_countable();
    Snapshot(0).assert_countable();
}

/// Aborts its process.
#[test]
#[ignore = "run by a_count_about_to_overflow_ends_the_process, in a process of its own"]
fn count_beyond_half_of_the_range() {
    Snapshot(REFERENCES_EXHAUSTED + 1).assert_countable();
}

#[cfg(unix)]
#[test]
fn a_count_about_to_overflow_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;

    let this = std::env::current_exe().expect("a test knows where it is");
    let test = concat!(module_path!(), "::count_beyond_half_of_the_range");
    let (_, test) = test.split_once("::").expect("a crate and a path");
    let ended = std::process::Command::new(this)
        .args(["--exact", "--ignored", test])
        .output()
        .expect("this test can be started");
    // Not by the test's failure, nor for want of such a test.
    assert!(ended.status.signal().is_some(), "{ended:?}");
}
