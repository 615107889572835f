//! Models of a set whose tasks end elsewhere.
//!
//! The thread of the model has the set; one or two others run its tasks, by the
//! task core's own model scheduler. Sets of one or two tasks: a key is in the
//! list or not, and which of two comes first is all the order there is. Two
//! threads are explored without a bound on preemptions, three with one of three.
//! A task that is never joined shows as a deadlock, one that is joined twice by
//! its output, and a waker that is kept by a count.

use super::*;
use crate::task::loom_tests::{Counted, Drops, Signal, Turnstile, model, model_bounded};
use crate::task::model::Model;
use loom::thread;
use std::future::pending;

/// The next task to join, which others run meanwhile.
fn join_next<T: 'static>(set: &mut JoinSet<T>) -> Option<Result<T, JoinError>> {
    join_next_running(set, || false)
}

/// As [`join_next`], on a thread that runs tasks as well.
fn join_next_running<T: 'static>(
    set: &mut JoinSet<T>,
    run_one: impl Fn() -> bool,
) -> Option<Result<T, JoinError>> {
    let signal = Signal::new();
    let waker = Waker::from(signal.clone());
    loop {
        if let Poll::Ready(joined) = set.poll_join_next(&mut Context::from_waker(&waker)) {
            return joined;
        }
        if !run_one() {
            signal.wait();
        }
    }
}

fn run_elsewhere(scheduler: &Model, tasks: usize) -> thread::JoinHandle<()> {
    let scheduler = scheduler.clone();
    thread::spawn(move || {
        for _ in 0..tasks {
            scheduler.run_one();
        }
    })
}

fn returns(output: u32, captured: Counted) -> impl Future<Output = u32> + Send {
    async move {
        drop(captured);
        output
    }
}

#[test]
fn loom_joins_what_two_threads_complete() {
    model_bounded(2, || {
        let scheduler = Model::new();
        let mut set = JoinSet::new();
        for output in [1, 2] {
            set.insert(scheduler.spawn(async move { output }));
        }
        let runners = [(); 2].map(|()| run_elsewhere(&scheduler, 1));
        let mut outputs = [(); 2].map(|()| join_next(&mut set).unwrap().unwrap());
        outputs.sort_unstable();
        assert_eq!(outputs, [1, 2]);
        assert!(join_next(&mut set).is_none());
        for runner in runners {
            runner.join().unwrap();
        }
    });
}

#[test]
fn loom_insert_against_completion() {
    model(|| {
        let scheduler = Model::new();
        let mut set = JoinSet::new();
        let handle = scheduler.spawn(async { 42 });
        let turnstile = Turnstile::new();
        let runner = thread::spawn({
            let (scheduler, turnstile) = (scheduler.clone(), turnstile.clone());
            move || {
                scheduler.run_one();
                turnstile.pass();
            }
        });
        turnstile.pass();
        set.insert(handle);
        assert_eq!(join_next(&mut set).unwrap().unwrap(), 42);
        assert!(set.is_empty());
        runner.join().unwrap();
    });
}

/// Every task ends as one of both says, and is joined once.
#[test]
fn loom_abort_all_against_completion() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let mut set = JoinSet::new();
        for output in [1, 2] {
            set.insert(scheduler.spawn(returns(output, drops.value())));
        }
        let runner = run_elsewhere(&scheduler, 2);
        set.abort_all();
        let mut sum = 0;
        for _ in 0..2 {
            match join_next(&mut set).expect("an aborted task is joined as well") {
                Ok(output) => sum += output,
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert!(sum <= 3 && join_next(&mut set).is_none());
        runner.join().unwrap();
        assert_eq!((drops.count(), scheduler.alive()), (2, 0));
        assert_eq!(scheduler.scheduled(), 0, "both were queued or running");
    });
}

/// The first to end ends the other: a race of two, one of which waits for ever.
#[test]
fn loom_abort_all_after_the_first_joined() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let mut set = JoinSet::new();
        let captured = drops.value();
        set.insert(scheduler.spawn(async move {
            let _captured = captured;
            pending::<()>().await;
            0
        }));
        set.insert(scheduler.spawn(returns(1, drops.value())));
        let runner = run_elsewhere(&scheduler, 1);
        let first = join_next_running(&mut set, || scheduler.run_one());
        assert_eq!(first.unwrap().unwrap(), 1);
        set.abort_all();
        let second = join_next_running(&mut set, || scheduler.run_one());
        assert!(second.unwrap().unwrap_err().is_cancelled());
        runner.join().unwrap();
        assert_eq!((drops.count(), scheduler.alive()), (2, 0));
    });
}

/// The joiner moves to another waker, as a future in a `select!` that is moved to
/// another task does: the one stored last is woken, and none is kept.
#[test]
fn loom_joiner_moves_to_another_waker() {
    model(|| {
        let scheduler = Model::new();
        let mut set = JoinSet::new();
        set.insert(scheduler.spawn(async { 42 }));
        let (first, second) = (Signal::new(), Signal::new());
        let poll = |set: &mut JoinSet<u32>, signal: &Arc<Signal>| {
            let waker = Waker::from(signal.clone());
            set.poll_join_next(&mut Context::from_waker(&waker))
        };
        assert!(poll(&mut set, &first).is_pending());
        let runner = run_elsewhere(&scheduler, 1);
        let joined = loop {
            match poll(&mut set, &second) {
                Poll::Ready(joined) => break joined,
                Poll::Pending => second.wait(),
            }
        };
        assert_eq!(joined.unwrap().unwrap(), 42);
        runner.join().unwrap();
        let kept = [&first, &second].map(|signal| Arc::strong_count(signal) - 1);
        assert_eq!(kept, [0, 0]);
    });
}

/// A detached task's key arrives when another task has taken its place.
#[test]
fn loom_place_taken_while_the_detached_task_completes() {
    model(|| {
        let scheduler = Model::new();
        let mut set = JoinSet::new();
        set.insert(scheduler.spawn(async { 1 }));
        let second = scheduler.spawn(async { 2 });
        let runner = run_elsewhere(&scheduler, 2);
        set.detach_all();
        set.insert(second);
        assert_eq!(join_next(&mut set).unwrap().unwrap(), 2);
        assert!(join_next(&mut set).is_none());
        runner.join().unwrap();
    });
}

/// A set that is dropped while somebody is about to be woken by it.
#[test]
fn loom_set_dropped_against_completion() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let mut set = JoinSet::new();
        let captured = drops.value();
        set.insert(scheduler.spawn(async move {
            let _captured = captured;
            pending::<()>().await;
            0
        }));
        set.insert(scheduler.spawn(returns(1, drops.value())));
        let completions = set.completions.clone();
        let joiner = Signal::new();
        let runner = run_elsewhere(&scheduler, 2);
        let waker = Waker::from(joiner.clone());
        let _ = set.poll_join_next(&mut Context::from_waker(&waker));
        drop((set, waker));
        runner.join().unwrap();
        scheduler.run_all();
        assert_eq!((drops.count(), scheduler.alive()), (2, 0));
        assert_eq!(Arc::strong_count(&completions), 1, "a waker was kept");
        drop(completions);
        assert_eq!(Arc::strong_count(&joiner), 1, "the joiner was kept");
    });
}
