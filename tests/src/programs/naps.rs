//! Sleeps and intervals, and what they promise.
//!
//! A sleep never ends early, and wakes whoever waits once; with a paused clock it
//! ends to the nanosecond.

use super::interpret::Context;
use super::program::Nap;
use filch::task::unconstrained;
use filch::time::{Instant, Sleep, interval_at, sleep};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::{Duration, Instant as WallClock};

pub(super) async fn nap(context: &Context, nap: Nap) {
    match nap {
        Nap::Whole(duration) => {
            let wall = WallClock::now();
            let mut sleep = pin!(sleep(duration));
            whole(context, sleep.as_mut()).await;
            if !context.kind.is_paused() {
                early(context, wall.elapsed() < duration, duration);
            }
        }
        Nap::Reset { first, then } => {
            let mut sleep = pin!(sleep(first));
            poll_once(sleep.as_mut()).await;
            sleep.as_mut().reset(Instant::now() + then);
            whole(context, sleep).await;
        }
        Nap::Again { first, then } => {
            let mut sleep = pin!(sleep(first));
            whole(context, sleep.as_mut()).await;
            sleep.as_mut().reset(Instant::now() + then);
            whole(context, sleep).await;
        }
        Nap::Dropped(duration) => poll_once(pin!(sleep(duration))).await,
        Nap::Moved(duration) => {
            let mut sleep = Box::pin(sleep(duration));
            poll_once(sleep.as_mut()).await;
            let name = format!("sleep that came from {}", context.entry.name);
            let (entry, handle) = context.spawn(name, |context| async move {
                whole(&context, sleep.as_mut()).await;
            });
            context.join(&entry, handle).await;
        }
    }
}

pub(super) async fn interval(context: &Context, period: Duration, ticks: u32) {
    let start = Instant::now() + period;
    let mut interval = interval_at(start, period);
    for tick in 0..ticks {
        let due = interval.tick().await;
        let now = Instant::now();
        early(context, now < due, period);
        let expected = start + period * tick;
        context.ledger.expect(due == expected, || {
            format!(
                "{}: tick {tick} is that of {due:?}, not {expected:?}",
                context.entry.name
            )
        });
    }
}

fn early(context: &Context, is_early: bool, duration: Duration) {
    context.ledger.expect(!is_early, || {
        format!("{}: a wait of {duration:?} ended early", context.entry.name)
    });
}

/// Polls a sleep without waiting for it.
async fn poll_once(mut sleep: Pin<&mut Sleep>) {
    poll_fn(|cx| {
        let polled = unconstrained(sleep.as_mut());
        let _ = pin!(polled).poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Awaits a sleep, and holds it to its promise.
async fn whole(context: &Context, mut sleep: Pin<&mut Sleep>) {
    let deadline = sleep.deadline();
    let begun = Instant::now();
    let mut waits: Option<Arc<CountingWaker>> = None;
    poll_fn(|cx| {
        let counting = waits.get_or_insert_with(|| CountingWaker::new(cx.waker()));
        let waker = Waker::from(Arc::clone(counting));
        // Without a budget: every wake-up is the timer's.
        let polled = unconstrained(sleep.as_mut());
        pin!(polled).poll(&mut TaskContext::from_waker(&waker))
    })
    .await;
    let now = Instant::now();
    let name = &context.entry.name;
    context.ledger.expect(now >= deadline, || {
        format!("{name}: a sleep ended {:?} early", deadline - now)
    });
    context.ledger.expect(sleep.is_elapsed(), || {
        format!("{name}: a sleep that is over says it is not")
    });
    if context.exact {
        let due = deadline.max(begun);
        context.ledger.expect(now == due, || {
            format!(
                "{name}: on a paused clock a sleep ended {:?} late",
                now - due
            )
        });
    }
    let wakes = waits.map_or(0, |waits| waits.count.load(SeqCst));
    context.ledger.expect(wakes <= 1, || {
        format!("{name}: a timer fired {wakes} times")
    });
}

/// Passes wake-ups on and counts them.
struct CountingWaker {
    count: AtomicUsize,
    task: Waker,
}

impl CountingWaker {
    fn new(task: &Waker) -> Arc<Self> {
        Arc::new(Self {
            count: AtomicUsize::new(0),
            task: task.clone(),
        })
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.count.fetch_add(1, SeqCst);
        self.task.wake_by_ref();
    }
}
