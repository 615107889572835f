//! A thread of the pool: how it is made, what it does, how it leaves.

use super::pool::settle;
use super::roster::MemberId;
use super::state::{Beginning, Seat, State};
use super::{Job, Pool, PoolConfig, ThreadName, Wrap};
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{Arc, MutexGuard, const_thread_local};
use crate::unwind::discard;
use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::time::Instant;

/// The whole life of a thread, as its creator passes it on.
pub(super) type Life = Box<dyn FnOnce() + Send>;

/// Makes a thread: its name, its stack size in bytes if not the default, its
/// life. The one seam through which the pool reaches the operating system.
pub(super) type Spawner =
    dyn Fn(String, Option<usize>, Life) -> io::Result<JoinHandle<()>> + Send + Sync;

/// The spawner of every pool outside tests.
pub(super) fn spawn_thread(
    name: String,
    stack_size: Option<usize>,
    life: Life,
) -> io::Result<JoinHandle<()>> {
    let mut builder = thread::Builder::new().name(name);
    if let Some(bytes) = stack_size {
        builder = builder.stack_size(bytes);
    }
    builder.spawn(life)
}

/// What is needed to make a thread, held as long as threads may be made.
pub(super) struct Recruiting {
    thread_name: StdArc<ThreadName>,
    stack_size: Option<usize>,
    wrap: StdArc<Wrap>,
    spawner: StdArc<Spawner>,
}

impl std::fmt::Debug for Recruiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recruiting")
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

impl Recruiting {
    pub(super) fn new(config: &PoolConfig, spawner: StdArc<Spawner>) -> Self {
        Self {
            thread_name: StdArc::clone(&config.thread_name),
            stack_size: config.stack_size,
            wrap: StdArc::clone(&config.wrap),
            spawner,
        }
    }

    /// Creates the thread that was counted in as `id`.
    ///
    /// A panic (of the name closure, or of std about a name with a NUL in it) is
    /// an error like any other: the thread that got this duty has a job of its
    /// own to run.
    pub(super) fn create<J: Job>(&self, pool: Pool<J>, id: MemberId) -> io::Result<JoinHandle<()>> {
        let wrap = StdArc::clone(&self.wrap);
        let life = Box::new(move || live(&pool, id, &*wrap));
        catch_unwind(AssertUnwindSafe(|| {
            (self.spawner)((self.thread_name)(), self.stack_size, life)
        }))
        .unwrap_or_else(|panic| {
            let error = io::Error::other(describe(&*panic));
            discard(panic);
            Err(error)
        })
    }
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    format!("naming or starting the thread panicked: {message}")
}

const_thread_local! {
    /// The address of what the pool shares whose thread this is, for comparison only;
    /// zero if it is none. Readable in destructors of thread locals.
    static MEMBER_OF: Cell<usize> = Cell::new(0);
}

const_thread_local! {
    /// How a thread of a pool is counted until it joins; `None` in all others.
    static BEGINNING: Cell<Option<Beginning>> = Cell::new(None);
}

fn address<J: Job>(pool: &Pool<J>) -> usize {
    (&raw const *pool.shared).addr()
}

/// Whether the calling thread is of that pool, or was and is ending.
pub(super) fn is_member<J: Job>(pool: &Pool<J>) -> bool {
    MEMBER_OF.with(Cell::get) == address(pool)
}

/// Whether the calling thread is in its start hook and not held yet, which it is from now on.
pub(super) fn is_to_be_held<J: Job>(pool: &Pool<J>) -> bool {
    let is_to_be_held = is_member(pool) && BEGINNING.with(Cell::get) == Some(Beginning::Created);
    if is_to_be_held {
        BEGINNING.with(|beginning| beginning.set(Some(Beginning::Held)));
    }
    is_to_be_held
}

/// From the first instruction of a thread to its last.
fn live<J: Job>(pool: &Pool<J>, id: MemberId, wrap: &Wrap) {
    MEMBER_OF.with(|member_of| member_of.set(address(pool)));
    // On the roster until even what surrounds the work is over.
    let _membership = Membership { pool, id };
    BEGINNING.with(|beginning| beginning.set(Some(Beginning::Created)));
    let mut count = Some(Count { pool });
    // Before anything of the program's runs, which may shut the pool down.
    let mut state = pool.shared.state.lock();
    state.roster.introduce(id, thread::current().id());
    let duty = state.transition_to_begun();
    drop(state);
    pool.perform(duty);
    wrap(&mut || {
        if let Some(count) = count.take() {
            work(count);
        }
    });
}

/// Takes and runs jobs until there have been none for the keep-alive, or the
/// pool closes.
fn work<J: Job>(count: Count<'_, J>) {
    let pool = count.pool;
    let seat = Arc::new(Seat::new());
    let mut state = pool.shared.state.lock();
    if let Some(beginning) = BEGINNING.with(Cell::take) {
        state.transition_to_joined(beginning);
    }
    // One that was summoned is not asked: somebody counts on it.
    let mut is_surplus = state.is_over_the_cap();
    loop {
        while !is_surplus && let Some((job, duty)) = state.take() {
            drop(state);
            pool.perform(duty);
            // Reported by the panic hook; there is nobody else to tell.
            drop(catch_unwind(AssertUnwindSafe(|| job.run())));
            state = pool.shared.state.lock();
            is_surplus = state.is_over_the_cap();
        }
        if is_surplus {
            state.transition_to_surplus();
            break;
        }
        if state.is_closed() {
            state.transition_to_dismissed();
            break;
        }
        state.transition_to_idle(&seat);
        if !wait(pool, &seat, &mut state) {
            state.transition_to_expired(&seat);
            break;
        }
        state.transition_to_arrived();
    }
    // Counted out above; dropping the count would do it again.
    std::mem::forget(count);
}

/// Waits in the seat until called (true) or until the keep-alive is over.
fn wait<J: Job>(pool: &Pool<J>, seat: &Seat, state: &mut MutexGuard<'_, State<J>>) -> bool {
    // A keep-alive beyond what the clock can express is for ever.
    let deadline = Instant::now().checked_add(pool.shared.keep_alive);
    loop {
        match deadline {
            Some(deadline) => {
                seat.call.wait_until(state, deadline);
            }
            None => seat.call.wait(state),
        }
        // The summons comes first: whoever sent it counts on this thread.
        if state.is_called(seat) {
            return true;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
    }
}

/// The thread's place on the roster.
struct Membership<'a, J: Job> {
    pool: &'a Pool<J>,
    id: MemberId,
}

impl<J: Job> Drop for Membership<'_, J> {
    fn drop(&mut self) {
        let retired = self.pool.shared.state.lock().roster.end(self.id);
        self.pool.shared.ended.notify_all();
        retired.join();
    }
}

/// The thread's place among the counted. Dropped only by a panic that is not a
/// job's: of a hook, or of the destructor of a panic's payload.
struct Count<'a, J: Job> {
    pool: &'a Pool<J>,
}

impl<J: Job> Drop for Count<'_, J> {
    fn drop(&mut self) {
        let mut state = self.pool.shared.state.lock();
        if let Some(beginning) = BEGINNING.with(Cell::take) {
            let failed = state.transition_to_failed(beginning, None);
            drop(state);
            let own = settle(failed);
            debug_assert!(own.is_none(), "no ticket, no job");
        } else {
            let duty = state.transition_to_dead();
            drop(state);
            self.pool.perform(duty);
        }
    }
}
