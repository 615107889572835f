//! Loom models of timers: firing against everything that a waiting task may do
//! meanwhile, and the sleeper against those who register.

use super::*;
use loom::model::Builder;
use loom::thread;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

const SOON: Tick = Tick::from_nanos(1 << 20);
const LATER: Tick = Tick::from_nanos(1 << 21);
const SHORT_OF_LATER: Tick = Tick::from_nanos(3 << 19);

/// Whether it was woken, or unparked. It is looked at only when the threads of
/// the model have been joined, so it need not be loom's.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: std::sync::Arc<Self>) {
        self.raise();
    }
}

fn flag() -> (std::sync::Arc<Flag>, Waker) {
    let flag = std::sync::Arc::new(Flag::default());
    let waker = Waker::from(std::sync::Arc::clone(&flag));
    (flag, waker)
}

fn timers(shards: usize) -> (Arc<Timers>, std::sync::Arc<Flag>) {
    let unparked = std::sync::Arc::new(Flag::default());
    let unpark = std::sync::Arc::clone(&unparked);
    let clock = Arc::new(Clock::new(false));
    (
        Arc::new(Timers::new(shards, clock, Box::new(move || unpark.raise()))),
        unparked,
    )
}

fn timer(timers: &Timers, shard: usize) -> Timer {
    Timer::new(Arc::clone(timers.shard(shard)), Some(Duration::MAX))
}

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

/// A timer is dropped while it fires: its waker is woken or dropped, never kept,
/// and both do happen.
#[test]
fn loom_fire_races_drop() {
    let outcomes = std::sync::Arc::new([const { AtomicBool::new(false) }; 2]);
    let seen = std::sync::Arc::clone(&outcomes);
    model(move || {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));
        drop(waker);

        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_due(SOON)
        });
        drop(timer);
        let fired = firing.join().unwrap();

        assert_eq!(woken.is_raised(), fired == 1);
        assert_eq!(std::sync::Arc::strong_count(&woken), 1);
        assert_eq!(timers.len(), 0);
        seen[fired].store(true, Ordering::SeqCst);
    });
    assert!(outcomes.iter().all(|seen| seen.load(Ordering::SeqCst)));
}

/// A timer is given a later deadline while it fires at the former one: it ends
/// up waiting for the later one, and its task is woken by then.
#[test]
fn loom_fire_races_reset() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));
        let key = timer.key().expect("it is registered");

        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_due(SOON)
        });
        let was_waiting = timers.shard(0).reset(key, Tick::ZERO, LATER);
        let fired = firing.join().unwrap();

        if was_waiting {
            assert!(fired == 0 && !woken.is_raised());
            assert_eq!(timer.poll(LATER, &waker), Ok(Poll::Pending));
            timers.fire_due(SOON);
            assert_eq!(timers.earliest(), Some(LATER));
            assert_eq!(timers.fire_due(LATER), 1);
        } else {
            assert_eq!(fired, 1, "it was left to the reset");
        }
        assert!(woken.is_raised());
        assert_eq!(timer.poll(LATER, &waker), Ok(Poll::Ready(())));
        assert_eq!(timers.len(), 0);
    });
}

/// A task changes its waker while the timer fires: it sees that it has fired, or
/// the new waker is woken.
#[test]
fn loom_fire_races_waker_change() {
    model(|| {
        let (timers, _) = timers(1);
        let ((first, first_waker), (second, second_waker)) = (flag(), flag());
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &first_waker), Ok(Poll::Pending));

        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_due(SOON)
        });
        let poll = timer.poll(SOON, &second_waker);
        let fired = firing.join().unwrap() + timers.fire_due(SOON);

        assert_eq!(fired, 1);
        assert_eq!(poll == Ok(Poll::Ready(())), first.is_raised());
        assert_eq!(poll == Ok(Poll::Pending), second.is_raised());
        drop((timer, first_waker, second_waker));
        assert_eq!(std::sync::Arc::strong_count(&first), 1);
        assert_eq!(std::sync::Arc::strong_count(&second), 1);
    });
}

/// Two threads fire the same timers: each of them fires once.
#[test]
fn loom_fire_races_fire() {
    model(|| {
        let (timers, _) = timers(1);
        let wakers = [flag(), flag(), flag()];
        let waiting: Vec<Timer> = wakers
            .iter()
            .map(|(_, waker)| {
                let mut timer = timer(&timers, 0);
                assert_eq!(timer.poll(SOON, waker), Ok(Poll::Pending));
                timer
            })
            .collect();

        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_due(SOON)
        });
        let fired = timers.fire_due(SOON) + firing.join().unwrap();
        let fired = fired + timers.fire_due(SOON) + timers.fire_due(SOON);

        assert_eq!(fired, waiting.len());
        assert!(wakers.iter().all(|(woken, _)| woken.is_raised()));
        assert_eq!(timers.earliest(), None);
    });
}

/// A thread goes to sleep while others register: it sleeps no longer than until
/// the earliest deadline, or it is unparked.
#[test]
fn loom_sleep_races_register() {
    model(|| {
        let (timers, unparked) = timers(2);
        let registering: Vec<_> = [(0, LATER), (1, SOON)]
            .into_iter()
            .map(|(shard, deadline)| {
                let timers = Arc::clone(&timers);
                thread::spawn(move || {
                    let mut timer = timer(&timers, shard);
                    assert_eq!(timer.poll(deadline, Waker::noop()), Ok(Poll::Pending));
                    timer
                })
            })
            .collect();
        let horizon = timers.prepare_sleep();
        let registered: Vec<Timer> = registering
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();

        let in_time = horizon.is_some_and(|horizon| horizon <= SOON);
        assert!(in_time || unparked.is_raised(), "asleep until {horizon:?}");
        drop(registered);
    });
}

/// Two threads register on one shard: the earlier deadline is what counts.
#[test]
fn loom_register_races_register() {
    model(|| {
        let (timers, unparked) = timers(1);
        assert_eq!(timers.prepare_sleep(), None);
        let registering = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                let mut timer = timer(&timers, 0);
                assert_eq!(timer.poll(LATER, Waker::noop()), Ok(Poll::Pending));
                timer
            }
        });
        let mut soon = timer(&timers, 0);
        assert_eq!(soon.poll(SOON, Waker::noop()), Ok(Poll::Pending));
        let later = registering.join().unwrap();

        assert_eq!(timers.earliest(), Some(SOON));
        assert!(unparked.is_raised());
        drop((soon, later));
    });
}

/// A thread goes to sleep while another fires what it would have slept for, and a
/// third registers: the later deadlines are not overslept.
#[test]
fn loom_sleep_races_fire_and_register() {
    model(|| {
        let (timers, unparked) = timers(1);
        let (_, waker) = flag();
        let mut due = timer(&timers, 0);
        let mut later = timer(&timers, 0);
        assert_eq!(due.poll(SOON, &waker), Ok(Poll::Pending));
        assert_eq!(later.poll(LATER, &waker), Ok(Poll::Pending));

        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_due(SOON)
        });
        let registering = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                let mut timer = timer(&timers, 0);
                assert_eq!(timer.poll(SHORT_OF_LATER, Waker::noop()), Ok(Poll::Pending));
                timer
            }
        });
        let horizon = timers.prepare_sleep();
        firing.join().unwrap();
        let registered = registering.join().unwrap();

        let in_time = horizon.is_some_and(|horizon| horizon <= SHORT_OF_LATER);
        assert!(in_time || unparked.is_raised(), "asleep until {horizon:?}");
        drop(registered);
    });
}

/// A timer is registered while the runtime shuts down: it is refused, or its task
/// is woken to learn of it.
#[test]
fn loom_shutdown_races_register() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let shutting_down = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.shutdown()
        });
        let mut timer = timer(&timers, 0);
        let poll = timer.poll(SOON, &waker);
        shutting_down.join().unwrap();

        assert_eq!(poll == Ok(Poll::Pending), woken.is_raised());
        assert_eq!(timer.poll(SOON, &waker), Err(ShutDown));
        assert_eq!(timers.len(), 0);
    });
}
