//! `block_in_place`: a worker's thread blocks, its core works on elsewhere.
//!
//! The core is laid into a [`HandOff`] and a thread of the blocking pool is
//! asked to run it. Whoever comes first takes it: that thread, or the blocked
//! one when its closure returns, which then goes on as if nothing had been.
//! If the core is gone by then, the task is still polled to the end of its poll
//! on the old thread, whose worker loop ends there.
//!
//! The pool may refuse the request, or give it up. While the runtime lives, the core
//! then waits for the closure. At shutdown it must not, for the closure may itself wait for
//! the runtime's end, in a sleep for instance: whoever drops the request ends the core;
//! and one whose request was dropped before is *stranded*, and ended by whoever begins the
//! shutdown. So is one whose own thread has not come for it yet: that one calls the
//! program's start hook first, which may wait for the runtime's end as well.

use super::context;
use super::services::BlockingJob;
use super::shared::Shared;
use super::worker::{self, Core};
use crate::primitive::{Arc, Mutex};
use crate::unwind::swallow;
use std::mem;
use std::sync::Arc as StdArc;

/// The place where a core changes hands.
pub(crate) type HandOff = Arc<Mutex<Option<Box<Core>>>>;

/// Takes the core back when the closure ends, by return or by panic.
struct TakeBack {
    core: HandOff,
    shared: StdArc<Shared>,
}

impl Drop for TakeBack {
    fn drop(&mut self) {
        let core = self.core.lock().take();
        if let Some(core) = core {
            self.shared.stranded.remove(&self.core);
            context::give_core(core);
        }
    }
}

/// The cores for which no thread may ever come.
#[derive(Default)]
pub(super) struct Stranded(Mutex<Vec<(HandOff, Enter)>>);

impl Stranded {
    /// Adds the core in `core`, if it is there still; `false` if it is the caller's to
    /// end, for the shutdown has begun.
    fn add(&self, shared: &Shared, core: &HandOff, enter: Enter) -> bool {
        let mut stranded = self.0.lock();
        // Seen under the lock, or whoever begins it sees this one.
        if shared.is_shutting_down() {
            return false;
        }
        if core.lock().is_some() {
            stranded.push((HandOff::clone(core), enter));
        }
        true
    }

    fn remove(&self, core: &HandOff) {
        self.0.lock().retain(|(other, _)| !Arc::ptr_eq(other, core));
    }

    /// Ends all of them, as the shutdown begins.
    pub(super) fn end_all(&self, shared: &StdArc<Shared>) {
        let stranded = mem::take(&mut *self.0.lock());
        for (core, enter) in stranded {
            let core = core.lock().take();
            swallow(|| run(shared, core, enter));
        }
    }
}

/// Runs a worker on this thread, which `enter` has enter the runtime.
fn run(shared: &StdArc<Shared>, mut core: Option<Box<Core>>, enter: Enter) {
    if core.is_some() {
        enter(shared, &mut || {
            if let Some(core) = core.take() {
                worker::run(shared, core);
            }
        });
    }
}

/// Lays a new core down for the thread that is to [`accept`] it. If the shutdown begins
/// first, whoever begins it ends the core.
pub(crate) fn offer(shared: &StdArc<Shared>, core: Box<Core>, enter: Enter) -> HandOff {
    let hand_off = HandOff::new(Mutex::new(Some(core)));
    let stranded = shared.stranded.add(shared, &hand_off, enter);
    debug_assert!(stranded, "a runtime that has no threads yet shuts down");
    hand_off
}

/// Runs a core that was [offered](offer) on this thread, unless it has been ended.
pub(crate) fn accept(shared: &StdArc<Shared>, hand_off: &HandOff, enter: Enter) {
    let core = hand_off.lock().take();
    if core.is_some() {
        shared.stranded.remove(hand_off);
        run(shared, core, enter);
    }
}

/// How a thread of the pool, or a worker's own, enters the runtime to run a worker.
pub(crate) type Enter = fn(&StdArc<Shared>, &mut dyn FnMut());

/// Runs `f`, which may block, on whatever thread this is. If it is a worker's,
/// its core is handed to another thread, entered by `enter`, for the time.
///
/// If no thread can take the core over, its tasks wait until `f` returns; and so they do
/// while the driver is turned, for a waker of the program's that blocks in place.
pub(crate) fn block_in_place<R>(enter: Enter, f: impl FnOnce() -> R) -> R {
    // Without a core: outside the workers, nested in another call, or in a waker that the
    // driver calls, whose turn goes on afterwards.
    let core = context::owner().zip(context::take_core_from_poll());
    let _take_back = core.map(|(shared, core)| hand_off(shared, core, enter));
    crate::coop::outside_of_polls(f)
}

fn hand_off(shared: StdArc<Shared>, core: Box<Core>, enter: Enter) -> TakeBack {
    // What waits in the LIFO slot is anyone's: it must not wait for `f`.
    if let Some(task) = shared.remotes[core.index].lifo.take() {
        core.queue.push(task);
    }
    let hand_off = HandOff::new(Mutex::new(Some(core)));
    let host = Host {
        core: HandOff::clone(&hand_off),
        shared: StdArc::clone(&shared),
        enter,
    };
    // Whatever becomes of the job, the core is taken back unless it runs.
    let take_back = TakeBack {
        core: hand_off,
        shared: StdArc::clone(&shared),
    };
    drop(
        shared
            .services
            .blocking
            .submit(BlockingJob::Worker(Box::new(move || host.run()))),
    );
    take_back
}

/// Who runs the core while its thread is blocked: a job of the blocking pool.
struct Host {
    core: HandOff,
    shared: StdArc<Shared>,
    enter: Enter,
}

impl Host {
    fn run(self) {
        let core = self.take_core();
        if core.is_some() {
            // From here on this is a worker's thread.
            let _lent = self.shared.services.blocking.lend_thread();
            run(&self.shared, core, self.enter);
        }
    }

    fn take_core(&self) -> Option<Box<Core>> {
        self.core.lock().take()
    }
}

impl Drop for Host {
    /// Sees to it that the core ends with the runtime, if nobody is to run it any more.
    fn drop(&mut self) {
        if !self
            .shared
            .stranded
            .add(&self.shared, &self.core, self.enter)
        {
            run(&self.shared, self.take_core(), self.enter);
        }
    }
}
