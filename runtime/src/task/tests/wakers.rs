//! The task's waker, and the wakers of those who wait for it.
#![expect(unsafe_code, reason = "makes wakers whose functions panic")]

use super::*;
use std::task::{RawWaker, RawWakerVTable};

/// A waker that panics in whatever is to fail.
mod panicking {
    use super::*;

    pub(super) fn waker(vtable: &'static RawWakerVTable) -> Waker {
        // SAFETY: the functions below ignore their argument.
        unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), vtable)) }
    }

    fn ignore(_: *const ()) {}

    fn panic(_: *const ()) {
        quiet_panic()
    }

    fn panic_clone(_: *const ()) -> RawWaker {
        quiet_panic()
    }

    fn clone_waking(_: *const ()) -> RawWaker {
        RawWaker::new(std::ptr::null(), &WAKING)
    }

    fn clone_dropping(_: *const ()) -> RawWaker {
        RawWaker::new(std::ptr::null(), &DROPPED)
    }

    pub(super) static CLONING: RawWakerVTable =
        RawWakerVTable::new(panic_clone, ignore, ignore, ignore);
    pub(super) static WAKING: RawWakerVTable =
        RawWakerVTable::new(clone_waking, panic, panic, ignore);
    /// Only its clones panic.
    pub(super) static DROPPING: RawWakerVTable =
        RawWakerVTable::new(clone_dropping, ignore, ignore, ignore);
    static DROPPED: RawWakerVTable = RawWakerVTable::new(clone_dropping, ignore, ignore, panic);
}

fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn std::any::Any + Send>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f))
}

#[test]
fn a_join_waker_that_panics_when_woken_does_not_disturb_the_task() {
    let model = Model::new();
    let mut handle = model.spawn(async { 42 });
    assert!(poll(&mut handle, &panicking::waker(&panicking::WAKING)).is_pending());
    model.run_all();
    assert_eq!(result(&mut handle).unwrap(), 42);
    drop(handle);
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_join_waker_that_panics_when_cloned_leaves_the_previous_one() {
    let model = Model::new();
    let mut handle = model.spawn(async { 42 });
    let (waiting_handle, waiting) = stuck(&model);
    assert!(poll(&mut handle, &waiting).is_pending());
    assert!(catch(|| poll(&mut handle, &panicking::waker(&panicking::CLONING))).is_err());
    model.run_one();
    assert_eq!(
        model.scheduled(),
        1,
        "the previous join waker was not woken"
    );
    assert_eq!(result(&mut handle).unwrap(), 42);
    drop((handle, waiting_handle, waiting));
    model.shutdown();
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_join_waker_that_panics_when_dropped_goes_no_further() {
    for complete_first in [false, true] {
        let model = Model::new();
        let mut handle = model.spawn(async {});
        assert!(poll(&mut handle, &panicking::waker(&panicking::DROPPING)).is_pending());
        if complete_first {
            model.run_all();
        }
        drop(handle);
        model.run_all();
        assert_eq!(model.handles(), 1, "a task was not freed");
    }
}

#[test]
fn a_replaced_join_waker_that_panics_when_dropped_has_been_replaced() {
    let model = Model::new();
    let mut handle = model.spawn(async {});
    assert!(poll(&mut handle, &panicking::waker(&panicking::DROPPING)).is_pending());
    let (waiting_handle, waiting) = stuck(&model);
    assert!(catch(|| poll(&mut handle, &waiting)).is_err());
    model.run_all();
    assert_eq!(model.scheduled(), 1, "the new join waker was not woken");
    drop((handle, waiting_handle, waiting));
    model.shutdown();
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn the_same_join_waker_is_stored_once() {
    let model = Model::new();
    let mut handle = model.spawn(async {});
    let (waiting_handle, waiting) = stuck(&model);
    let count = Arc::new(());
    struct Counts(#[expect(dead_code, reason = "counted")] Arc<()>);
    impl std::task::Wake for Counts {
        fn wake(self: Arc<Self>) {}
    }
    let counted = Arc::new(Counts(count));
    let waker = Waker::from(counted.clone());
    for _ in 0..3 {
        assert!(poll(&mut handle, &waker).is_pending());
        assert_eq!(Arc::strong_count(&counted), 3);
    }
    assert!(poll(&mut handle, &waiting).is_pending());
    assert_eq!(Arc::strong_count(&counted), 2);
    drop((handle, waiting_handle, waiting));
    model.shutdown();
}

#[test]
fn clones_of_a_waker_wake_the_same_task() {
    let model = Model::new();
    let (handle, waker) = stuck(&model);
    let (other_handle, other) = stuck(&model);
    assert!(waker.will_wake(&waker.clone()));
    assert!(!waker.will_wake(&other));
    let clone = waker.clone();
    clone.wake();
    waker.wake_by_ref();
    assert_eq!((model.scheduled(), model.queued()), (1, 1));
    drop((handle, other_handle, waker, other));
    model.shutdown();
}

#[test]
fn a_waker_outlives_the_scheduler() {
    let model = Model::new();
    let values = Values::default();
    let (mut handle, waker) = stuck(&model);
    let value = values.make(false);
    drop(model.spawn(async move {
        let _value = value;
        pending::<()>().await;
    }));
    model.shutdown();
    assert_eq!(values.alive(), 0);
    assert!(result(&mut handle).unwrap_err().is_cancelled());
    let weak = model.downgrade();
    drop((model, handle));
    assert!(weak.upgrade().is_some(), "the task holds its scheduler");
    waker.wake_by_ref();
    let clone = waker.clone();
    clone.wake();
    drop(waker);
    assert!(weak.upgrade().is_none(), "a task was not freed");
}

#[test]
fn a_waker_does_not_keep_future_or_output() {
    let model = Model::new();
    let values = Values::default();
    let (value, output) = (values.make(false), values.make(false));
    let slot = Arc::new(std::sync::Mutex::new(None));
    let handle = model.spawn({
        let slot = slot.clone();
        async move {
            let _value = value;
            poll_fn(|cx| {
                *slot.lock().unwrap() = Some(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
            output
        }
    });
    model.run_all();
    assert_eq!(values.alive(), 1);
    drop(handle);
    assert_eq!(values.alive(), 0);
    drop(slot);
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn an_abort_handle_does_not_keep_the_output_of_a_detached_task() {
    let model = Model::new();
    let values = Values::default();
    let output = values.make(true);
    let handle = model.spawn(async move { output });
    let abort_handle = handle.abort_handle();
    drop(handle);
    model.run_all();
    assert_eq!(values.alive(), 0);
    drop(abort_handle);
    assert_eq!(model.handles(), 1, "a task was not freed");
}
