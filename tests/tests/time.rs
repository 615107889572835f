//! Sleeps, timeouts, intervals and the clock that tests can stop.

#[path = "time/advance.rs"]
mod advance;
mod every_runtime;
#[path = "time/interval.rs"]
mod interval;
#[path = "time/misuse.rs"]
mod misuse;
#[path = "time/panicking_wakers.rs"]
mod panicking_wakers;
#[path = "time/paused.rs"]
mod paused;
#[path = "time/running.rs"]
mod running;
#[path = "time/timeout.rs"]
mod timeout;

use filch::time::{Duration, Interval, Sleep, Timeout, advance as advance_fn};
use std::future::{Pending, pending};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A future, polled by hand, and how often its waker was woken.
struct ByHand<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn by_hand<F>(future: F) -> ByHand<F> {
    ByHand {
        future: Box::pin(future),
        wakes: Arc::default(),
    }
}

impl<F> ByHand<F> {
    fn with<R>(&mut self, poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> R) -> R {
        let waker = Waker::from(Arc::clone(&self.wakes));
        poll(self.future.as_mut(), &mut Context::from_waker(&waker))
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }
}

impl<F: Future> ByHand<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.with(|future, cx| future.poll(cx))
    }
}

#[test]
fn the_types_have_the_marker_traits_of_tokios() {
    fn send_sync<T: Send + Sync>(value: T) -> T {
        value
    }
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    fn unpin<T: Unpin>() {}
    fn types() {
        fn of_value<T: Send + Sync>(_: fn() -> T) {}
        of_value::<Sleep>(|| unreachable!());
        of_value::<Interval>(|| unreachable!());
        of_value::<Timeout<Pending<()>>>(|| unreachable!());
    }
    types();
    unpin::<Interval>();
    unwind_safe::<filch::time::Instant>();
    unwind_safe::<filch::time::error::Elapsed>();
    drop(send_sync(advance_fn(Duration::ZERO)));
    drop(send_sync(pending::<()>()));
}

/// What is `!Unpin` in tokio must be so here, or code that is written for one is
/// refused by the other: `Sleep` by reference needs a pin in both.
mod not_unpin {
    use super::{Pending, Sleep, Timeout};

    trait AmbiguousIfUnpin<A> {
        fn check() {}
    }
    impl<T: ?Sized> AmbiguousIfUnpin<()> for T {}
    struct Unpinned;
    impl<T: ?Sized + Unpin> AmbiguousIfUnpin<Unpinned> for T {}

    #[test]
    fn sleeps_and_timeouts_are_not_unpin() {
        // Does not compile if both implementations apply.
        <Sleep as AmbiguousIfUnpin<_>>::check();
        <Timeout<Pending<()>> as AmbiguousIfUnpin<_>>::check();
    }
}
