//! Wakers of the program's own that panic when a timer wakes them.

use super::{by_hand, ms};
use filch::runtime::Builder;
use filch::time::{Duration, sleep};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a waker that panics"));
    }
}

/// A sleep whose waker panics.
fn trap(duration: Duration) -> Pin<Box<filch::time::Sleep>> {
    let mut sleep = Box::pin(sleep(duration));
    let waker = Waker::from(Arc::new(Panicking));
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
        let (before, trap, after) = (by_hand(sleep(ms(5))), trap(ms(5)), by_hand(sleep(ms(5))));
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
    let (_trap, mut after) = (trap(hour), by_hand(sleep(hour)));
    assert!(after.poll().is_pending());
    drop(context);
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
    assert!(outcome.is_err(), "the panic goes on");
    assert_eq!(after.wakes(), 1);
}
