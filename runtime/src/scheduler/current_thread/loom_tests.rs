//! Models of the current-thread scheduler, each one race, with the driver, the
//! services and the tasks that ship; only the selector is a stand-in.
//!
//! # What is reduced, and why that suffices
//! One thread runs the core, one other wakes, spawns, or waits for the core; a
//! third only where a wake meets a core that changes hands. One or two tasks: the
//! queues are first in, first out, and locked. No sources, no timers: how the
//! driver finds those is modelled beside it. Preemptions are bounded by three, by two
//! where there are three threads: to sleep in the driver takes the sleeper some
//! four steps that a wake can fall between, in each of which it does so once.
//!
//! A lost wake-up is a deadlock. A root that is polled without having been woken
//! fails on its count of polls. A task that is never freed shows as a
//! reference of the scheduler.

use super::*;
use crate::blocking::{Pool, PoolConfig};
use crate::coop::yield_current;
use crate::driver;
use crate::driver::clock::Clock;
use crate::primitive::atomic::{AtomicBool, AtomicUsize};
use crate::primitive::{Arc as LoomArc, model_time};
use crate::rng::SeedSource;
use crate::scheduler::services::{Enabled, Hooks};
use crate::task::loom_tests::Drops;
use loom::thread;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

fn model(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    // A turn of the driver, asleep or not, is some thirty of them.
    builder.max_branches = builder.max_branches.max(10_000);
    builder.check(f);
}

fn scheduler() -> Arc<Shared> {
    scheduler_with(Hooks::default())
}

fn scheduler_with(hooks: Hooks) -> Arc<Shared> {
    model_time::restart();
    let clock = LoomArc::new(Clock::new(false));
    let (driver, handle) = driver::new(1, 1, clock).expect("a model's selector");
    let blocking = Pool::new(&PoolConfig {
        max_threads: 1,
        keep_alive: Duration::MAX,
        thread_name: Arc::new(|| "unused".to_owned()),
        stack_size: None,
        wrap: Arc::new(|life: &mut dyn FnMut()| life()),
        has_start_hook: false,
    });
    let services = Services {
        driver: handle,
        enabled: Enabled {
            io: false,
            time: false,
        },
        blocking,
        hooks,
        seeds: SeedSource::with_seed(0),
    };
    Arc::new(Shared::new(driver, services, Pacing::default()))
}

#[track_caller]
fn spawn<F>(shared: &Arc<Shared>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    shared.spawn(future, Id::next(), Location::caller())
}

/// Shuts down, and finds that nothing is left.
fn end(shared: Arc<Shared>) {
    shared.shutdown();
    assert_eq!(shared.alive_tasks(), 0);
    assert_eq!(Arc::strong_count(&shared), 1, "a task or a waker is left");
}

/// Something to wait for, and who is to be woken once it has happened. Its lock is
/// std's: it gives the waker to who fires it, and orders nothing in return. Loom
/// tries who comes to it first.
#[derive(Clone)]
struct Event {
    order: LoomArc<AtomicUsize>,
    state: Arc<std::sync::Mutex<(bool, Option<Waker>)>>,
}

impl Event {
    fn new() -> Self {
        Self {
            order: LoomArc::new(AtomicUsize::new(0)),
            state: Arc::default(),
        }
    }

    fn fire(&self) {
        self.order.fetch_add(1, Acquire);
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        self.order.fetch_add(1, Release);
        let (happened, unused) = {
            let mut state = self.state.lock().unwrap();
            match state.0 {
                true => (true, Some(waker)),
                false => (false, state.1.replace(waker)),
            }
        };
        drop(unused);
        if happened {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    async fn wait(self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    async fn fired(self) {
        self.fire();
    }
}

#[test]
fn loom_root_woken_while_it_parks() {
    model(3, || {
        let shared = scheduler();
        let happened = LoomArc::new(AtomicBool::new(false));
        let mut waking = None;
        shared.block_on(poll_fn(|cx| {
            if waking.is_none() {
                let (waker, happened) = (cx.waker().clone(), happened.clone());
                waking = Some(thread::spawn(move || {
                    happened.store(true, Relaxed);
                    waker.wake();
                }));
                return Poll::Pending;
            }
            assert!(happened.load(Relaxed), "polled, but not for the wake");
            Poll::Ready(())
        }));
        waking.unwrap().join().unwrap();
        end(shared);
    });
}

/// A wake for each of two threads: no poll more than that, and none is lost.
#[test]
fn loom_root_woken_by_two_threads_while_it_parks() {
    model(2, || {
        let shared = scheduler();
        let events = [Event::new(), Event::new()];
        let mut threads = Vec::new();
        let mut polls = 0;
        shared.block_on(poll_fn(|cx| {
            polls += 1;
            let polled = events.each_ref().map(|event| event.poll(cx));
            if threads.is_empty() {
                threads.extend(
                    events
                        .clone()
                        .map(|event| thread::spawn(move || event.fire())),
                );
            }
            match polled {
                [Poll::Ready(()), Poll::Ready(())] => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        assert!((2..=3).contains(&polls), "{polls} polls for two wakes");
        for thread in threads {
            thread.join().unwrap();
        }
        end(shared);
    });
}

#[test]
fn loom_foreign_spawn_against_park() {
    model(3, || {
        let shared = scheduler();
        let event = Event::new();
        let mut polls = 0;
        let mut spawning = None;
        let mut waits = pin!(event.clone().wait());
        shared.block_on(poll_fn(|cx| {
            polls += 1;
            let polled = waits.as_mut().poll(cx);
            spawning.get_or_insert_with(|| {
                let (shared, event) = (shared.clone(), event.clone());
                thread::spawn(move || drop(spawn(&shared, async move { event.fire() })))
            });
            polled
        }));
        assert_eq!(polls, 2);
        spawning.unwrap().join().unwrap();
        end(shared);
    });
}

#[test]
fn loom_foreign_wake_of_a_task_against_park() {
    model(3, || {
        let shared = scheduler();
        let event = Event::new();
        let mut waking = None;
        let task = spawn(&shared, {
            let event = event.clone();
            poll_fn(move |cx| {
                let polled = event.poll(cx);
                waking.get_or_insert_with(|| {
                    let event = event.clone();
                    thread::spawn(move || event.fire())
                });
                polled.map(|()| waking.take().unwrap())
            })
        });
        let waking = shared.block_on(task).expect("no panic, no abort");
        waking.join().unwrap();
        end(shared);
    });
}

/// The first caller leaves with its output while the second comes for the core,
/// which alone can run the task that it waits for.
#[test]
fn loom_core_handed_to_the_next_caller() {
    model(3, || {
        let shared = scheduler();
        let task = spawn(&shared, async { 42 });
        let first = thread::spawn({
            let shared = shared.clone();
            move || shared.block_on(async {})
        });
        assert_eq!(shared.block_on(task).expect("no panic, no abort"), 42);
        first.join().unwrap();
        end(shared);
    });
}

#[test]
fn loom_core_handed_on_by_a_panic() {
    model(3, || {
        let shared = scheduler();
        let task = spawn(&shared, async { 42 });
        let first = thread::spawn({
            let shared = shared.clone();
            move || {
                let panicking = async { resume_unwind(Box::new("expected")) };
                let outcome: Result<(), _> =
                    catch_unwind(AssertUnwindSafe(|| shared.block_on(panicking)));
                assert!(outcome.is_err(), "the root panics");
            }
        });
        assert_eq!(shared.block_on(task).expect("no panic, no abort"), 42);
        first.join().unwrap();
        end(shared);
    });
}

/// Whoever has not got the core sleeps until its own root is woken, by a task that
/// the other runs; whoever has got it, in the driver.
#[test]
fn loom_two_callers_wake_one_another() {
    model(3, || {
        let shared = scheduler();
        let (first, second) = (Event::new(), Event::new());
        drop(spawn(&shared, first.clone().fired()));
        let other = thread::spawn({
            let (shared, second) = (shared.clone(), second.clone());
            move || shared.block_on(second.wait())
        });
        shared.block_on(first.wait());
        second.fire();
        other.join().unwrap();
        end(shared);
    });
}

/// A root that waits for the core is woken just as it gets it: by the one way or
/// the other, it is polled.
#[test]
fn loom_root_woken_as_it_gets_the_core() {
    model(2, || {
        let shared = scheduler();
        let event = Event::new();
        let leaving = thread::spawn({
            let shared = shared.clone();
            move || shared.block_on(async {})
        });
        let mut waking = None;
        shared.block_on(poll_fn(|cx| {
            let polled = event.poll(cx);
            waking.get_or_insert_with(|| {
                let event = event.clone();
                thread::spawn(move || event.fire())
            });
            polled
        }));
        leaving.join().unwrap();
        waking.unwrap().join().unwrap();
        end(shared);
    });
}

#[test]
fn loom_foreign_spawn_against_shutdown() {
    model(3, || {
        let shared = scheduler();
        let drops = Drops::default();
        let captured = drops.value();
        let spawning = thread::spawn({
            let shared = shared.clone();
            move || {
                spawn(&shared, async move {
                    let _captured = captured;
                    pending::<()>().await;
                })
            }
        });
        shared.shutdown();
        let handle = spawning.join().unwrap();
        assert_eq!((drops.count(), shared.alive_tasks()), (1, 0));
        assert!(handle.is_finished());
        drop(handle);
        assert_eq!(Arc::strong_count(&shared), 1, "the task is left");
    });
}

#[test]
fn loom_foreign_wake_against_shutdown() {
    model(3, || {
        let shared = scheduler();
        let drops = Drops::default();
        let (captured, event) = (drops.value(), Event::new());
        let handle = spawn(&shared, {
            let event = event.clone();
            async move {
                let _captured = captured;
                event.wait().await;
                pending::<()>().await;
            }
        });
        // Until the task waits.
        let mut polls = 0;
        shared.block_on(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        let waking = thread::spawn(move || event.fire());
        shared.shutdown();
        waking.join().unwrap();
        assert_eq!((drops.count(), shared.alive_tasks()), (1, 0));
        assert!(handle.is_finished());
        drop(handle);
        assert_eq!(Arc::strong_count(&shared), 1, "the task is left");
    });
}

/// A task that yields, and one that is ready beside it; others come from outside.
#[test]
fn loom_yield_turns_the_driver_once() {
    model(3, || {
        let shared = scheduler();
        let mut turns = Vec::new();
        let yields = spawn(&shared, {
            let shared = shared.clone();
            poll_fn(move |cx| {
                turns.push(shared.services.driver.turns());
                if turns.len() == 3 {
                    return Poll::Ready(std::mem::take(&mut turns));
                }
                assert!(yield_current(cx));
                Poll::Pending
            })
        });
        drop(spawn(&shared, async {}));
        let spawning = thread::spawn({
            let shared = shared.clone();
            move || drop(spawn(&shared, async {}))
        });
        let turns = shared.block_on(yields).expect("no panic, no abort");
        assert!(
            turns.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "not one turn between two polls: {turns:?}"
        );
        spawning.join().unwrap();
        end(shared);
    });
}

/// A root that wakes itself, and so yields: the driver is turned once each time.
#[test]
fn loom_root_yield_turns_the_driver_once() {
    model(3, || {
        let shared = scheduler();
        let mut turns = Vec::new();
        shared.block_on(poll_fn(|cx| {
            turns.push(shared.services.driver.turns());
            if turns.len() == 3 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        assert!(
            turns.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "not one turn between two polls: {turns:?}"
        );
        end(shared);
    });
}

/// The hook before a park wakes the root, on the thread that is about to sleep.
#[test]
fn loom_root_woken_by_the_park_hook() {
    model(3, || {
        let event = Event::new();
        let hook = event.clone();
        let shared = scheduler_with(Hooks {
            before_park: Some(Arc::new(move || hook.fire())),
            after_unpark: None,
        });
        shared.block_on(event.wait());
        end(shared);
    });
}
