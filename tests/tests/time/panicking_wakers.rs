//! Wakers of the program's own that panic when a timer wakes them.

use super::{by_hand, ms};
use filch::runtime::Builder;
use filch::time::{Duration, Instant, Sleep, sleep};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

#[derive(Default)]
struct Panicking {
    wakes: AtomicUsize,
}

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        resume_unwind(Box::new("a waker that panics"));
    }
}

/// A sleep that was polled with that waker.
fn trap(duration: Duration, panicking: &Arc<Panicking>) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(duration));
    let waker = Waker::from(Arc::clone(panicking));
    let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    sleep
}

#[test]
fn the_sleeps_beside_it_are_woken_all_the_same() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (mut before, _trap, mut after) = {
        let _context = runtime.enter();
        let (before, trap, after) = (
            by_hand(sleep(ms(5))),
            trap(ms(5), &Arc::default()),
            by_hand(sleep(ms(5))),
        );
        (before, trap, after)
    };
    assert!(before.poll().is_pending() && after.poll().is_pending());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { sleep(ms(6)).await })
    }));
    let payload = outcome.expect_err("the panic goes on");
    assert_eq!(payload.downcast_ref(), Some(&"a waker that panics"));
    assert_eq!((before.wakes(), after.wakes()), (1, 1));
    assert!(before.poll().is_ready() && after.poll().is_ready());
    // The runtime goes on, and so does its time.
    runtime.block_on(async { sleep(ms(1)).await });
}

#[test]
fn a_runtime_that_shuts_down_wakes_the_others_all_the_same() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let hour = Duration::from_secs(3_600);
    let context = runtime.enter();
    let (_trap, mut after) = (trap(hour, &Arc::default()), by_hand(sleep(hour)));
    assert!(after.poll().is_pending());
    drop(context);
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
    assert!(outcome.is_err(), "the panic goes on");
    assert_eq!(after.wakes(), 1);
}

/// Two panics at once would end the process.
#[test]
fn a_runtime_that_shuts_down_as_its_thread_unwinds_keeps_the_panic_to_itself() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let panicking = Arc::<Panicking>::default();
    let context = runtime.enter();
    let _trap = trap(Duration::from_secs(3_600), &panicking);
    drop(context);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _runtime = runtime;
        resume_unwind(Box::new("the first panic"));
    }));
    let payload = outcome.expect_err("it goes on");
    assert_eq!(payload.downcast_ref(), Some(&"the first panic"));
    assert_eq!(panicking.wakes.load(Ordering::SeqCst), 1);
}

/// The panic ends a worker's thread, whose stop hook panics in turn: two panics at
/// once would end the process.
#[test]
fn a_stop_hook_may_panic_on_the_thread_that_it_ends() {
    let stops = Arc::new(AtomicUsize::new(0));
    let hook = Arc::clone(&stops);
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_stop(move || {
            hook.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new("a stop hook that panics"));
        })
        .build()
        .unwrap();
    let context = runtime.enter();
    let panicking = Arc::<Panicking>::default();
    let _trap = trap(ms(5), &panicking);
    let start = Instant::now();
    while panicking.wakes.load(Ordering::SeqCst) == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "it never fires");
        std::thread::yield_now();
    }
    drop(context);
    drop(runtime);
    assert_eq!(stops.load(Ordering::SeqCst), 1);
}
