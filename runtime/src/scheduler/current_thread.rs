//! The scheduler of a current-thread runtime.
//!
//! One core, run by whichever thread is in `block_on`; a second thread in
//! `block_on` waits until the core is free or its own future is done. Wakes on
//! the running thread go to the core's queue, others to the injector, with an
//! unpark of the driver, in which the running thread sleeps.
//!
//! Invariants:
//! - **C1** The core is in `Shared::core` or in the hands of the one thread
//!   that runs it; its queue then lies in that thread's `RUNNING`.
//! - **C2** A push to the injector is followed by an unpark, and the runner
//!   looks into the injector after each park: no wake-up is lost.
//! - **C3** Once `closed` is set under the injector's lock, nothing is pushed.
//! - **C4** A root's waker sets `woken` before it reads `runs`, and its thread
//!   sets `runs` before it swaps `woken`: either the thread sees the wake-up
//!   before it sleeps in the driver, or the waker unparks the driver.

use super::metrics::{self, Counters};
use super::services::Services;
use super::worker::Pacing;
use crate::driver::{Driver, Limit, PreciseSleeps};
use crate::task::{Again, Id, JoinHandle, Notified, OwnedTasks, Schedule, Task, create};
use parking_lot::{Condvar, Mutex};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::task::{Context, Poll, Wake, Waker};

/// Polls between two turns of the driver, as tokio's event interval.
const POLLS_PER_TURN: u32 = 61;

/// The injector is looked into at least once in so many polls.
const POLLS_PER_INJECTOR_LOOK: u32 = 31;

type Ready = Notified<Arc<Shared>>;

/// One current-thread scheduler.
pub(crate) struct Shared {
    injector: Mutex<InjectorQueue>,
    core: Mutex<Option<Core>>,
    core_free: Condvar,
    owned: OwnedTasks<Arc<Shared>>,
    polls_per_turn: u32,
    polls_per_injector_look: u32,
    pub(crate) counters: Counters,
    pub(crate) services: Services,
}

struct InjectorQueue {
    tasks: VecDeque<Ready>,
    closed: bool,
}

/// What the running thread owns.
struct Core {
    queue: VecDeque<Ready>,
    driver: Box<Driver>,
}

/// What the running thread shares with the wakers called on it.
struct Running {
    /// Whose tasks run here. Compared, never dereferenced.
    shared: Cell<*const Shared>,
    queue: RefCell<VecDeque<Ready>>,
    /// Tasks to run before one that yielded runs again; the driver is turned
    /// when they have been.
    ahead_of_yielded: Cell<Option<usize>>,
}

thread_local! {
    static RUNNING: Running = const {
        Running {
            shared: Cell::new(ptr::null()),
            queue: RefCell::new(VecDeque::new()),
            ahead_of_yielded: Cell::new(None),
        }
    };
}

impl Running {
    fn pop(&self) -> Option<Ready> {
        let ahead = self.ahead_of_yielded.get();
        self.ahead_of_yielded
            .set(ahead.map(|ahead| ahead.saturating_sub(1)));
        self.queue.borrow_mut().pop_front()
    }
}

impl Shared {
    pub(crate) fn new(driver: Driver, services: Services, pacing: Pacing) -> Self {
        let core = Core {
            queue: VecDeque::new(),
            driver: Box::new(driver),
        };
        Self {
            injector: Mutex::new(InjectorQueue {
                tasks: VecDeque::new(),
                closed: false,
            }),
            core: Mutex::new(Some(core)),
            core_free: Condvar::new(),
            owned: OwnedTasks::new(1),
            counters: Counters::default(),
            polls_per_turn: pacing.event_interval.unwrap_or(POLLS_PER_TURN),
            polls_per_injector_look: pacing.injector_interval.unwrap_or(POLLS_PER_INJECTOR_LOOK),
            services,
        }
    }

    /// Spawns `future`; its handle resolves as cancelled after shutdown.
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        future: F,
        id: Id,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (handle, ready) = create(future, Arc::clone(self), id, location);
        if self.runs_here() {
            self.counters.spawned.add(1);
        } else {
            // ORDERING: Relaxed: the end of the task publishes it.
            self.services.outside.spawned.fetch_add(1, Relaxed);
        }
        self.schedule(ready);
        handle
    }

    /// Runs `future` on this thread, and the scheduler's tasks with it while
    /// no other thread does.
    pub(crate) fn block_on<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let mut root = std::pin::pin!(future);
        let state = Arc::new(RootWaker {
            woken: AtomicBool::new(true),
            runs: AtomicBool::new(false),
            shared: Arc::clone(self),
        });
        let waker = Waker::from(Arc::clone(&state));
        loop {
            let core = self.core.lock().take();
            if let Some(core) = core {
                // ORDERING: Relaxed; the swap of `woken` releases it (C4).
                state.runs.store(true, Relaxed);
                return Runner::new(self, core).run(root, &state, &waker);
            }
            // Another thread runs the tasks: only the root is ours.
            if let Poll::Ready(output) = state.poll(root.as_mut(), &waker) {
                return output;
            }
            let mut core = self.core.lock();
            // ORDERING: Acquire pairs with the swap in `wake_by_ref`.
            while core.is_none() && !state.woken.load(Acquire) {
                self.core_free.wait(&mut core);
            }
        }
    }

    /// Tasks that have not ended yet.
    pub(crate) fn alive_tasks(&self) -> usize {
        metrics::alive_tasks(std::iter::once(&self.counters), &self.services.outside)
    }

    /// Tasks that wait in the injector.
    pub(crate) fn injector_depth(&self) -> usize {
        self.injector.lock().tasks.len()
    }

    /// Drops every task inside the runtime's context, which the caller has
    /// entered, and shuts the driver down.
    pub(crate) fn shutdown(self: &Arc<Self>) {
        let core = self.core.lock().take();
        let Some(mut core) = core else {
            // `block_on` borrows the runtime, so its owner cannot be here, and
            // a panic out of it puts the core back.
            unreachable!("a runtime is shut down while `block_on` runs it");
        };
        self.owned.close_and_shutdown_all(0);
        let injected = {
            let mut injector = self.injector.lock();
            injector.closed = true;
            std::mem::take(&mut injector.tasks)
        };
        drop(injected);
        drop(std::mem::take(&mut core.queue));
        core.driver.shutdown(&self.services.driver);
    }

    fn inject(&self, task: Ready) {
        // ORDERING: Relaxed: a metric.
        self.services.outside.schedules.fetch_add(1, Relaxed);
        let mut injector = self.injector.lock();
        if injector.closed {
            drop(injector);
            return drop(task);
        }
        injector.tasks.push_back(task);
        drop(injector);
        self.services.driver.unpark();
    }

    fn pop_injector(&self) -> Option<Ready> {
        self.injector.lock().tasks.pop_front()
    }

    /// Whether this thread runs this scheduler's tasks.
    fn runs_here(&self) -> bool {
        RUNNING
            .try_with(|running| ptr::eq(running.shared.get(), self))
            .unwrap_or(false)
    }
}

impl Schedule for Arc<Shared> {
    fn schedule(&self, task: Ready) {
        if self.runs_here() {
            self.counters.local_schedules.add(1);
            RUNNING.with(|running| running.queue.borrow_mut().push_back(task));
        } else {
            self.inject(task);
        }
    }

    fn reschedule(&self, task: Ready, again: Again) {
        if again == Again::Yielded && self.runs_here() {
            RUNNING.with(|running| {
                if running.ahead_of_yielded.get().is_none() {
                    running
                        .ahead_of_yielded
                        .set(Some(running.queue.borrow().len()));
                }
            });
        }
        self.schedule(task);
    }

    fn keep(&self, task: Task<Self>) -> Result<(), Task<Self>> {
        self.owned.add(task, 0)
    }

    fn release(&self, task: &Task<Self>) -> Option<Task<Self>> {
        if self.runs_here() {
            self.counters.ended.add(1);
        } else {
            // ORDERING: Release, partner: `metrics::alive_tasks`.
            self.services.outside.ended.fetch_add(1, Release);
        }
        self.owned.remove(task)
    }
}

/// The waker of a root future.
struct RootWaker {
    woken: AtomicBool,
    /// The root's thread runs the tasks, so it sleeps in the driver.
    runs: AtomicBool,
    shared: Arc<Shared>,
}

impl RootWaker {
    /// Polls the root if it was woken.
    fn poll<F: Future>(&self, root: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        // ORDERING: AcqRel, partner of the swap in `wake_by_ref` (C4).
        if !self.woken.swap(false, AcqRel) {
            return Poll::Pending;
        }
        crate::coop::with_budget(|| root.poll(&mut Context::from_waker(waker)))
    }
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: AcqRel: releases what the waker wrote; acquires `runs` (C4).
        if self.woken.swap(true, AcqRel) {
            return;
        }
        // ORDERING: Relaxed; the swap above acquired it.
        if !self.runs.load(Relaxed) {
            drop(self.shared.core.lock());
            self.shared.core_free.notify_all();
        } else if !self.shared.runs_here() {
            self.shared.services.driver.unpark();
        }
    }
}

/// Runs the core; puts it back when done, or when unwinding.
struct Runner<'a> {
    shared: &'a Arc<Shared>,
    driver: Option<Box<Driver>>,
    /// From the first sleep on: the thread is the caller's, not ours.
    precise: Option<PreciseSleeps>,
    /// What ran on this thread before: another runtime, blocked in place.
    outer: *const Shared,
    outer_queue: VecDeque<Ready>,
}

impl<'a> Runner<'a> {
    fn new(shared: &'a Arc<Shared>, core: Core) -> Self {
        RUNNING.with(|running| Self {
            shared,
            driver: Some(core.driver),
            precise: None,
            outer: running.shared.replace(&**shared),
            outer_queue: running.queue.replace(core.queue),
        })
    }

    fn run<F: Future>(
        &mut self,
        mut root: Pin<&mut F>,
        state: &RootWaker,
        waker: &Waker,
    ) -> F::Output {
        loop {
            if let Poll::Ready(output) = state.poll(root.as_mut(), waker) {
                return output;
            }
            let dry = self.run_tasks();
            // ORDERING: Relaxed: only whether to sleep; the next poll swaps it.
            self.turn(dry && !state.woken.load(Relaxed));
        }
    }

    /// Polls a bounded number of tasks; true if none is left.
    ///
    /// A task that yielded is polled again only after the driver was turned.
    fn run_tasks(&self) -> bool {
        RUNNING.with(|running| running.ahead_of_yielded.set(None));
        for count in 0..self.shared.polls_per_turn {
            if RUNNING.with(|running| running.ahead_of_yielded.get()) == Some(0) {
                return false;
            }
            let Some(task) = self.next_task(count) else {
                return true;
            };
            self.shared.counters.polls.add(1);
            task.run_on(self.shared);
        }
        false
    }

    fn next_task(&self, count: u32) -> Option<Ready> {
        let pop_local = || RUNNING.with(Running::pop);
        if count.is_multiple_of(self.shared.polls_per_injector_look) {
            self.shared.pop_injector().or_else(pop_local)
        } else {
            pop_local().or_else(|| self.shared.pop_injector())
        }
    }

    /// Turns the driver; sleeps in it if there is nothing to run.
    fn turn(&mut self, sleep: bool) {
        let services = &self.shared.services;
        self.shared
            .counters
            .forced_yields
            .add(crate::coop::take_forced_yields());
        let driver = self
            .driver
            .as_mut()
            .expect("the runner holds the driver until it is dropped");
        if !sleep {
            return driver.poll(&services.driver);
        }
        if let Some(before_park) = &services.hooks.before_park {
            before_park();
        }
        // The hook may have made work on this thread.
        if RUNNING.with(|running| running.queue.borrow().is_empty()) {
            self.shared.counters.parks.add(1);
            self.precise
                .get_or_insert_with(PreciseSleeps::on_this_thread);
            driver.park(&services.driver, Limit::Unlimited);
        }
        if let Some(after_unpark) = &services.hooks.after_unpark {
            after_unpark();
        }
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        let outer_queue = std::mem::take(&mut self.outer_queue);
        let queue = RUNNING.with(|running| {
            running.shared.set(self.outer);
            running.queue.replace(outer_queue)
        });
        if let Some(driver) = self.driver.take() {
            *self.shared.core.lock() = Some(Core { queue, driver });
            // Whoever waits for the core, one of them takes it.
            self.shared.core_free.notify_all();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("alive_tasks", &self.alive_tasks())
            .finish_non_exhaustive()
    }
}
