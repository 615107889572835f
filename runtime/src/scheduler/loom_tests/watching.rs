//! The watcher: who looks after workers that are stuck.

use super::super::idle::{Idle, Parked};
use super::super::parker::Parker;
use super::super::shared::Shared;
use super::super::worker::{Turned, Worker};
use super::{Gate, Scheduler, block_on, model_bounded, root, spawn, spawn_behind};
use crate::driver::timers::Timer;
use crate::primitive::{Arc, model_time, now};
use filch_timer::Tick;
use std::future::poll_fn;
use std::sync::{Arc as StdArc, Mutex as StdMutex};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

/// The watcher goes to rest while the only awake worker parks and wakes: `look_at` as
/// its limit is as good as none, for it would be far too late.
fn rest_against_parking_and_waking(look_at: Option<Duration>) {
    model_bounded(3, move || {
        let idle = Arc::new(Idle::new(2, 2));
        let parker = Arc::new(Parker::new());
        assert_eq!(idle.transition_to_parked(1, false), Parked::Quietly);
        let watcher = {
            let (idle, parker) = (idle.clone(), parker.clone());
            loom::thread::spawn(move || {
                assert!(idle.try_watch(1, true));
                if idle.try_rest(1, look_at.map(|after| now() + after)) {
                    // Somebody has to rouse it.
                    parker.park(None);
                }
            })
        };
        let _ = idle.transition_to_parked(0, false);
        let wake = idle
            .transition_from_parked(0, false)
            .expect("nobody else wakes worker 0");
        if let Some(worker) = wake.watcher {
            assert_eq!(worker, 1);
            parker.unpark(|| unreachable!());
        }
        watcher.join().unwrap();
    });
}

/// Nobody waits for a deadline: it rests without a limit.
#[test]
fn loom_watcher_rests_only_while_nobody_is_awake() {
    rest_against_parking_and_waking(None);
}

/// It rests until after a deadline, long before which there is an event.
#[test]
fn loom_watcher_is_roused_long_before_a_deadline() {
    rest_against_parking_and_waking(Some(Duration::from_micros(101)));
}

/// A worker pushes to its own queue, which wakes nobody, and is stuck: the other
/// one, anywhere on its way to sleep, finds the task at a look, though there is no
/// processor left for it, for all it knows.
#[test]
fn loom_look_finds_a_task_in_a_queue() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::on_processors(1, 2);
        scheduler.start(1);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let opened = gate.clone();
            drop(spawn_behind(shared, async move { opened.open() }));
            gate.pass();
        });
        scheduler.end_unexplored();
    });
}

/// The same with a task in the LIFO slot.
#[test]
fn loom_look_finds_a_task_in_a_lifo_slot() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let opened = gate.clone();
            drop(spawn(shared, async move { opened.open() }));
            gate.pass();
        });
        scheduler.end_unexplored();
    });
}

/// A push from outside while a worker is stuck, which wakes nobody: the watcher
/// looks into the injector.
#[test]
fn loom_look_finds_a_task_in_the_injector() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        let gate = Gate::new();
        let opened = gate.clone();
        // Pushed by a thread of the model's that is no worker.
        drop(scheduler.spawn(async move { opened.open() }));
        scheduler.stuck(0, |_| gate.pass());
        scheduler.end_unexplored();
    });
}

/// A deadline passes while one worker is stuck and the other one, which has run a
/// task of its own, sleeps beside the driver: at a look it finds that nobody turns
/// that, and takes it over.
#[test]
fn loom_look_takes_over_an_unturned_driver() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        block_on(scheduler.spawn(async {}));
        scheduler.stuck(0, |shared| {
            let timers = shared.services.driver.timers().shard(0);
            let deadline = Tick::from_duration(Duration::from_millis(1));
            let mut timer = Timer::new(timers, Some(Duration::from_millis(1)));
            root::block_on(poll_fn(move |cx| {
                timer
                    .poll(deadline, cx.waker())
                    .expect("nobody shuts the timers down")
            }));
        });
        scheduler.end_unexplored();
    });
}

/// A timer that nobody waits for, so long after the start.
fn registered(shared: &Shared, deadline: Duration) -> Timer {
    let timers = shared.services.driver.timers().shard(0);
    let mut timer = Timer::new(timers, Some(deadline));
    let polled = timer.poll(Tick::from_duration(deadline), Waker::noop());
    assert_eq!(polled, Ok(Poll::Pending));
    timer
}

/// A worker whose last turn left events behind goes to sleep while another one is
/// awake, and may be stuck: it sleeps in the driver, which has the rest.
#[test]
fn loom_events_left_behind_are_gone_on_with() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        let mut core = scheduler.take_core(1);
        core.leaves_events = true;
        let shared = &scheduler.shared;
        shared.remotes[1].counters.polls.add(1);
        // Something to end the sleep at a look.
        drop(scheduler.spawn(async {}));
        let core = Worker::new(shared, 1).sleep(core);
        assert!(matches!(core.turned, Turned::InSleep), "it slept elsewhere");
        assert!(!core.leaves_events, "there are none");
        scheduler.cores[1] = Some(core);
        scheduler.end_unexplored();
    });
}

/// A look finds a task while one worker is stuck and nobody turns the driver: the
/// watcher turns it before it leaves for the task, for there may be one at every look.
#[test]
fn loom_look_that_finds_a_task_turns_the_driver_first() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        let core = scheduler.take_core(1);
        let shared = scheduler.shared.clone();
        // It has run a task since its last sleep: it leaves the driver to those awake.
        shared.remotes[1].counters.polls.add(1);
        let deadline = Duration::from_micros(1);
        let timer = registered(&shared, deadline);
        // Worker 0 counts as awake: nobody is woken for it.
        drop(scheduler.spawn(async {}));
        let core = Worker::new(&shared, 1).sleep(core);
        assert!(
            timer.has_elapsed(Tick::from_duration(deadline)),
            "nobody has fired it"
        );
        assert_eq!(shared.injector_depth(), 1);
        drop((timer, shared));
        scheduler.cores[1] = Some(core);
        scheduler.end_unexplored();
    });
}

/// A timer of somebody else's, which is made anew whenever it fires: the driver's sleeper
/// wakes for it and has nothing to do.
struct Recurring {
    shared: StdArc<Shared>,
    timer: StdMutex<Option<Timer>>,
}

impl Recurring {
    const PERIOD: Duration = Duration::from_micros(60);
}

impl Wake for Recurring {
    fn wake(self: StdArc<Self>) {
        let driver = &self.shared.services.driver;
        let deadline = driver.clock().now().as_duration() + Recurring::PERIOD;
        let mut timer = Timer::new(driver.timers().shard(0), Some(Recurring::PERIOD));
        let polled = timer.poll(
            Tick::from_duration(deadline),
            &Waker::from(StdArc::clone(&self)),
        );
        *self.timer.lock().unwrap() = polled.is_ok().then_some(timer);
    }
}

/// A worker is stuck, and the watcher sleeps in the driver, where something happens more
/// often than a look is due, which gives it no task: it looks all the same, and finds the
/// one in the injector.
#[test]
fn loom_look_comes_whatever_happens_in_the_driver() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        let mut core = scheduler.take_core(1);
        let shared = &scheduler.shared;
        core.watch.take_driver = true;
        let recurring = StdArc::new(Recurring {
            shared: shared.clone(),
            timer: StdMutex::new(None),
        });
        StdArc::clone(&recurring).wake();
        // Worker 0 counts as awake: nobody is woken for it.
        drop(scheduler.spawn(async {}));
        let core = Worker::new(shared, 1).sleep(core);
        assert_eq!(shared.injector_depth(), 1);
        drop(recurring.timer.lock().unwrap().take());
        scheduler.cores[1] = Some(core);
        drop(recurring);
        scheduler.end_unexplored();
    });
}

/// A sleeper turns the driver, which makes a task ready for it, and is held up: at a look
/// the other one sees the task in the queue of a worker that sleeps, and takes it.
#[test]
fn loom_look_finds_a_task_of_a_sleeper() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        let core = scheduler.take_core(1);
        scheduler.stuck(0, |shared| {
            let _ = shared.idle.transition_to_parked(0, false);
            drop(spawn_behind(shared, async {}));
        });
        let shared = &scheduler.shared;
        let worker = Worker::new(shared, 1);
        let mut core = worker.sleep(core);
        let found = worker.search(&mut core);
        let found = found.expect("the search has passed it over");
        core.queue.push(found);
        let wake = shared.idle.transition_from_parked(0, false);
        shared.unpark(wake.expect("nobody else wakes worker 0"));
        scheduler.cores[1] = Some(core);
        scheduler.end_unexplored();
    });
}

/// All workers are awake, and one of them is stuck with a task in its queue and one in its
/// LIFO slot: the other one, which has tasks of its own, takes both over. It looks again
/// while somebody takes from its own queue.
#[test]
fn loom_busy_worker_relieves_one_that_is_stuck() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(2);
        let mut core = scheduler.take_core(1);
        let shared = scheduler.shared.clone();
        let (worker, stuck) = (Worker::new(&shared, 1), &shared.remotes[0].counters);
        scheduler.stuck(0, |shared| {
            drop(spawn_behind(shared, async {}));
            drop(spawn(shared, async {}));
        });
        stuck.polls.add(1);
        let mut maintain_later = |core| {
            model_time::pass(Duration::from_millis(1));
            worker.maintain(core)
        };
        core = maintain_later(core);
        assert!(core.queue.is_empty(), "that poll may be short");
        core = maintain_later(core);
        assert_eq!(core.queue.len(), 2);
        // Somebody else takes from its queue meanwhile.
        let thief = loom::thread::spawn({
            let shared = shared.clone();
            move || drop(shared.remotes[1].stealer.steal())
        });
        core = maintain_later(core);
        thief.join().unwrap();
        assert_eq!(core.queue.len(), 1);
        assert_eq!(shared.remotes[1].counters.steals.get(), 2);
        drop(shared);
        scheduler.cores[1] = Some(core);
        scheduler.end_unexplored();
    });
}

/// A worker gets on with its tasks, but those that wait will take it long: whoever
/// looks goes and takes some of them.
#[test]
fn loom_look_finds_a_long_backlog() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(2);
        let mut core = scheduler.take_core(1);
        let shared = scheduler.shared.clone();
        let _ = shared.idle.transition_to_parked(1, false);
        let (worker, busy) = (Worker::new(&shared, 1), &shared.remotes[0].counters);
        worker.start_watch(&mut core);
        scheduler.stuck(0, |shared| {
            drop(spawn_behind(shared, async {}));
            drop(spawn_behind(shared, async {}));
        });
        busy.polls.add(3);
        assert!(!worker.look(&mut core), "66 µs are not long");
        busy.polls.add(2);
        assert!(worker.look(&mut core), "100 µs are");
        let wake = shared.idle.transition_from_parked(1, false);
        shared.unpark(wake.expect("nobody else wakes worker 1"));
        drop(shared);
        scheduler.cores[1] = Some(core);
        scheduler.end_unexplored();
    });
}

/// A worker wakes for a few polls at a time and sleeps again, without maintenance: it
/// does not turn the driver, and keeps the watcher from it no longer than one that is
/// stuck. One that paces the turns does.
#[test]
fn loom_only_maintenance_keeps_the_watcher_from_the_driver() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(3);
        let mut core = scheduler.take_core(2);
        let shared = &scheduler.shared;
        let _ = shared.idle.transition_to_parked(2, false);
        let (worker, busy) = (Worker::new(shared, 2), &shared.remotes[1].counters);
        worker.start_watch(&mut core);
        busy.polls.add(2);
        assert!(!worker.look(&mut core));
        assert!(core.watch.take_driver, "nobody has seen to it");
        busy.polls.add(2);
        busy.maintenances.add(1);
        assert!(!worker.look(&mut core));
        assert!(!core.watch.take_driver, "its turns are paced");
        let wake = shared.idle.transition_from_parked(2, false);
        shared.unpark(wake.expect("nobody else wakes worker 2"));
        scheduler.cores[2] = Some(core);
        scheduler.end_unexplored();
    });
}

/// A worker sleeps and wakes on its own account, and gets stuck with a task behind
/// it, while the other one goes to rest because nobody is awake: that one was
/// roused, and finds the task.
#[test]
fn loom_watcher_is_roused_from_its_rest() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let _ = shared.idle.transition_to_parked(0, false);
            let wake = shared.idle.transition_from_parked(0, false);
            shared.unpark(wake.expect("there is nothing to wake worker 0 for"));
            let opened = gate.clone();
            drop(spawn(shared, async move { opened.open() }));
            gate.pass();
        });
        scheduler.end_unexplored();
    });
}

/// A worker sleeps in the driver until a deadline, wakes and gets stuck with a task
/// behind it, while the other one goes to rest: that one has set itself a limit for
/// the deadline, and finds the task though nobody rouses it.
#[test]
fn loom_watcher_at_rest_looks_after_the_deadline() {
    model_bounded(3, || {
        model_time::let_waits_expire(true);
        let mut scheduler = Scheduler::new(2);
        let shared = scheduler.shared.clone();
        let deadline = Duration::from_millis(1);
        let timer = registered(&shared, deadline);
        let gate = Gate::new();
        let in_driver = shared.driver.lock();
        scheduler.start(1);
        scheduler.stuck(0, |shared| {
            let _ = shared.idle.transition_to_parked(0, false);
            // The other one, which has waited for a look, may go to rest.
            loom::thread::yield_now();
            // Deadlines are rounded up.
            model_time::pass(deadline + Duration::from_micros(10));
            let wake = shared.idle.transition_from_parked(0, false);
            shared.unpark(wake.expect("there is nothing to wake worker 0 for"));
            let opened = gate.clone();
            drop(spawn(shared, async move { opened.open() }));
            gate.pass();
        });
        drop((in_driver, timer));
        drop(shared);
        scheduler.end_unexplored();
    });
}
