//! The pool as its owner sees it: submit, shut down, count.

use super::roster::MemberId;
use super::state::{Beginning, Closed, Duty, Failed, State, Ticket};
use super::worker::{Recruiting, Spawner, is_member, is_to_be_held, spawn_thread};
use super::{Job, PoolConfig, SubmitError};
use crate::primitive::{Arc, Condvar, Mutex, thread};
use crate::unwind::swallow;
use std::sync::Arc as StdArc;
use std::time::{Duration, Instant};
use std::{fmt, io};

/// A handle to a pool of threads for blocking jobs; see [`super`] for how it
/// works.
///
/// Dropping the last handle does not shut the pool down: its jobs are still run,
/// and its threads end when their keep-alive is over.
pub(crate) struct Pool<J: Job> {
    pub(super) shared: Arc<Shared<J>>,
}

pub(super) struct Shared<J: Job> {
    pub(super) state: Mutex<State<J>>,
    /// Notified whenever a thread has come to its end.
    pub(super) ended: Condvar,
    pub(super) keep_alive: Duration,
}

impl<J: Job> Pool<J> {
    /// A pool without a thread: the first job creates the first one.
    ///
    /// # Panics
    ///
    /// If `max_threads` is zero.
    pub(crate) fn new(config: &PoolConfig) -> Self {
        Self::with_spawner(config, StdArc::new(spawn_thread))
    }

    pub(super) fn with_spawner(config: &PoolConfig, spawner: StdArc<Spawner>) -> Self {
        let recruiting = Recruiting::new(config, spawner);
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new(
                    config.max_threads,
                    config.has_start_hook,
                    recruiting,
                )),
                ended: Condvar::new(),
                keep_alive: config.keep_alive,
            }),
        }
    }

    /// Queues a job and sees to it that a thread comes for it.
    ///
    /// Jobs start in the order of their submission. Does not wait for anything
    /// but, now and then, the creation of a thread.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Shutdown`] after [`shutdown`](Self::shutdown), and
    /// [`SubmitError::NoThread`] if the pool has no thread and the operating
    /// system refuses one. If a thread is refused while there are others, the
    /// job waits for those.
    pub(crate) fn submit(&self, job: J) -> Result<(), SubmitError<J>> {
        let mut state = self.shared.state.lock();
        if state.has_start_hook() && is_to_be_held(self) {
            state.transition_to_held();
        }
        let (ticket, duty) = state.push(job).map_err(SubmitError::Shutdown)?;
        drop(state);
        match duty {
            Duty::Nothing => Ok(()),
            Duty::Wake(seat) => {
                seat.call.notify_one();
                Ok(())
            }
            Duty::Create(id, recruiting) => self.submit_slow(ticket, id, &recruiting),
        }
    }

    #[cold]
    fn submit_slow(
        &self,
        ticket: Ticket,
        id: MemberId,
        recruiting: &Recruiting,
    ) -> Result<(), SubmitError<J>> {
        let Err(error) = self.create(id, recruiting) else {
            return Ok(());
        };
        match self.fail(id, Some(ticket)) {
            Some(job) => Err(SubmitError::NoThread(job, error)),
            // Another thread has it, or will have it.
            None => Ok(()),
        }
    }

    /// Closes the pool: no new jobs, queued jobs that never started are
    /// discarded, and running ones are waited for.
    ///
    /// Without a timeout this returns when every thread has ended and has been
    /// joined. With one it returns after that time at the latest; threads that
    /// are still running a job then end when it returns, and the thread that ended
    /// last is not joined. Called from a job of the pool itself, it does not wait for
    /// that job; from a thread of the pool, ending or not, it joins none. May be
    /// called again.
    ///
    /// Returns whether all threads have ended.
    pub(crate) fn shutdown(&self, timeout: Option<Duration>) -> bool {
        // A timeout beyond what the clock can express is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let Closed {
            queue,
            idle,
            recruiting,
        } = self.shared.state.lock().transition_to_closed();
        for seat in idle {
            seat.call.notify_one();
        }
        // With closures of the program's in it.
        swallow(|| drop(recruiting));
        discard(queue);

        let own = thread::current().id();
        let mut state = self.shared.state.lock();
        while state.roster.others(own) > 0 {
            match deadline {
                None => self.shared.ended.wait(&mut state),
                Some(deadline) if Instant::now() >= deadline => return false,
                Some(deadline) => {
                    self.shared.ended.wait_until(&mut state, deadline);
                }
            }
        }
        if deadline.is_none() && !is_member(self) {
            let retired = state.roster.take_retired();
            drop(state);
            retired.join();
        }
        true
    }

    /// Lends the calling thread, which runs a job of the pool, to that job until
    /// the guard is dropped: another may take its place in the pool meanwhile.
    /// For a job that may run for ever.
    pub(crate) fn lend_thread(&self) -> Lent<J> {
        let duty = self.shared.state.lock().lend();
        self.perform(duty);
        Lent(self.clone())
    }

    /// Threads that work, wait for work, or are being created for it; without
    /// those that are lent.
    pub(crate) fn threads(&self) -> usize {
        let state = self.shared.state.lock();
        state.threads() - state.lent()
    }

    /// Threads that wait for work.
    pub(crate) fn idle_threads(&self) -> usize {
        self.shared.state.lock().idle_threads()
    }

    /// Jobs that no thread has taken yet.
    pub(crate) fn queue_depth(&self) -> usize {
        self.shared.state.lock().queue_depth()
    }
}

/// A thread that is lent to the job it runs; see [`Pool::lend_thread`].
#[must_use = "the thread is the pool's again as soon as this is dropped"]
pub(crate) struct Lent<J: Job>(Pool<J>);

impl<J: Job> Drop for Lent<J> {
    fn drop(&mut self) {
        self.0.shared.state.lock().take_back();
    }
}

impl<J: Job> Clone for Pool<J> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<J: Job> fmt::Debug for Pool<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Pool")
            .field("threads", &state.threads())
            .field("idle_threads", &state.idle_threads())
            .field("queue_depth", &state.queue_depth())
            .field("closed", &state.is_closed())
            .finish_non_exhaustive()
    }
}

/// What submitters and the pool's own threads share.
impl<J: Job> Pool<J> {
    /// Carries out a duty, without the lock.
    pub(super) fn perform(&self, duty: Duty) {
        match duty {
            Duty::Nothing => {}
            Duty::Wake(seat) => {
                seat.call.notify_one();
            }
            Duty::Create(id, recruiting) => {
                if self.create(id, &recruiting).is_err() {
                    let own = self.fail(id, None);
                    debug_assert!(own.is_none(), "no ticket, no job");
                }
            }
        }
    }

    #[cold]
    fn create(&self, id: MemberId, recruiting: &Recruiting) -> io::Result<()> {
        let handle = recruiting.create(self.clone(), id)?;
        self.shared.state.lock().roster.bring(id, handle);
        // If the thread has ended meanwhile, this completes its membership.
        self.shared.ended.notify_all();
        Ok(())
    }

    /// Accounts for a thread that could not be created. Returns the job under
    /// the ticket if no thread will ever take it.
    #[cold]
    fn fail(&self, id: MemberId, ticket: Option<Ticket>) -> Option<J> {
        let mut state = self.shared.state.lock();
        state.roster.strike(id);
        let failed = state.transition_to_failed(Beginning::Created, ticket);
        drop(state);
        self.shared.ended.notify_all();
        settle(failed)
    }
}

/// Clears up after a thread that will not come, without the lock.
pub(super) fn settle<J: Job>(failed: Failed<J>) -> Option<J> {
    discard(failed.stranded);
    failed.own
}

/// Gives jobs up, without the lock. A panic of one does not spare the rest.
fn discard<J: Job>(jobs: impl IntoIterator<Item = J>) {
    for job in jobs {
        swallow(|| job.discard());
    }
}
