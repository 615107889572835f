//! Shards and their sleeper, on a paused clock where the time matters.

use super::*;
use crate::primitive::Mutex;
use filch_timer::coalesce;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicUsize;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn step(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.step();
    }
}

struct Fixture {
    timers: Timers,
    clock: Arc<Clock>,
    unparks: Arc<Count>,
}

fn fixture(shards: usize, paused: bool) -> Fixture {
    let clock = Arc::new(Clock::new(paused));
    let unparks = Arc::new(Count::default());
    let count = Arc::clone(&unparks);
    let unpark = Box::new(move || count.step());
    let timers = Timers::new(shards, Arc::clone(&clock), unpark);
    Fixture {
        timers,
        clock,
        unparks,
    }
}

fn at(nanos: u64) -> Tick {
    Tick::from_nanos(nanos)
}

impl Fixture {
    fn timer(&self, shard: usize) -> Timer {
        Timer::new(self.timers.shard(shard), Some(Duration::MAX))
    }

    /// A timer that waits for `deadline`, and what counts its wakes.
    fn waiting(&self, shard: usize, deadline: Tick) -> (Timer, Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut timer = self.timer(shard);
        assert_eq!(timer.poll(deadline, &waker), Ok(Poll::Pending));
        (timer, count, waker)
    }

    fn fire_at(&self, tick: Tick) -> usize {
        self.clock.advance_to(tick);
        self.timers.fire_due(tick)
    }
}

#[test]
fn a_timer_is_small() {
    // A reference to the shard, and a place: its key, its deadline and whom it wakes.
    assert_eq!(size_of::<Timer>(), 48);
}

#[test]
fn a_timer_fires_once_and_stays_fired() {
    let fixture = fixture(2, true);
    let (mut timer, count, waker) = fixture.waiting(1, at(500));
    assert_eq!(fixture.timers.len(), 1);
    assert_eq!(fixture.fire_at(at(499)), 0);
    assert!(!timer.has_elapsed(at(500)));
    assert_eq!(timer.poll(at(500), &waker), Ok(Poll::Pending));
    assert_eq!(fixture.fire_at(at(500)), 1);
    assert_eq!(count.get(), 1);
    assert!(timer.has_elapsed(at(500)));
    assert_eq!(timer.poll(at(500), &waker), Ok(Poll::Ready(())));
    assert_eq!(timer.poll(at(500), &waker), Ok(Poll::Ready(())));
    assert_eq!(fixture.fire_at(at(900)), 0);
    assert_eq!(fixture.timers.len(), 0);
}

#[test]
fn what_is_due_at_the_first_poll_is_not_registered() {
    let fixture = fixture(1, true);
    let mut timer = fixture.timer(0);
    assert!(!timer.has_elapsed(Tick::ZERO), "it was not polled");
    assert_eq!(timer.poll(Tick::ZERO, Waker::noop()), Ok(Poll::Ready(())));
    assert_eq!(fixture.timers.len(), 0);
    assert_eq!(fixture.timers.earliest(), None);
}

#[test]
fn only_the_last_waker_is_woken() {
    let fixture = fixture(1, true);
    let (mut timer, first, _) = fixture.waiting(0, at(5));
    let second = Arc::new(Count::default());
    assert_eq!(
        timer.poll(at(5), &Waker::from(Arc::clone(&second))),
        Ok(Poll::Pending)
    );
    assert_eq!(Arc::strong_count(&first), 1, "its waker is dropped");
    fixture.fire_at(at(5));
    assert_eq!((first.get(), second.get()), (0, 1));
    assert_eq!(Arc::strong_count(&second), 1);
}

#[test]
fn a_dropped_timer_leaves_nothing_behind() {
    let fixture = fixture(1, true);
    let (timer, count, waker) = fixture.waiting(0, at(5));
    drop((timer, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    assert_eq!(fixture.timers.len(), 0);
    assert_eq!(fixture.fire_at(at(9)), 0);
    assert_eq!(count.get(), 0);
}

#[test]
fn a_reset_timer_wakes_its_task_at_the_new_deadline() {
    let fixture = fixture(1, true);
    let (mut timer, count, waker) = fixture.waiting(0, at(50));
    timer.reset(at(70));
    assert_eq!(fixture.fire_at(at(60)), 0);
    timer.reset(at(65));
    assert_eq!(fixture.fire_at(at(65)), 1);
    assert_eq!(count.get(), 1);
    // Having fired, it starts over.
    timer.reset(at(80));
    assert!(!timer.has_elapsed(at(80)));
    assert_eq!(timer.poll(at(80), &waker), Ok(Poll::Pending));
    // A deadline that has passed wakes at once.
    timer.reset(at(3));
    assert_eq!(count.get(), 2);
    assert!(timer.has_elapsed(at(3)));
    assert_eq!(timer.poll(at(3), &waker), Ok(Poll::Ready(())));
    assert_eq!(fixture.timers.len(), 0);
}

#[test]
fn a_rearmed_timer_looks_at_the_clock() {
    let fixture = fixture(1, true);
    let mut timer = fixture.timer(0);
    timer.reset(at(10));
    assert!(!timer.has_elapsed(at(10)));
    fixture.clock.advance_to(at(10));
    assert!(timer.has_elapsed(at(10)));
    timer.disarm();
    assert_eq!(timer.poll(at(12), Waker::noop()), Ok(Poll::Pending));
    timer.disarm();
    assert_eq!(fixture.timers.len(), 0);
}

#[test]
fn a_running_clock_rounds_and_a_paused_one_does_not() {
    let hour =
        Tick::from_duration(Duration::from_secs(3600)).saturating_add(Duration::from_nanos(1));
    let running = fixture(1, false);
    let _timer = running.waiting(0, hour);
    assert_eq!(running.timers.earliest(), Some(coalesce(Tick::ZERO, hour)));
    let paused = fixture(1, true);
    let _timer = paused.waiting(0, hour);
    assert_eq!(paused.timers.earliest(), Some(hour));
}

#[test]
fn an_earlier_deadline_unparks_the_sleeper() {
    let fixture = fixture(3, true);
    let _awake = fixture.waiting(0, at(90));
    assert_eq!(fixture.unparks.get(), 0, "nobody sleeps");
    assert_eq!(fixture.timers.prepare_sleep(), Some(at(90)));
    let _later = fixture.waiting(1, at(90));
    let (mut timer, ..) = fixture.waiting(2, at(95));
    assert_eq!(fixture.unparks.get(), 0, "the sleeper wakes early enough");
    timer.reset(at(80));
    assert_eq!(fixture.unparks.get(), 1);
    fixture.timers.finish_sleep();
    let _earliest = fixture.waiting(1, at(1));
    assert_eq!(fixture.unparks.get(), 1);
    assert_eq!(fixture.timers.prepare_sleep(), Some(at(1)));
}

#[test]
fn cancelled_timeouts_unpark_the_sleeper_once() {
    let fixture = fixture(2, false);
    let mut slept_until = fixture.timers.prepare_sleep();
    for nanos in 0..1_000 {
        let deadline = at(5_000_000_000 + nanos);
        drop(fixture.waiting(1, deadline));
        if fixture.unparks.get() > 0 && slept_until.is_none() {
            fixture.timers.finish_sleep();
            slept_until = fixture.timers.prepare_sleep();
        }
    }
    assert_eq!(fixture.unparks.get(), 1);
    assert_eq!(slept_until, Some(coalesce(Tick::ZERO, at(5_000_000_000))));
    // The needless wake-up finds nothing, and then there is nothing to wait for.
    fixture.timers.finish_sleep();
    assert_eq!(fixture.timers.fire_due(slept_until.unwrap()), 0);
    assert_eq!(fixture.timers.prepare_sleep(), None);
}

#[test]
fn a_paused_clock_never_jumps_to_a_cancelled_deadline() {
    let fixture = fixture(2, true);
    let early = fixture.waiting(0, at(70_000));
    let _late = fixture.waiting(0, at(70_001));
    let elsewhere = fixture.waiting(1, at(5));
    drop((early, elsewhere));
    assert_eq!(fixture.timers.earliest(), Some(at(70_001)));
}

#[test]
fn a_flood_is_fired_in_bounded_portions() {
    let fixture = fixture(1, true);
    let bound = BATCH * BATCHES_PER_CALL;
    let timers: Vec<_> = (0..=bound).map(|_| fixture.waiting(0, at(7))).collect();
    assert_eq!(fixture.fire_at(at(7)), bound);
    assert_eq!(fixture.timers.earliest(), Some(at(7)), "one is left");
    assert_eq!(fixture.fire_at(at(7)), 1);
    assert!(timers.iter().all(|(_, count, _)| count.get() == 1));
}

#[test]
fn what_fires_beside_a_clock_that_lags_is_seen_to_have_fired() {
    let fixture = fixture(1, true);
    drop(fixture.waiting(0, at(50)));
    assert_eq!(fixture.timers.fire_due(at(100)), 0);
    let (mut lagging, _, waker) = fixture.waiting(0, at(95));
    let _due = fixture.waiting(0, at(80));
    // To the wheel it is 100 already.
    assert_eq!(fixture.timers.fire_due(at(90)), 2);
    assert_eq!(lagging.poll(at(95), &waker), Ok(Poll::Ready(())));
}

#[test]
fn a_locked_shard_is_left_for_later() {
    let fixture = fixture(2, true);
    let _timers = [fixture.waiting(0, at(7)), fixture.waiting(1, at(7))];
    let locked = fixture.timers.shard(0).locked.lock();
    assert_eq!(fixture.timers.fire_due(at(7)), 1);
    drop(locked);
    assert_eq!(fixture.timers.fire_due(at(7)), 1);
}

#[test]
fn shutting_down_wakes_everyone_with_the_news() {
    let fixture = fixture(2, true);
    let (mut registered, count, waker) = fixture.waiting(0, at(7));
    let mut fresh = fixture.timer(1);
    let (mut fired, ..) = fixture.waiting(1, at(3));
    fixture.fire_at(at(3));
    assert_eq!(fired.poll(at(3), Waker::noop()), Ok(Poll::Ready(())));
    fixture.timers.shutdown();
    assert_eq!(count.get(), 1);
    assert_eq!(registered.poll(at(7), &waker), Err(ShutDown));
    assert_eq!(fresh.poll(at(7), &waker), Err(ShutDown));
    assert_eq!(fired.poll(at(3), &waker), Ok(Poll::Ready(())));
    registered.reset(at(9));
    assert_eq!(registered.poll(at(9), &waker), Err(ShutDown));
    assert_eq!(fixture.timers.len(), 0);
    assert_eq!(fixture.timers.earliest(), None);
}

#[test]
fn a_waker_may_use_the_timers_that_wake_it() {
    /// Drops a timer of the same shard when woken, and another when dropped.
    struct Meddler {
        when_woken: Mutex<Option<Timer>>,
        _when_dropped: Timer,
    }
    impl Wake for Meddler {
        fn wake(self: Arc<Self>) {
            drop(self.when_woken.lock().take());
        }
    }
    let fixture = fixture(1, true);
    let (first, ..) = fixture.waiting(0, at(100));
    let (second, ..) = fixture.waiting(0, at(100));
    let meddler = Meddler {
        when_woken: Mutex::new(Some(first)),
        _when_dropped: second,
    };
    let waker = Waker::from(Arc::new(meddler));
    let mut timer = fixture.timer(0);
    assert_eq!(timer.poll(at(5), &waker), Ok(Poll::Pending));
    drop(waker);
    assert_eq!(fixture.fire_at(at(5)), 1);
    assert_eq!(fixture.timers.len(), 0);
}

/// A waker that panics when it is woken.
struct Panicking(&'static str);

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new(self.0));
    }
}

/// Waiting timers, two of which panic: what they say, in the order of firing.
fn with_panicking(fixture: &Fixture, shard: usize, count: usize) -> Vec<(Timer, Arc<Count>)> {
    let panicking = |message| {
        let mut timer = fixture.timer(shard);
        let waker = Waker::from(Arc::new(Panicking(message)));
        assert_eq!(timer.poll(at(7), &waker), Ok(Poll::Pending));
        (timer, Arc::new(Count::default()))
    };
    let waiting = || {
        let (timer, count, _) = fixture.waiting(shard, at(7));
        (timer, count)
    };
    let mut timers = vec![
        waiting(),
        panicking("first"),
        waiting(),
        panicking("second"),
    ];
    timers.extend((0..count).map(|_| waiting()));
    timers
}

#[track_caller]
fn panics_with(message: &str, f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it should have panicked");
    assert_eq!(payload.downcast_ref(), Some(&message));
}

fn wakes(timers: &[(Timer, Arc<Count>)]) -> usize {
    timers.iter().map(|(_, count)| count.get()).sum()
}

#[test]
fn a_waker_that_panics_costs_no_other_its_wake_up() {
    let fixture = fixture(2, true);
    let timers = with_panicking(&fixture, 0, 1);
    let (_other, elsewhere, _) = fixture.waiting(1, at(7));
    panics_with("first", || {
        fixture.fire_at(at(7));
    });
    assert_eq!(wakes(&timers), 3);
    // What the panic kept the caller from is due still.
    assert_eq!(elsewhere.get(), 0);
    assert_eq!(fixture.timers.earliest(), Some(at(7)));
    assert_eq!(fixture.fire_at(at(7)), 1);
    assert_eq!(fixture.timers.earliest(), None);
}

#[test]
fn after_a_panic_the_next_batch_is_due_still() {
    let fixture = fixture(1, true);
    let timers = with_panicking(&fixture, 0, BATCH);
    panics_with("first", || {
        fixture.fire_at(at(7));
    });
    assert_eq!(wakes(&timers), BATCH - 2);
    assert_eq!(fixture.timers.earliest(), Some(at(7)));
    assert_eq!(fixture.fire_at(at(7)), 4);
    assert_eq!(wakes(&timers), BATCH + 2);
}

#[test]
fn a_waker_that_panics_at_shutdown_keeps_nobody_from_the_news() {
    let fixture = fixture(3, true);
    let timers = [0, 2].map(|shard| with_panicking(&fixture, shard, 40));
    let (mut last, count, waker) = fixture.waiting(1, at(9));
    panics_with("first", || fixture.timers.shutdown());
    assert_eq!(timers.each_ref().map(|timers| wakes(timers)), [42, 42]);
    assert_eq!(count.get(), 1);
    assert_eq!(last.poll(at(9), &waker), Err(ShutDown));
    assert_eq!(fixture.timers.len(), 0);
}
