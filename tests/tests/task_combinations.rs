//! Every way a task can end, times every way it can be aborted, times every
//! way its handle can go: the future and the output are dropped exactly once,
//! at the time that is promised, and who awaits gets the right result.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, on_every_runtime};
use filch::sync::oneshot;
use filch::task::{self, AbortHandle, JoinError};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Returns,
    Panics,
    Pends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Abort {
    Never,
    /// Right after spawning; the task may have started or not.
    AtOnce,
    /// While the task waits.
    Suspended,
    /// When the task has ended, unless it never does.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Awaited,
    DroppedAtOnce,
    DroppedWhenEnded,
}

/// Which destructor panics. Not two at once: the second would panic while the
/// first unwinds, and that ends the process, as anywhere in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destructors {
    Quiet,
    /// That of a variable of the future.
    FuturePanics,
    /// That of the output.
    OutputPanics,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    ending: Ending,
    abort: Abort,
    fate: Fate,
    destructors: Destructors,
}

impl Case {
    fn makes_sense(&self) -> bool {
        let never_ends =
            self.ending == Ending::Pends && matches!(self.abort, Abort::Never | Abort::Ended);
        let panics_twice =
            self.ending == Ending::Panics && self.destructors == Destructors::FuturePanics;
        let lacks_output =
            self.ending != Ending::Returns && self.destructors == Destructors::OutputPanics;
        !never_ends && !panics_twice && !lacks_output
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for ending in [Ending::Returns, Ending::Panics, Ending::Pends] {
        for abort in [Abort::Never, Abort::AtOnce, Abort::Suspended, Abort::Ended] {
            for fate in [Fate::Awaited, Fate::DroppedAtOnce, Fate::DroppedWhenEnded] {
                for destructors in [
                    Destructors::Quiet,
                    Destructors::FuturePanics,
                    Destructors::OutputPanics,
                ] {
                    cases.push(Case {
                        ending,
                        abort,
                        fate,
                        destructors,
                    });
                }
            }
        }
    }
    cases.retain(Case::makes_sense);
    cases
}

/// Counts how often it is dropped.
#[derive(Debug)]
struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Counted {
    fn new(panics: bool) -> (Self, Arc<AtomicUsize>) {
        let drops = Arc::new(AtomicUsize::new(0));
        (
            Self {
                drops: drops.clone(),
                panics,
            },
            drops,
        )
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "on purpose, in a destructor");
    }
}

async fn ended(task: &AbortHandle) {
    while !task.is_finished() {
        task::yield_now().await;
    }
}

async fn check(case: Case) {
    let (owned, future_drops) = Counted::new(case.destructors == Destructors::FuturePanics);
    let (output, output_drops) = Counted::new(case.destructors == Destructors::OutputPanics);
    let output = (case.ending == Ending::Returns).then_some(output);
    let (started, has_started) = oneshot::channel();
    let (gate, opened) = oneshot::channel::<()>();
    let mut handle = Some(filch::spawn(async move {
        let _owned = owned;
        let _ = started.send(());
        let _ = opened.await;
        match case.ending {
            Ending::Returns => output,
            Ending::Panics => panic!("on purpose"),
            Ending::Pends => pending().await,
        }
    }));
    let abort = handle.as_ref().expect("just made").abort_handle();

    if case.abort == Abort::AtOnce {
        abort.abort();
    }
    if case.fate == Fate::DroppedAtOnce {
        handle = None;
    }
    if case.abort == Abort::Suspended {
        has_started.await.expect("nobody aborts before");
        abort.abort();
    }
    let _ = gate.send(());
    ended(&abort).await;
    assert_eq!(
        future_drops.load(Ordering::SeqCst),
        1,
        "the future, {case:?}"
    );
    if case.abort == Abort::Ended {
        abort.abort();
    }
    match (case.fate, handle) {
        (Fate::Awaited, Some(handle)) => {
            let result = handle.await;
            check_result(case, &result);
            let returned = result.is_ok();
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(result)));
            let panics = returned && case.destructors == Destructors::OutputPanics;
            assert_eq!(dropped.is_err(), panics, "{case:?}");
        }
        // A destructor that panics does so in the task, not here.
        (_, handle) => drop(handle),
    }
    let output_drops = output_drops.load(Ordering::SeqCst);
    // rustc leaks what a function returns when a destructor panics meanwhile.
    let leaks = case.destructors == Destructors::FuturePanics && output_drops == 0;
    assert!(leaks || output_drops == 1, "the output, {case:?}");
}

fn check_result(case: Case, result: &Result<Option<Counted>, JoinError>) {
    // The future's own destructor panics as the last statement of the poll, or
    // when the runtime drops the aborted future.
    if case.destructors == Destructors::FuturePanics {
        let error = result.as_ref().expect_err("panicked in a destructor");
        assert!(error.is_panic(), "{case:?}: {error}");
        return;
    }
    let aborted = matches!(case.abort, Abort::AtOnce | Abort::Suspended);
    match (case.ending, result) {
        (Ending::Returns, Ok(Some(_))) => {}
        (Ending::Panics, Err(error)) if error.is_panic() => {}
        (_, Err(error)) => {
            // The aborted future had the output among its variables.
            let dropped_output = case.destructors == Destructors::OutputPanics;
            assert!(aborted, "{case:?}: {error}");
            assert_eq!(error.is_panic(), dropped_output, "{case:?}: {error}");
        }
        (_, Ok(_)) => panic!("{case:?}: an output from a task that returns none"),
    }
}

#[test]
fn everything_is_dropped_once_and_in_time() {
    for case in cases() {
        on_every_runtime(move || check(case));
    }
}

#[test]
fn a_dropped_runtime_cancels_what_is_left() {
    on_every_built_runtime(|runtime| {
        let (waiting, waiting_drops) = Counted::new(false);
        let (detached, detached_drops) = Counted::new(false);
        let (panicking, panicking_drops) = Counted::new(true);
        let wait_with = |owned| async move {
            let _owned = owned;
            pending::<()>().await;
        };
        let waiting = runtime.spawn(wait_with(waiting));
        drop(runtime.spawn(wait_with(detached)));
        let panicking = runtime.spawn(wait_with(panicking));
        let abort = waiting.abort_handle();
        drop(runtime);
        for drops in [waiting_drops, detached_drops, panicking_drops] {
            assert_eq!(drops.load(Ordering::SeqCst), 1);
        }
        assert!(abort.is_finished());
        let other = current_thread();
        assert!(other.block_on(waiting).unwrap_err().is_cancelled());
        assert!(other.block_on(panicking).unwrap_err().is_panic());
    });
}

#[test]
fn an_output_outlives_its_runtime() {
    on_every_built_runtime(|runtime| {
        let (output, drops) = Counted::new(false);
        let handle = runtime.spawn(async { output });
        let abort = handle.abort_handle();
        runtime.block_on(ended(&abort));
        drop(runtime);
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        let output = current_thread().block_on(handle).unwrap();
        drop(output);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn spawning_on_a_runtime_that_is_gone_cancels() {
    on_every_built_runtime(|runtime| {
        let handle = runtime.handle().clone();
        drop(runtime);
        let (owned, drops) = Counted::new(false);
        let task = handle.spawn(async move {
            let _owned = owned;
        });
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert!(current_thread().block_on(task).unwrap_err().is_cancelled());
    });
}
