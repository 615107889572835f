//! Every combination of how a task ends, when it is aborted, what becomes of
//! its handle, and how often it is woken; each against what has to come out of
//! it. Nothing may be leaked or dropped twice in any.

use super::*;
use std::sync::Mutex;

/// What a poll of the future does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Pending,
    Ready,
    Panic,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Abort {
    Never,
    BeforeFirstPoll,
    /// By the future itself.
    DuringFirstPoll,
    BetweenPolls,
    AfterwardsOnly,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Handle {
    DropAtOnce,
    /// With a join waker in place.
    DropPolled,
    DropUnread,
    Read,
    /// After a join waker has been set.
    PollThenRead,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    first: Step,
    second: Step,
    future_drop_panics: bool,
    output_drop_panics: bool,
    abort: Abort,
    handle: Handle,
    wakes: usize,
    /// Whether wakers are dropped only when all else is over.
    wakers_last: bool,
}

/// How the task has to end.
#[derive(Debug, PartialEq)]
enum End {
    Output,
    Cancelled,
    Panic,
}

impl Case {
    fn expected(self) -> End {
        let polled = |step| match step {
            Step::Ready if self.future_drop_panics => End::Panic,
            Step::Ready => End::Output,
            Step::Panic => End::Panic,
            Step::Pending => unreachable!("that is not an end"),
        };
        let dropped = if self.future_drop_panics {
            End::Panic
        } else {
            End::Cancelled
        };
        if self.abort == Abort::BeforeFirstPoll {
            return dropped;
        }
        if self.first != Step::Pending {
            return polled(self.first);
        }
        if matches!(self.abort, Abort::DuringFirstPoll | Abort::BetweenPolls) {
            return dropped;
        }
        // Without a wake there is no second poll, only the shutdown.
        if self.wakes == 0 || self.second == Step::Pending {
            return dropped;
        }
        polled(self.second)
    }

    fn all() -> impl Iterator<Item = Self> {
        use Abort::*;
        use Handle::*;
        let steps = [Step::Pending, Step::Ready, Step::Panic];
        let mut cases = Vec::new();
        for first in steps {
            for second in steps {
                for bits in 0..8 {
                    for abort in [
                        Never,
                        BeforeFirstPoll,
                        DuringFirstPoll,
                        BetweenPolls,
                        AfterwardsOnly,
                    ] {
                        for handle in [DropAtOnce, DropPolled, DropUnread, Read, PollThenRead] {
                            for wakes in 0..3 {
                                cases.push(Self {
                                    first,
                                    second,
                                    future_drop_panics: bits & 1 != 0,
                                    output_drop_panics: bits & 2 != 0,
                                    abort,
                                    handle,
                                    wakes,
                                    wakers_last: bits & 4 != 0,
                                });
                            }
                        }
                    }
                }
            }
        }
        cases.into_iter()
    }
}

#[derive(Default)]
struct Shared {
    wakers: Mutex<Vec<Waker>>,
    abort_handle: Mutex<Option<AbortHandle>>,
}

fn future(
    case: Case,
    values: &Values,
    shared: &Arc<Shared>,
) -> impl Future<Output = Value> + use<> {
    let (values, shared) = (values.clone(), shared.clone());
    let captured = values.make(case.future_drop_panics);
    let mut polls = 0;
    poll_fn(move |cx| {
        let _captured = &captured;
        polls += 1;
        shared.wakers.lock().unwrap().push(cx.waker().clone());
        if polls == 1 && case.abort == Abort::DuringFirstPoll {
            shared
                .abort_handle
                .lock()
                .unwrap()
                .as_ref()
                .expect("stored by the test")
                .abort();
        }
        match if polls == 1 { case.first } else { case.second } {
            Step::Pending => Poll::Pending,
            Step::Ready => Poll::Ready(values.make(case.output_drop_panics)),
            Step::Panic => quiet_panic(),
        }
    })
}

/// Takes the case through its steps; returns how its handle says that it ended,
/// if that is read.
fn run(case: Case) -> Option<End> {
    let model = Model::new();
    let values = Values::default();
    let shared = Arc::new(Shared::default());
    let join_waker = Arc::new(NoWake);
    let polled = Waker::from(join_waker.clone());
    let mut handle = Some(model.spawn(future(case, &values, &shared)));
    let abort_handle = handle.as_ref().unwrap().abort_handle();
    *shared.abort_handle.lock().unwrap() = Some(abort_handle.clone());

    if matches!(case.handle, Handle::DropPolled | Handle::PollThenRead) {
        assert!(poll(handle.as_mut().unwrap(), &polled).is_pending());
    }
    if matches!(case.handle, Handle::DropPolled | Handle::DropAtOnce) {
        handle = None;
        assert_eq!(
            Arc::strong_count(&join_waker),
            2,
            "the join waker was left to the task"
        );
    }
    if case.abort == Abort::BeforeFirstPoll {
        abort_handle.abort();
    }
    model.run_all();
    if case.abort == Abort::BetweenPolls {
        abort_handle.abort();
    }
    let wakers = std::mem::take(&mut *shared.wakers.lock().unwrap());
    for _ in 0..case.wakes {
        wakers.iter().for_each(Waker::wake_by_ref);
    }
    assert!(model.queued() <= 1, "queued twice");
    if !case.wakers_last {
        drop(wakers);
        model.run_all();
        model.shutdown();
    } else {
        model.run_all();
        model.shutdown();
        wakers.into_iter().for_each(Waker::wake);
        assert_eq!(model.queued(), 0, "a complete task was queued");
    }
    if case.abort == Abort::AfterwardsOnly {
        abort_handle.abort();
    }
    assert!(abort_handle.is_finished());
    let end = handle.and_then(|mut handle| {
        if case.handle == Handle::DropUnread {
            return None;
        }
        Some(match result(&mut handle) {
            Ok(mut output) => {
                output.panics = false;
                End::Output
            }
            Err(error) if error.is_cancelled() => End::Cancelled,
            Err(_) => End::Panic,
        })
    });
    drop(abort_handle);
    // The last references are those that the future's own state has left.
    shared.wakers.lock().unwrap().clear();
    *shared.abort_handle.lock().unwrap() = None;

    assert_eq!(values.alive(), 0, "leaked or dropped twice");
    assert_eq!(model.alive(), 0);
    assert_eq!(model.handles(), 1, "the task was not freed");
    drop(polled);
    assert_eq!(
        Arc::strong_count(&join_waker),
        1,
        "the join waker was not dropped"
    );
    end
}

struct NoWake;

impl std::task::Wake for NoWake {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn every_combination_ends_as_it_has_to() {
    let mut count = 0;
    for case in Case::all() {
        let end = run(case);
        if let Some(end) = end {
            assert_eq!(end, case.expected(), "{case:?}");
        }
        count += 1;
    }
    assert_eq!(count, 3 * 3 * 8 * 5 * 5 * 3);
}
