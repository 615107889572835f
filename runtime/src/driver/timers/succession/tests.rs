use super::super::{Timer, Timers};
use super::*;
use crate::driver::clock::Clock;
use filch_timer::Tick;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

const SOON: Tick = Tick::from_nanos(1 << 40);
const LATER: Tick = Tick::from_nanos(3 << 39);

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The timers of a runtime, which this thread leaves with them.
struct Entered(Timers);

impl Deref for Entered {
    type Target = Timers;

    fn deref(&self) -> &Timers {
        &self.0
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        leave_runtime();
    }
}

fn timers(paused: bool) -> Entered {
    let clock = Arc::new(Clock::new(paused));
    Entered(Timers::new(2, clock, Box::new(|| ())))
}

fn waiting(timers: &Timers, shard: usize, deadline: Tick, waker: &Waker) -> Timer {
    let mut timer = Timer::new(timers.shard(shard), Some(Duration::MAX));
    assert_eq!(timer.poll(deadline, waker), Ok(Poll::Pending));
    timer
}

fn count() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    (count, waker)
}

fn in_poll<R>(f: impl FnOnce() -> R) -> R {
    coop::poll_task(Waker::noop(), f).0
}

#[test]
fn a_place_is_passed_on_with_the_waker_in_it() {
    let timers = timers(false);
    let (count, waker) = count();
    let former = waiting(&timers, 0, SOON, &waker);
    let mut latter = in_poll(|| {
        drop(former);
        assert_eq!((timers.len(), Arc::strong_count(&count)), (1, 3));
        let latter = waiting(&timers, 0, LATER, &waker);
        assert_eq!((timers.len(), Arc::strong_count(&count)), (1, 3));
        latter
    });
    assert_eq!(timers.fire_due(SOON), 0);
    assert_eq!(latter.poll(LATER, &waker), Ok(Poll::Pending));
    assert_eq!(timers.fire_due(LATER), 1);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert_eq!(latter.poll(LATER, &waker), Ok(Poll::Ready(())));
}

#[test]
fn a_place_that_fires_too_early_is_moved() {
    let timers = timers(false);
    let (count, waker) = count();
    let former = waiting(&timers, 0, SOON, &waker);
    let mut latter = in_poll(|| {
        drop(former);
        waiting(&timers, 0, LATER, &waker)
    });
    // The task is not bound to poll its timer when it is woken for nothing.
    assert_eq!((timers.len(), timers.fire_due(SOON)), (1, 0));
    assert!(!latter.has_elapsed(LATER));
    assert_eq!(timers.fire_due(LATER), 1);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(latter.has_elapsed(LATER));
    assert_eq!(latter.poll(LATER, &waker), Ok(Poll::Ready(())));
}

#[test]
fn an_earlier_deadline_is_the_earliest() {
    let timers = timers(false);
    let former = waiting(&timers, 0, LATER, Waker::noop());
    let latter = in_poll(|| {
        drop(former);
        waiting(&timers, 0, SOON, Waker::noop())
    });
    assert!(timers.earliest() < Some(LATER));
    drop(latter);
}

#[test]
fn the_end_of_the_poll_cancels_what_nobody_took() {
    let timers = timers(false);
    let (count, waker) = count();
    let timer = waiting(&timers, 0, SOON, &waker);
    in_poll(|| {
        drop(timer);
        assert_eq!(timers.len(), 1);
    });
    assert_eq!((timers.len(), Arc::strong_count(&count)), (0, 2));

    let timer = waiting(&timers, 0, SOON, &waker);
    let panics = || {
        in_poll(|| {
            drop(timer);
            panic!("as it should");
        })
    };
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!((timers.len(), Arc::strong_count(&count)), (0, 2));
}

/// A waker of the program's own whose end is a panic.
struct PanicsInTheEnd;

impl Wake for PanicsInTheEnd {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsInTheEnd {
    fn drop(&mut self) {
        panic!("as it should");
    }
}

#[test]
fn the_end_of_the_poll_is_none_of_the_program_s_panics() {
    let timers = timers(false);
    let panicking = Waker::from(Arc::new(PanicsInTheEnd));
    let timer = waiting(&timers, 0, SOON, &panicking);
    in_poll(|| {
        drop(timer);
        // The place has the last one.
        drop(panicking);
        assert_eq!(timers.len(), 1);
    });
    assert_eq!(timers.len(), 0);
}

#[test]
fn what_blocks_is_outside_of_the_poll() {
    let timers = timers(false);
    let (count, waker) = count();
    let before = waiting(&timers, 0, SOON, &waker);
    let meanwhile = waiting(&timers, 0, SOON, &waker);
    in_poll(|| {
        drop(before);
        assert_eq!((timers.len(), Arc::strong_count(&count)), (2, 4));
        coop::outside_of_polls(|| {
            assert_eq!((timers.len(), Arc::strong_count(&count)), (1, 3));
            drop(meanwhile);
            assert_eq!((timers.len(), Arc::strong_count(&count)), (0, 2));
        });
    });
}

#[test]
fn outside_of_a_poll_nothing_is_left() {
    let timers = timers(false);
    let (count, waker) = count();
    drop(waiting(&timers, 0, SOON, &waker));
    assert_eq!((timers.len(), Arc::strong_count(&count)), (0, 2));
    assert_eq!(Arc::strong_count(timers.shard(0)), 1);
}

#[test]
fn with_a_paused_clock_nothing_is_left() {
    let timers = timers(true);
    in_poll(|| {
        drop(waiting(&timers, 0, SOON, Waker::noop()));
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    });
}

#[test]
fn one_place_is_left_at_a_time() {
    let timers = timers(false);
    let (count, waker) = count();
    let [one, other] = [SOON, LATER].map(|deadline| waiting(&timers, 0, deadline, &waker));
    in_poll(|| {
        drop(one);
        drop(other);
        assert_eq!((timers.len(), Arc::strong_count(&count)), (1, 3));
        assert_eq!(timers.fire_due(SOON), 0, "the last one is");
    });
    assert_eq!(timers.len(), 0);
}

#[test]
fn a_fired_place_is_not_taken() {
    let timers = timers(false);
    let former = waiting(&timers, 0, SOON, Waker::noop());
    let mut latter = in_poll(|| {
        drop(former);
        assert_eq!(timers.fire_due(SOON), 1);
        waiting(&timers, 0, LATER, Waker::noop())
    });
    assert_eq!(latter.poll(LATER, Waker::noop()), Ok(Poll::Pending));
    assert_eq!(timers.len(), 1);
}

#[test]
fn another_task_takes_a_place_of_its_own() {
    let timers = timers(false);
    let ((one, one_waker), (other, other_waker)) = (count(), count());
    let former = waiting(&timers, 0, SOON, &one_waker);
    let latter = in_poll(|| {
        drop(former);
        waiting(&timers, 0, SOON, &other_waker)
    });
    assert_eq!((timers.len(), Arc::strong_count(&one)), (1, 2));
    assert_eq!(timers.fire_due(LATER), 1);
    assert_eq!(one.0.load(Ordering::Relaxed), 0);
    assert_eq!(other.0.load(Ordering::Relaxed), 1);
    drop(latter);
}

#[test]
fn a_place_on_another_shard_is_not_taken() {
    let timers = timers(false);
    let former = waiting(&timers, 1, SOON, Waker::noop());
    let mut latter = in_poll(|| {
        drop(former);
        waiting(&timers, 0, LATER, Waker::noop())
    });
    assert_eq!((timers.len(), timers.fire_due(SOON)), (1, 0));
    assert_eq!(latter.poll(LATER, Waker::noop()), Ok(Poll::Pending));
}

#[test]
fn a_shut_down_shard_passes_nothing_on() {
    let timers = timers(false);
    let former = waiting(&timers, 0, SOON, Waker::noop());
    in_poll(|| {
        drop(former);
        timers.shutdown();
        let mut latter = Timer::new(timers.shard(0), Some(Duration::MAX));
        let refused = Err(super::super::ShutDown);
        assert_eq!(latter.poll(LATER, Waker::noop()), refused);
    });
    assert_eq!(timers.len(), 0);
}

#[test]
fn a_reference_is_kept_until_the_thread_leaves_the_runtime() {
    let timers = timers(false);
    let references = || Arc::strong_count(timers.shard(0));
    in_poll(|| {
        let never_polled = Timer::new(timers.shard(0), None);
        assert_eq!(references(), 2);
        drop(never_polled);
        assert_eq!(references(), 2);
        let again = Timer::new(timers.shard(0), None);
        assert_eq!(references(), 2);
        drop(again);
    });
    assert_eq!(references(), 2);
    leave_runtime();
    assert_eq!(references(), 1);
}

#[test]
fn of_another_runtime_no_reference_is_kept() {
    let (own, other) = (timers(false), timers(false));
    let foreign = waiting(&other, 0, SOON, Waker::noop());
    in_poll(|| {
        drop(waiting(&own, 0, SOON, Waker::noop()));
        drop(foreign);
    });
    assert_eq!((own.len(), other.len()), (0, 0));
    assert_eq!(Arc::strong_count(other.shard(0)), 1);
    assert_eq!(Arc::strong_count(own.shard(0)), 2);
}
