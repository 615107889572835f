//! Models of the idle counts alone, each one race, with the code that ships.
//!
//! A queue is a relaxed flag here, which orders nothing: that a push is seen, or a
//! sleeper found, is up to the fences of this module. Without the rest of a worker
//! around them, more interleavings of them are explored than in the models of whole
//! schedulers.
//!
//! # What is reduced, and why that suffices
//! One thread pushes, or wakes on its own account, and one or two park, search or rest,
//! once each: the counts are changed and looked at in one step each, and more of
//! either party repeat it. One queue with one task, as every queue is looked at after
//! the same step. Two threads are explored without a bound on preemptions, three with
//! at most [`PREEMPTIONS`], which is once for each; the environment,
//! `LOOM_MAX_PREEMPTIONS`, may ask for more.

use super::*;
use crate::primitive::Arc;
use crate::primitive::atomic::AtomicBool;
use crate::task::loom_tests::{model_bounded, model_fully};
use loom::thread;

const PREEMPTIONS: usize = 3;

fn model_of_three(f: impl Fn() + Send + Sync + 'static) {
    model_bounded(PREEMPTIONS, f);
}

/// Idle workers, and a task that waits to be seen.
struct Workers {
    idle: Idle,
    task: AtomicBool,
}

impl Workers {
    /// So many workers, and as many processors; all of them are awake.
    fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(workers, workers),
            task: AtomicBool::new(false),
        })
    }

    fn counts(&self) -> Counts {
        Counts::of(self.idle.state.load(Relaxed))
    }

    /// A push from outside.
    fn push(&self) -> Wake {
        self.task.store(true, Relaxed);
        self.idle.wake_for_push()
    }

    /// A worker that is busy pushes to its own queue, and has that seen to.
    fn push_backlog(&self) -> Wake {
        self.task.store(true, Relaxed);
        self.idle.wake_for_backlog()
    }

    /// As a worker does that relies on nobody any more.
    fn look_once_more(&self) {
        if self.task.load(Relaxed) {
            let _ = self.idle.wake_for_backlog();
        }
    }

    fn park(&self, worker: usize, searching: bool) {
        if self.idle.transition_to_parked(worker, searching) != Parked::Quietly {
            self.look_once_more();
        }
    }

    /// Parks a worker before the race begins.
    fn asleep(&self, worker: usize) {
        let _ = self.idle.transition_to_parked(worker, false);
    }
}

/// A push from outside as the only worker parks.
#[test]
fn loom_push_against_the_last_one_awake_parking() {
    model_fully(|| {
        let workers = Workers::new(1);
        let pushing = thread::spawn({
            let workers = Arc::clone(&workers);
            move || drop(workers.push())
        });
        workers.park(0, false);
        pushing.join().unwrap();
        let counts = workers.counts();
        assert_eq!((counts.awake, counts.searching), (1, 1), "who sees to it?");
    });
}

/// A push from outside as both workers park, one of them from a search: whoever the
/// push relied on has looked after the other has.
#[test]
fn loom_push_against_two_workers_parking() {
    model_of_three(|| {
        let workers = Workers::new(2);
        assert!(workers.idle.transition_to_searching());
        let threads = [
            thread::spawn({
                let workers = Arc::clone(&workers);
                move || drop(workers.push())
            }),
            thread::spawn({
                let workers = Arc::clone(&workers);
                move || workers.park(0, true)
            }),
        ];
        workers.park(1, false);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(workers.counts().awake > 0, "who sees to it?");
    });
}

/// A backlog that wakes nobody for the sake of a searcher, as that one finds work
/// elsewhere: the wake-up is handed on to the sleeper.
#[test]
fn loom_backlog_against_the_last_searcher_finding_work() {
    model_fully(|| {
        let workers = Workers::new(3);
        workers.asleep(2);
        assert!(workers.idle.transition_to_searching());
        let searcher = thread::spawn({
            let workers = Arc::clone(&workers);
            move || {
                if workers.idle.transition_from_searching() {
                    workers.look_once_more();
                }
            }
        });
        let _ = workers.push_backlog();
        searcher.join().unwrap();
        assert!(
            workers.idle.was_woken(2),
            "a backlog and a sleeper beside it"
        );
        assert_eq!(workers.counts().searching, 1);
    });
}

/// The same as the searcher parks: it, or the other sleeper, gets up for it.
#[test]
fn loom_backlog_against_the_last_searcher_parking() {
    model_fully(|| {
        let workers = Workers::new(2);
        assert!(workers.idle.transition_to_searching());
        let searcher = thread::spawn({
            let workers = Arc::clone(&workers);
            move || workers.park(1, true)
        });
        let _ = workers.push_backlog();
        searcher.join().unwrap();
        assert!(
            workers.idle.was_woken(1),
            "a backlog and a sleeper beside it"
        );
        assert_eq!(workers.counts().searching, 1);
    });
}

/// A push takes a sleeper as that one leaves its sleep for an event: it is counted
/// once, as a searcher if it was taken, and nobody else is woken.
#[test]
fn loom_push_against_a_sleeper_leaving() {
    model_fully(|| {
        let workers = Workers::new(2);
        workers.asleep(0);
        workers.asleep(1);
        let pushing = thread::spawn({
            let workers = Arc::clone(&workers);
            move || workers.push().worker
        });
        let left = workers.idle.transition_from_parked(1, false);
        let taken = pushing.join().unwrap();
        let counts = workers.counts();
        match left {
            Ok(_) => assert_eq!(taken, None, "woken though the other one is awake"),
            Err(AlreadyWoken) => assert_eq!(taken, Some(1)),
        }
        let searching = usize::from(taken.is_some());
        assert_eq!((counts.awake, counts.searching), (1, searching));
        assert!(workers.idle.was_woken(1) && !workers.idle.was_woken(0));
    });
}

/// The watcher goes to rest as another sleeper is taken by a push, or leaves for an
/// event: whoever comes second knows of the first.
#[test]
fn loom_rest_against_a_push_and_an_event() {
    model_of_three(|| {
        let workers = Workers::new(2);
        workers.asleep(0);
        workers.asleep(1);
        assert!(workers.idle.try_watch(0, false));
        let pushing = thread::spawn({
            let workers = Arc::clone(&workers);
            move || workers.push().watcher
        });
        let leaving = thread::spawn({
            let workers = Arc::clone(&workers);
            move || match workers.idle.transition_from_parked(1, false) {
                Ok(wake) => wake.watcher,
                Err(AlreadyWoken) => None,
            }
        });
        let rests = workers.idle.try_rest(0, None);
        let roused = [pushing.join().unwrap(), leaving.join().unwrap()];
        let roused = roused.iter().filter(|watcher| **watcher == Some(0));
        assert_eq!(roused.count(), usize::from(rests));
        assert!(!workers.idle.was_woken(0) && workers.idle.was_woken(1));
    });
}

/// The watcher leaves for work, and finds so much that it wakes another one: of the two
/// that sleep, the one that is left watches.
#[test]
fn loom_watcher_leaving_and_handing_the_wake_up_on() {
    model_fully(|| {
        let workers = Workers::new(4);
        for sleeper in [2, 1, 0] {
            workers.asleep(sleeper);
        }
        assert!(workers.idle.try_watch(0, true));
        let left = workers.idle.transition_from_parked(0, true);
        let named = left.expect("nobody pushes").watcher.expect("two sleep");
        let named = thread::spawn({
            let workers = Arc::clone(&workers);
            // As one that was unparked does.
            move || workers.idle.was_woken(named) || workers.idle.try_watch(named, true)
        });
        assert!(workers.idle.transition_from_searching());
        let woken = workers.push_backlog().worker.expect("two sleep");
        assert!(named.join().unwrap());
        let left = if woken == 1 { 2 } else { 1 };
        assert_eq!(
            workers.idle.sleepers.lock().watcher,
            Some(left),
            "nobody watches"
        );
    });
}

/// The watcher leaves as another worker falls asleep: that one watches, or is told
/// that it has to.
#[test]
fn loom_watcher_leaving_against_a_worker_parking() {
    model_fully(|| {
        let workers = Workers::new(2);
        workers.asleep(0);
        assert!(workers.idle.try_watch(0, false));
        let parking = thread::spawn({
            let workers = Arc::clone(&workers);
            move || {
                workers.park(1, false);
                workers.idle.try_watch(1, false)
            }
        });
        let left = workers.idle.transition_from_parked(0, false);
        let told = left.expect("nobody pushes").watcher == Some(1);
        let watches = parking.join().unwrap();
        assert!(watches || told, "nobody watches");
        assert!(workers.idle.try_watch(1, false));
    });
}
