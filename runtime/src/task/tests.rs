//! Tests of tasks on one thread; races are the business of the loom models.

mod combinations;
mod errors;
mod identity;
mod owned;
mod threads;
mod wakers;

use super::model::Model;
use super::{AbortHandle, Id, JoinError, JoinHandle, Notified, Task};
use crate::coop::yield_current;
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

/// Counts how many values were made, and dropped.
#[derive(Clone, Default)]
struct Values {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

/// A value that may panic when it is dropped.
struct Value {
    dropped: Arc<AtomicUsize>,
    panics: bool,
}

impl Values {
    fn make(&self, panics: bool) -> Value {
        self.made.fetch_add(1, Relaxed);
        Value {
            dropped: self.dropped.clone(),
            panics,
        }
    }

    /// How many there are at present.
    fn alive(&self) -> usize {
        self.made.load(Relaxed) - self.dropped.load(Relaxed)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
        if self.panics {
            quiet_panic();
        }
    }
}

/// Panics without the hook's report.
fn quiet_panic() -> ! {
    resume_unwind(Box::new("expected"))
}

fn poll<T>(handle: &mut JoinHandle<T>, waker: &Waker) -> Poll<Result<T, JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

/// The result of a handle whose task is complete.
#[track_caller]
fn result<T>(handle: &mut JoinHandle<T>) -> Result<T, JoinError> {
    match poll(handle, Waker::noop()) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task is not complete"),
    }
}

/// A task that leaves its waker in `slot` and never completes.
fn stuck(model: &Model) -> (JoinHandle<()>, Waker) {
    let slot = Arc::new(std::sync::Mutex::new(None));
    let (handle, notified) = model.create({
        let slot = slot.clone();
        poll_fn(move |cx| {
            slot.lock()
                .unwrap()
                .get_or_insert_with(|| cx.waker().clone());
            Poll::Pending
        })
    });
    notified.run();
    let waker = slot.lock().unwrap().take().expect("stored by the poll");
    (handle, waker)
}

#[test]
fn handles_are_as_thread_safe_and_unwind_safe_as_tokios() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    fn check_send<T: Send>() {}
    // The output type need be neither `Sync` nor unwind safe.
    check::<JoinHandle<Cell<&mut u32>>>();
    check::<AbortHandle>();
    check::<Id>();
    check_send::<Task<Model>>();
    check_send::<Notified<Model>>();
    fn check_error<T: Send + Sync + std::error::Error>() {}
    check_error::<JoinError>();
}

#[test]
fn handles_are_one_word() {
    assert_eq!(size_of::<Option<Notified<Model>>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Task<Model>>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<AbortHandle>>(), size_of::<usize>());
    assert_eq!(size_of::<JoinError>(), 2 * size_of::<usize>());
}

#[test]
fn a_task_runs_and_its_handle_returns_the_output() {
    let model = Model::new();
    let mut handle = model.spawn(async { String::from("output") });
    assert!(!handle.is_finished());
    assert_eq!(model.alive(), 1);
    assert_eq!(model.run_all(), 1);
    assert_eq!(model.alive(), 0);
    assert!(handle.is_finished());
    assert_eq!(result(&mut handle).unwrap(), "output");
}

#[test]
#[should_panic(expected = "polled after it had returned the output")]
fn a_handle_polled_again_panics() {
    let model = Model::new();
    let mut handle = model.spawn(async {});
    model.run_all();
    result(&mut handle).unwrap();
    let _ = poll(&mut handle, Waker::noop());
}

#[test]
fn a_handle_takes_a_unit_of_budget_for_the_output_only() {
    let model = Model::new();
    let mut handle = model.spawn(async {});
    let spent = |handle: &mut JoinHandle<()>| {
        let (units, _) = crate::coop::poll_task(Waker::noop(), || {
            let _ = poll(handle, Waker::noop());
            let mut cx = Context::from_waker(Waker::noop());
            let units = (0..1000).take_while(|_| match crate::coop::poll_proceed(&mut cx) {
                Poll::Ready(coop) => {
                    coop.made_progress();
                    true
                }
                Poll::Pending => false,
            });
            128 - units.count()
        });
        units
    };
    assert_eq!(spent(&mut handle), 0);
    model.run_all();
    assert_eq!(spent(&mut handle), 1);
}

#[test]
fn a_yield_goes_to_the_back_of_the_queue_without_a_wake() {
    let model = Model::new();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for name in ["first", "second"] {
        let order = order.clone();
        drop(model.spawn(async move {
            for _ in 0..3 {
                order.lock().unwrap().push(name);
                let mut yielded = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut yielded, true) {
                        return Poll::Ready(());
                    }
                    assert!(yield_current(cx));
                    Poll::Pending
                })
                .await;
            }
        }));
    }
    assert_eq!(model.run_all(), 8);
    assert_eq!(*order.lock().unwrap(), ["first", "second"].repeat(3));
    assert_eq!((model.scheduled(), model.rescheduled()), (0, 6));
}

#[test]
fn a_wake_by_the_poll_itself_reschedules() {
    let model = Model::new();
    let mut polls = 0;
    let mut handle = model.spawn(poll_fn(move |cx| {
        polls += 1;
        // Repeated wakes are one.
        cx.waker().wake_by_ref();
        let clone = cx.waker().clone();
        clone.wake();
        if polls < 4 {
            Poll::Pending
        } else {
            Poll::Ready(polls)
        }
    }));
    assert_eq!(model.run_all(), 4);
    assert_eq!((model.scheduled(), model.rescheduled()), (0, 3));
    assert_eq!(result(&mut handle).unwrap(), 4);
}

#[test]
fn a_task_woken_during_a_poll_is_polled_once_more_and_then_waits() {
    let model = Model::new();
    let slot = Arc::new(std::sync::Mutex::new(None));
    let handle = model.spawn({
        let slot = slot.clone();
        poll_fn(move |cx| {
            let previous = slot.lock().unwrap().replace(cx.waker().clone());
            if previous.is_none() {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        })
    });
    assert_eq!(model.run_all(), 2);
    let waker: Waker = slot.lock().unwrap().clone().expect("stored by the poll");
    for wakes in 1..4 {
        waker.wake_by_ref();
        assert_eq!(model.run_all(), 1);
        assert_eq!((model.scheduled(), model.rescheduled()), (wakes, 1));
    }
    drop((handle, waker));
    model.shutdown();
    slot.lock().unwrap().take();
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_run_without_a_scheduler_at_hand_reschedules_to_the_cells_own() {
    let model = Model::new();
    let mut polls = 0;
    let mut handle = model.spawn(poll_fn(move |cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls < 3 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }));
    for _ in 0..3 {
        model.pop().expect("rescheduled").run();
    }
    result(&mut handle).unwrap();
    drop(handle);
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_task_dropped_from_its_queue_after_a_yield_is_cancelled() {
    let model = Model::new();
    for shut_down in [false, true] {
        let values = Values::default();
        let value = values.make(true);
        let mut handle = model.spawn(poll_fn(move |cx| {
            let _value = &value;
            assert!(yield_current(cx));
            Poll::<()>::Pending
        }));
        assert!(model.run_one());
        let notified = model.pop().expect("it yields");
        if shut_down {
            notified.shutdown();
        } else {
            drop(notified);
        }
        assert_eq!((values.alive(), model.alive()), (0, 0));
        assert!(
            result(&mut handle).unwrap_err().is_panic(),
            "its value panics"
        );
    }
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_yielding_task_is_not_polled_after_an_abort() {
    let model = Model::new();
    let values = Values::default();
    let value = values.make(false);
    let polls = Arc::new(AtomicUsize::new(0));
    let mut handle = model.spawn({
        let polls = polls.clone();
        poll_fn(move |cx| {
            let _value = &value;
            polls.fetch_add(1, Relaxed);
            assert!(yield_current(cx));
            Poll::<()>::Pending
        })
    });
    for _ in 0..3 {
        assert!(model.run_one());
    }
    handle.abort();
    assert_eq!((model.queued(), values.alive()), (1, 1));
    assert_eq!(model.run_all(), 1);
    assert_eq!((polls.load(Relaxed), values.alive()), (3, 0));
    assert!(result(&mut handle).unwrap_err().is_cancelled());
}

#[test]
fn an_idle_aborted_task_is_dropped_by_its_next_run() {
    let model = Model::new();
    let values = Values::default();
    let value = values.make(false);
    let mut handle = model.spawn(async move {
        let _value = value;
        pending::<()>().await;
    });
    model.run_all();
    let abort_handle = handle.abort_handle();
    abort_handle.abort();
    handle.abort();
    assert_eq!(values.alive(), 1);
    assert!(!abort_handle.is_finished());
    assert_eq!(model.run_all(), 1);
    assert_eq!(values.alive(), 0);
    assert!(abort_handle.is_finished());
    assert!(result(&mut handle).unwrap_err().is_cancelled());
    abort_handle.abort();
    assert_eq!(model.queued(), 0, "a complete task was queued");
}

#[test]
fn a_task_that_never_waits_runs_or_is_shut_down_without_its_scheduler() {
    let model = Model::new();
    let (mut handle, notified) = model.create(async { 42 });
    notified.run();
    assert_eq!(result(&mut handle).unwrap(), 42);
    drop(handle);
    assert_eq!(model.handles(), 1, "a task was not freed");

    let values = Values::default();
    let value = values.make(false);
    let (mut handle, notified) = model.create(async move { drop(value) });
    notified.shutdown();
    assert_eq!(values.alive(), 0);
    assert!(result(&mut handle).unwrap_err().is_cancelled());
    drop(handle);
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_new_task_nobody_refers_to_is_freed_with_its_future() {
    let model = Model::new();
    let values = Values::default();
    for notified_first in [false, true] {
        let value = values.make(true);
        let (handle, notified) = model.create(async move { drop(value) });
        if notified_first {
            drop(notified);
            drop(handle);
        } else {
            drop(handle);
            drop(notified);
        }
        assert_eq!(values.alive(), 0);
        assert_eq!(model.handles(), 1, "a task was not freed");
    }
}

#[test]
fn large_futures_and_outputs_stay_whole() {
    let model = Model::new();
    let mut handle = model.spawn(async {
        let block = [7_u64; 4096];
        poll_fn(|cx| {
            assert!(block.iter().all(|&word| word == 7));
            if yield_current(cx) && block.len() == 4096 {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
        block
    });
    model.run_all();
    assert_eq!(result(&mut handle).unwrap(), [7_u64; 4096]);
}
