//! The blocking pool: threads for work that may block, made when needed and
//! ended when they have been idle for a while.
//!
//! Jobs may block on one another, so a queued job must never wait for a running
//! one while the cap allows another thread. The simplest pool that keeps this
//! promise wakes a thread for every job, and a burst of tiny jobs then costs a
//! system call each although two threads would have done them all. This pool
//! keeps the promise with fewer wake-ups: it hands them on.
//!
//! # Vocabulary
//!
//! - A thread is *idle* while it waits in its [`Seat`](state::Seat), on the stack
//!   of idle threads. The stack is last in, first out: the warm threads work, the
//!   cold ones stay at the bottom and expire.
//! - An idle thread is *summoned* from the moment somebody decides that it shall come, and takes
//!   it off the stack, until it holds the lock: until then it is on its way and has no job.
//! - A new thread is *being created* from the moment somebody decides so, and counts it in, until it
//!   holds the lock to join. Before that it runs the program's start hook, if there is
//!   one, and may never come. If it submits a job from there it is *held* instead, as it may wait
//!   for that job, until it joins.
//! - The *duty* is what that decision leaves to be done after the lock is
//!   released: wake the chosen thread, or create one.
//! - A thread is *counted* from the decision to create it to its own to leave, and *on the
//!   roster* from the former until the operating system's thread has nothing
//!   left to do but end. The cap is about the first, joining about the second.
//!
//! # Protocol
//!
//! One lock guards the queue, the stack and the counts. In every step the duty
//! is decided under the lock and performed after it.
//!
//! - **submit**: push the job, then *summon*.
//! - **summon**: nothing, if the queue is empty or a summoned thread is on its
//!   way. Otherwise summon the idle thread on top of the stack; without one,
//!   count in a new thread, if the cap allows it and none is being created already. With
//!   a start hook as many are created as there are jobs.
//! - **begin**: the new thread takes the lock, tells who it is and *summons*, before its hook:
//!   where several are to be created, each has the next one created, unless one has failed since
//!   one last joined or a job last came.
//! - **hold**: a new thread that submits a job from its hook is no longer being created.
//! - **arrive**: the summoned thread takes the lock and ends the summons.
//! - **join**: the new thread takes the lock and is created, or no longer held. If it is one too many
//!   by now, it leaves.
//! - **take**: pop the oldest job, then *summon* again, before running it. This
//!   hands the wake-up on.
//! - **idle**: only with an empty queue: push the seat and wait on it, which
//!   releases the lock in the same step.
//! - **expire**: an idle thread that wakes by its keep-alive takes the lock. If
//!   its seat is still on the stack it removes it, is counted out and leaves. If
//!   not, somebody has summoned it, and it arrives.
//! - **fail**: a thread that could not be created (or died before it joined) is
//!   counted out. If no thread is left at all but lent and held ones, the
//!   queued jobs have nobody to wait for and are discarded. The next submit or
//!   take tries again.
//! - **lend**: a job that may run for ever, as a scheduler's worker does whose
//!   thread blocks in place, takes its thread out of what the cap counts, then
//!   *summons*. When it ends, and others have joined up to the cap meanwhile, its
//!   thread leaves; those that are being created or held do not count there, for they may fail.
//!
//! # Why no job is stranded
//!
//! Invariant, whenever the lock is free: *if jobs are queued, then a thread is
//! summoned; or no thread is idle, and one is being created (with a start hook, as many as there
//! are jobs, or one that has yet to begin) or the cap is reached* (or, after a failure,
//! at least one thread is counted that is neither lent nor held, and none is idle). Push, take and begin end with
//! *summon*, which establishes it, and a hold is followed by a push. Arrive ends a summons, and join a creation, but the same critical
//! section goes on to take; or to leave, with the cap reached by others that have joined. Idle happens only
//! with an empty queue. Expire leaves
//! the stack only by its owner's hand: the seat is there, or its owner arrives.
//! A counted thread that is not idle returns to the queue after its job, and a
//! summoned one comes without running anything first; so does a new one without a start hook.
//! So while the cap allows another thread, the head of the queue waits for a wake-up or a thread's
//! creation and never for a job.
//!
//! With a start hook it waits for a hook as well. Since there are as many as jobs, it is enough that
//! one of them ends, and a hook that waits for jobs of its own is not counted upon. One
//! that waits for a job that was submitted elsewhere may wait for ever, if a job waits in its turn: it
//! may have taken the thread that was created for the other.
//!
//! # Rejected
//!
//! - Waking one thread for each submit: a futex call each, and a crowd of threads
//!   that find the queue empty.
//! - A condition variable shared by all idle threads: it wakes the one that has
//!   waited longest, so every thread stays a little warm and none expires.
//! - Spinning before an idle thread sleeps, some microseconds in the hope of the
//!   next job. Measured on round trips one at a time, with the time of tokio's
//!   pool as the unit: from 0.9 down to 0.4 while the kernel keeps submitter and
//!   thread on two cores, from 0.9 up to 2 and more as soon as they share one.
//! - Creating threads under the lock: some tens of microseconds during which no
//!   worker could submit, and a name closure of the user's inside.
//!
//! What this module does not know: tasks, handles, runtimes. A [`Job`] is run or
//! discarded, and `wrap` in [`PoolConfig`] enters whatever a thread must live in.

mod pool;
mod roster;
mod state;
mod worker;

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

pub(crate) use self::pool::Pool;

/// A piece of work for the pool. It is run or discarded, exactly once.
///
/// A job that panics should catch its own panic: the pool survives one but has
/// nobody to report it to.
pub(crate) trait Job: Send + 'static {
    /// Does the work.
    fn run(self);

    /// Gives the work up without having run it. Whoever waits for its result
    /// must learn of it here.
    fn discard(self);
}

/// Names a new thread.
pub(crate) type ThreadName = dyn Fn() -> String + Send + Sync;

/// Surrounds the working life of a thread, which it gets as its argument.
pub(crate) type Wrap = dyn Fn(&mut dyn FnMut()) + Send + Sync;

/// How the threads of a [`Pool`] are made and how many there may be.
pub(crate) struct PoolConfig {
    /// The most threads at a time; at least one.
    pub(crate) max_threads: usize,
    /// How long an idle thread waits for work before it ends.
    pub(crate) keep_alive: Duration,
    /// Called once for each new thread, on the thread that creates it.
    pub(crate) thread_name: Arc<ThreadName>,
    /// In bytes; the platform's default if `None`.
    pub(crate) stack_size: Option<usize>,
    /// Called on each new thread with its whole working life as the argument,
    /// to be called once. The pool lets go of this closure when it shuts down,
    /// so it may own what owns the pool.
    pub(crate) wrap: Arc<Wrap>,
    /// Whether `wrap` calls a hook of the program's before the work, which may take its time, or
    /// wait for a job.
    pub(crate) has_start_hook: bool,
}

impl fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolConfig")
            .field("max_threads", &self.max_threads)
            .field("keep_alive", &self.keep_alive)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

/// Why a job was not accepted. The job comes back.
pub(crate) enum SubmitError<J> {
    /// The pool has been shut down.
    Shutdown(J),
    /// The operating system refused a thread, and the pool has none that could
    /// ever take the job.
    NoThread(J, io::Error),
}

impl<J> fmt::Debug for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown(_) => f.write_str("Shutdown"),
            Self::NoThread(_, error) => f.debug_tuple("NoThread").field(error).finish(),
        }
    }
}

impl<J> fmt::Display for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown(_) => f.write_str("the blocking pool has been shut down"),
            Self::NoThread(_, error) => {
                write!(
                    f,
                    "the blocking pool has no thread and could not create one: {error}"
                )
            }
        }
    }
}
