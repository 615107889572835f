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

mod root;
mod runner;

use self::root::RootWaker;
use self::runner::Runner;
use super::metrics::{self, Counters, Outside};
use super::services::Services;
use super::worker::Pacing;
use crate::driver::Driver;
use crate::primitive::atomic::Ordering::*;
use crate::primitive::{Condvar, Mutex, const_thread_local, with_local};
use crate::task::{Again, Id, JoinHandle, Notified, OwnedTasks, Schedule, Task, create};
use crate::unwind::Panics;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
// Not `primitive`'s: the receiver of a method, and of a waker.
use std::sync::Arc;
use std::task::{Poll, Waker};

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
    pub(crate) outside: Outside,
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
    /// The same, for wakers that have no handle.
    owner: RefCell<Option<Arc<Shared>>>,
    queue: RefCell<VecDeque<Ready>>,
    /// Tasks to run before one that yielded runs again; the driver is turned
    /// when they have been.
    ahead_of_yielded: Cell<Option<usize>>,
}

const_thread_local! {
    /// Without a destructor, so that it can be used until the thread's end, when it is
    /// empty. And `process::exit`, which runs a thread's destructors in the midst of a poll,
    /// drops none of the futures in the queue.
    static RUNNING: ManuallyDrop<Running> = ManuallyDrop::new(Running {
        shared: Cell::new(ptr::null()),
        owner: RefCell::new(None),
        queue: RefCell::new(VecDeque::new()),
        ahead_of_yielded: Cell::new(None),
    });
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
            outside: Outside::default(),
            polls_per_turn: pacing.event_interval.unwrap_or(POLLS_PER_TURN),
            polls_per_injector_look: pacing.injector_interval.unwrap_or(POLLS_PER_INJECTOR_LOOK),
            services,
        }
    }

    /// Spawns `future`; its handle resolves as cancelled after shutdown.
    #[inline]
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
        let (handle, new) = create(future, Arc::clone(self), id, location);
        self.start(new);
        handle
    }

    /// Hands a new task over to who runs it. Not compiled for each type of future.
    #[inline(never)]
    fn start(self: &Arc<Self>, new: Ready) {
        if self.runs_here() {
            self.counters.spawned.add(1);
            self.schedule(new);
        } else {
            // ORDERING: Relaxed: the end of the task publishes it.
            self.outside.spawned.fetch_add(1, Relaxed);
            self.inject(new);
        }
    }

    /// Runs `future` on this thread, and the scheduler's tasks with it while
    /// no other thread does.
    pub(crate) fn block_on<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let mut root = std::pin::pin!(future);
        let state = Arc::new(RootWaker::new(self));
        let waker = Waker::from(Arc::clone(&state));
        loop {
            let core = self.core.lock().take();
            if let Some(core) = core {
                state.transition_to_running();
                return Runner::new(self, core).run(root, &state, &waker);
            }
            // Another thread runs the tasks: only the root is ours.
            if let Poll::Ready(output) = state.poll(root.as_mut(), &waker) {
                return output;
            }
            let mut core = self.core.lock();
            while core.is_none() && !state.is_woken() {
                self.core_free.wait(&mut core);
            }
        }
    }

    /// Tasks that have not ended yet.
    pub(crate) fn alive_tasks(&self) -> usize {
        metrics::alive_tasks(std::iter::once(&self.counters), &self.outside)
    }

    /// Tasks that wait in the injector.
    pub(crate) fn injector_depth(&self) -> usize {
        self.injector.lock().tasks.len()
    }

    /// Shuts the driver down, which nobody turns any more, and drops every task inside the
    /// runtime's context, which the caller has entered.
    pub(crate) fn shutdown(self: &Arc<Self>) {
        let core = self.core.lock().take();
        let Some(mut core) = core else {
            // `block_on` borrows the runtime, so its owner cannot be here, and
            // a panic out of it puts the core back.
            unreachable!("a runtime is shut down while `block_on` runs it");
        };
        // First, so that what the driver wakes is not queued.
        let injected = {
            let mut injector = self.injector.lock();
            injector.closed = true;
            std::mem::take(&mut injector.tasks)
        };
        let mut panics = Panics::default();
        panics.put_off(|| core.driver.shutdown(&self.services.driver));
        // After a panic the rest is dropped all the same: each round has taken a task out.
        while panics
            .put_off(|| self.owned.close_and_shutdown_all(0))
            .is_none()
        {}
        for task in injected.into_iter().chain(std::mem::take(&mut core.queue)) {
            panics.put_off(|| drop(task));
        }
        panics.resume();
    }

    fn inject(&self, task: Ready) {
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
        with_local(&RUNNING, |running| ptr::eq(running.shared.get(), self))
    }
}

impl Schedule for Arc<Shared> {
    fn schedule(&self, task: Ready) {
        if self.runs_here() {
            self.counters.local_schedules.add(1);
            with_local(&RUNNING, |running| {
                running.queue.borrow_mut().push_back(task)
            });
        } else {
            // ORDERING: Relaxed: a metric.
            self.outside.wakes.fetch_add(1, Relaxed);
            self.inject(task);
        }
    }

    fn address(&self) -> *const () {
        Arc::as_ptr(self).cast()
    }

    fn schedule_here(address: *const (), task: Ready) -> Result<(), Ready> {
        let mut task = Some(task);
        with_local(&RUNNING, |running| {
            if !ptr::eq(running.shared.get().cast(), address) {
                return;
            }
            if let Some(owner) = &*running.owner.borrow() {
                owner.counters.local_schedules.add(1);
                running.queue.borrow_mut().extend(task.take());
            }
        });
        task.map_or(Ok(()), Err)
    }

    fn reschedule(&self, task: Ready, again: Again) {
        if again == Again::Yielded && self.runs_here() {
            with_local(&RUNNING, |running| {
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
            self.outside.ended.fetch_add(1, Release);
        }
        self.owned.remove(task)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("alive_tasks", &self.alive_tasks())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;
