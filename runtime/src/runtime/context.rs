//! The thread-local context: which runtime this thread belongs to, and whether
//! it may block.

use super::handle::{Handle, Scheduler};
use crate::driver::DriverHandle;
use crate::driver::clock::{Clock, ClockError};
use crate::driver::timers::{self, TimerShard};
use crate::primitive::with_local;
use crate::scheduler;
use crate::scheduler::shared::Shared;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;

/// What this thread is doing for a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Nothing that others wait for: it may block.
    None,
    /// It polls futures of a multi-threaded runtime; `block_in_place` is fine.
    Polls,
    /// It polls all the futures of a current-thread runtime.
    PollsAlone,
}

struct Context {
    /// Shared, so that nothing is borrowed while user code runs: a future that is
    /// refused is dropped inside of `spawn`, and may enter a runtime then.
    current: RefCell<Option<Rc<Handle>>>,
    /// How many guards are nested on this thread.
    depth: Cell<usize>,
    duty: Cell<Duty>,
}

thread_local! {
    /// Without a destructor, so that it can be used until the thread's end: a runtime may
    /// end there. It is empty by then, unless a guard was forgotten.
    static CONTEXT: ManuallyDrop<Context> = const {
        ManuallyDrop::new(Context {
            current: RefCell::new(None),
            depth: Cell::new(0),
            duty: Cell::new(Duty::None),
        })
    };
}

pub(super) const OUTSIDE: &str = "there is no filch runtime running on this thread: call this from a task, inside \
     `block_on`, from a function under `#[filch::main]`, or after `Runtime::enter`";

/// The context of a runtime, left again when this is dropped.
///
/// Made by [`Runtime::enter`](crate::runtime::Runtime::enter) and
/// [`Handle::enter`]. Guards that are not dropped in the reverse order of their making panic.
#[must_use = "the context is left as soon as the guard is dropped"]
pub struct EnterGuard<'a> {
    entered: Entered,
    handle: PhantomData<&'a Handle>,
}

impl<'a> EnterGuard<'a> {
    pub(super) fn new(handle: &'a Handle) -> Self {
        Self {
            entered: Entered::new(handle.clone()),
            handle: PhantomData,
        }
    }
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard")
            .field("depth", &self.entered.depth)
            .finish()
    }
}

/// As [`EnterGuard`], without a lifetime.
pub(crate) struct Entered {
    previous: Option<Rc<Handle>>,
    depth: usize,
    /// The thread-local is this thread's: the guard must not leave it.
    not_send: PhantomData<*const ()>,
}

impl Entered {
    pub(crate) fn new(handle: Handle) -> Self {
        with_local(&CONTEXT, |context| {
            let depth = context.depth.get() + 1;
            context.depth.set(depth);
            let previous = context.current.replace(Some(Rc::new(handle)));
            Self {
                previous,
                depth,
                not_send: PhantomData,
            }
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let (in_order, left) = with_local(&CONTEXT, |context| {
            let depth = context.depth.get();
            if depth < self.depth {
                // Left with one around it.
                return (true, None);
            }
            context.depth.set(self.depth - 1);
            let left = context.current.replace(self.previous.take());
            (depth == self.depth, left)
        });
        timers::leave_runtime();
        drop(left);
        if !in_order && !std::thread::panicking() {
            panic!(
                "`EnterGuard` values dropped out of order: guards returned by `Runtime::enter` and `Handle::enter` \
                 must be dropped in the reverse order of their making"
            );
        }
    }
}

/// The thread has this duty until dropped.
#[derive(Debug)]
pub(crate) struct OnDuty(Duty);

impl OnDuty {
    /// Starts polling futures on a thread that has no other duty.
    ///
    /// # Panics
    ///
    /// If the thread polls futures already.
    #[track_caller]
    pub(crate) fn start(duty: Duty) -> Self {
        assert!(
            self::duty() == Duty::None,
            "Cannot start a runtime from within a runtime: `block_on` would block a thread that polls \
             asynchronous tasks. Await the future instead, or wrap the call in `task::block_in_place` or \
             `task::spawn_blocking`"
        );
        Self::swap(duty)
    }

    fn swap(duty: Duty) -> Self {
        with_local(&CONTEXT, |context| Self(context.duty.replace(duty)))
    }
}

impl Drop for OnDuty {
    fn drop(&mut self) {
        with_local(&CONTEXT, |context| context.duty.set(self.0));
    }
}

/// What this thread is doing for a runtime.
pub(crate) fn duty() -> Duty {
    with_local(&CONTEXT, |context| context.duty.get())
}

/// Calls `f` with the current runtime's handle, if there is one.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(&Handle) -> R) -> Option<R> {
    current().map(|handle| f(&handle))
}

/// The current runtime's handle, shared with the thread's context.
#[inline]
fn current() -> Option<Rc<Handle>> {
    with_local(&CONTEXT, |context| context.current.borrow().clone())
}

/// Calls `f` with the current runtime's handle.
///
/// # Panics
///
/// Outside a runtime, with advice.
#[inline]
#[track_caller]
pub(crate) fn expect_current<R>(f: impl FnOnce(&Handle) -> R) -> R {
    f(&expect_handle())
}

/// The current runtime's handle, which costs no more than a count of this thread's.
/// Panics outside a runtime.
#[inline]
#[track_caller]
pub(crate) fn expect_handle() -> Rc<Handle> {
    match current() {
        Some(handle) => handle,
        None => panic!("{OUTSIDE}"),
    }
}

/// The current runtime's I/O driver. Panics outside a runtime.
#[track_caller]
pub(crate) fn expect_io() -> filch_io::Handle {
    let io = expect_current(|handle| {
        let is_on = handle.services().enabled.io;
        is_on.then(|| driver(handle).io().clone())
    });
    // Here, for a closure's panics do not name the caller's line.
    io.expect(
        "the I/O driver of this runtime is off: call `enable_io` or `enable_all` on its `Builder`",
    )
}

/// Calls `f` with the timers of the calling worker. Panics outside a runtime.
#[inline]
#[track_caller]
pub(crate) fn with_timers<R>(f: impl FnOnce(&Arc<TimerShard>) -> R) -> R {
    let result = expect_current(|handle| {
        if !handle.services().enabled.time {
            return None;
        }
        let shard = match &handle.scheduler {
            Scheduler::CurrentThread(_) => 0,
            Scheduler::MultiThread(shared) => shared.timer_shard(),
        };
        Some(f(driver(handle).timers().shard(shard)))
    });
    result.expect(
        "the timers of this runtime are off: call `enable_time` or `enable_all` on its `Builder`",
    )
}

/// Stops, moves or restarts the clock of the current runtime; `None` outside of one.
pub(crate) fn change_clock(
    change: impl FnOnce(&Clock) -> Result<(), ClockError>,
) -> Option<Result<(), ClockError>> {
    with_current(|handle| driver(handle).change_clock(change))
}

/// The clock of the current runtime, if there is one.
pub(crate) fn try_clock() -> Option<Arc<Clock>> {
    with_current(|handle| Arc::clone(driver(handle).clock()))
}

/// Whether the current runtime is a current-thread one, whose clock may pause.
pub(crate) fn is_current_thread() -> bool {
    with_current(|handle| matches!(handle.scheduler, Scheduler::CurrentThread(_))).unwrap_or(false)
}

fn driver(handle: &Handle) -> &DriverHandle {
    &handle.services().driver
}

/// Runs `f`, which may block, without holding up other tasks.
///
/// # Panics
///
/// On the thread of a current-thread runtime, whose tasks nobody else can run.
#[track_caller]
pub(crate) fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    match duty() {
        Duty::None => f(),
        Duty::PollsAlone => panic!(
            "`block_in_place` needs a multi-threaded runtime: on a current-thread runtime nobody else can run the \
             other tasks. Use `task::spawn_blocking`, or build the runtime with `Builder::new_multi_thread`"
        ),
        Duty::Polls => {
            let _off_duty = OnDuty::swap(Duty::None);
            scheduler::block_in_place::block_in_place(run_worker_here, f)
        }
    }
}

/// Enters the runtime of `shared` on this thread.
pub(super) fn enter(shared: &Arc<Shared>) -> Entered {
    Entered::new(Handle {
        scheduler: Scheduler::MultiThread(Arc::clone(shared)),
    })
}

/// Enters the runtime of `shared` on this thread to run one of its workers.
pub(super) fn run_worker_here(shared: &Arc<Shared>, run: &mut dyn FnMut()) {
    let _entered = enter(shared);
    let _duty = OnDuty::swap(Duty::Polls);
    run();
}
