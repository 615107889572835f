//! What a thread does while it has the core.

use super::root::RootWaker;
use super::{Core, RUNNING, Ready, Shared};
use crate::driver::{Driver, Limit, PreciseSleeps};
use crate::primitive::with_local;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Runs the core; puts it back when done, or when unwinding.
pub(super) struct Runner<'a> {
    shared: &'a Arc<Shared>,
    driver: Option<Box<Driver>>,
    /// From the first sleep on: the thread is the caller's, not ours.
    precise: Option<PreciseSleeps>,
    /// What ran on this thread before: another runtime, blocked in place.
    outer: *const Shared,
    outer_owner: Option<Arc<Shared>>,
    outer_queue: VecDeque<Ready>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, core: Core) -> Self {
        with_local(&RUNNING, |running| Self {
            shared,
            driver: Some(core.driver),
            precise: None,
            outer: running.shared.replace(&**shared),
            outer_owner: running.owner.replace(Some(Arc::clone(shared))),
            outer_queue: running.queue.replace(core.queue),
        })
    }

    pub(super) fn run<F: Future>(
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
            self.turn(dry, state);
        }
    }

    /// Polls a bounded number of tasks; true if none is left.
    ///
    /// A task that yielded is polled again only after the driver was turned.
    fn run_tasks(&self) -> bool {
        with_local(&RUNNING, |running| running.ahead_of_yielded.set(None));
        for count in 0..self.shared.polls_per_turn {
            if with_local(&RUNNING, |running| running.ahead_of_yielded.get()) == Some(0) {
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
        let pop_local = || with_local(&RUNNING, |running| running.pop());
        if count.is_multiple_of(self.shared.polls_per_injector_look) {
            self.shared.pop_injector().or_else(pop_local)
        } else {
            pop_local().or_else(|| self.shared.pop_injector())
        }
    }

    /// Turns the driver; sleeps in it if there is nothing to run.
    fn turn(&mut self, dry: bool, root: &RootWaker) {
        let services = &self.shared.services;
        self.shared
            .counters
            .forced_yields
            .add(crate::coop::take_forced_yields());
        let driver = self
            .driver
            .as_mut()
            .expect("the runner holds the driver until it is dropped");
        if !dry || root.is_woken() {
            driver.poll(&services.driver);
            return;
        }
        if let Some(before_park) = &services.hooks.before_park {
            before_park();
        }
        // The hook may have made work on this thread, or woken the root: wakes on
        // the thread that runs do not unpark it. The driver gets its turn even if
        // the hook does so every time.
        if root.is_woken() || with_local(&RUNNING, |running| !running.queue.borrow().is_empty()) {
            driver.poll(&services.driver);
        } else {
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
        let queue = with_local(&RUNNING, |running| {
            running.shared.set(self.outer);
            // Not the last reference: the caller has one.
            drop(running.owner.replace(self.outer_owner.take()));
            running.queue.replace(outer_queue)
        });
        if let Some(driver) = self.driver.take() {
            *self.shared.core.lock() = Some(Core { queue, driver });
            // Whoever waits for the core, one of them takes it.
            self.shared.core_free.notify_all();
        }
    }
}
