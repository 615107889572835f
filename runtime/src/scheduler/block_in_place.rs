//! `block_in_place`: a worker's thread blocks, its core works on elsewhere.
//!
//! The core is laid into a [`HandOff`] and a thread of the blocking pool is
//! asked to run it. Whoever comes first takes it: that thread, or the blocked
//! one when its closure returns, which then goes on as if nothing had been.
//! If the core is gone by then, the task is still polled to the end of its poll
//! on the old thread, whose worker loop ends there.
//!
//! At shutdown the pool may refuse the request, or give it up. The core must not
//! wait for the closure then, which may itself wait for the runtime's end, in a
//! sleep for instance: whoever drops the request ends the core.

use super::context;
use super::services::BlockingJob;
use super::shared::Shared;
use super::worker::{self, Core};
use crate::primitive::{Arc, Mutex};
use std::sync::Arc as StdArc;

/// The place where a core changes hands.
type HandOff = Arc<Mutex<Option<Box<Core>>>>;

/// Takes the core back when the closure ends, by return or by panic.
struct TakeBack(HandOff);

impl Drop for TakeBack {
    fn drop(&mut self) {
        if let Some(core) = self.0.lock().take() {
            context::give_core(core);
        }
    }
}

/// How a thread of the pool enters the runtime to run a worker.
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
    let take_back = TakeBack(hand_off);
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
        if let Some(core) = self.take_core() {
            // From here on this is a worker's thread.
            let _lent = self.shared.services.blocking.lend_thread();
            self.run_core(core);
        }
    }

    fn take_core(&self) -> Option<Box<Core>> {
        self.core.lock().take()
    }

    fn run_core(&self, core: Box<Core>) {
        let mut core = Some(core);
        (self.enter)(&self.shared, &mut || {
            if let Some(core) = core.take() {
                worker::run(&self.shared, core);
            }
        });
    }
}

impl Drop for Host {
    /// Ends the core if nobody is to run it any more.
    fn drop(&mut self) {
        if self.shared.is_shutting_down()
            && let Some(core) = self.take_core()
        {
            self.run_core(core);
        }
    }
}
