//! What the pool's lock guards: the queue, the idle threads, and who is coming.
//!
//! The transitions of the protocol in [`super`]. None of them blocks, wakes,
//! creates a thread or runs a job: they return the [`Duty`] for which the lock
//! must first be released.

use super::roster::{MemberId, Roster};
use super::worker::Recruiting;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::{Arc, Condvar};
use std::collections::VecDeque;
use std::mem;

/// Where one thread waits while it is idle.
#[derive(Debug)]
pub(super) struct Seat {
    /// Waited on with the pool's lock, which the thread needs next anyway.
    pub(super) call: Condvar,
    /// Whether the thread was summoned since it last sat down.
    ///
    /// Read and written under the pool's lock only; an atomic because a seat is
    /// shared. `Relaxed` throughout: the lock orders it.
    called: AtomicBool,
}

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            call: Condvar::new(),
            called: AtomicBool::new(false),
        }
    }
}

/// What a transition leaves to be done after the lock is released.
#[must_use = "a summons that is not carried out strands the queue"]
#[derive(Debug)]
pub(super) enum Duty {
    Nothing,
    /// Notify [`Seat::call`].
    Wake(Arc<Seat>),
    /// Create the thread that was counted in under this id, or report
    /// [`State::transition_to_failed`].
    Create(MemberId, Arc<Recruiting>),
}

/// How a thread that has not joined yet is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Among those that are being created.
    Created,
    /// Among those that are held.
    Held,
}

/// The place of a job in the order of all jobs the pool was ever given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

/// What is left when a thread that was to be created will not come.
#[must_use]
pub(super) struct Failed<J> {
    /// The job under the reporter's ticket, if no thread will ever take it.
    pub(super) own: Option<J>,
    /// All other jobs that no thread will ever take: to be discarded.
    pub(super) stranded: VecDeque<J>,
}

/// What is left when the pool closes.
#[must_use]
pub(super) struct Closed<J> {
    /// Jobs that never started: to be discarded.
    pub(super) queue: VecDeque<J>,
    /// Threads to notify, so that they leave.
    pub(super) idle: Vec<Arc<Seat>>,
    /// Dropped here, because it may own what owns the pool.
    pub(super) recruiting: Option<Arc<Recruiting>>,
}

pub(super) struct State<J> {
    /// Not bounded: a submitter cannot wait, it may be a worker of the
    /// scheduler. As everywhere in this trade, it is the caller who limits.
    queue: VecDeque<J>,
    /// How many jobs have left the queue.
    taken: u64,
    /// The idle threads, the warmest last.
    pub(super) idle: Vec<Arc<Seat>>,
    /// Whether a thread that was idle is on its way.
    summoned: bool,
    /// Threads counted; those on the roster may be more.
    threads: usize,
    /// Those of them that are being created.
    creating: usize,
    /// Those of them that are held.
    held: usize,
    /// Whether a thread failed since one last joined, or a job last came.
    has_failed: bool,
    /// Whether threads run code of the program's before they come.
    has_start_hook: bool,
    max_threads: usize,
    /// How many of the threads are lent: see [`State::lend`].
    lent: usize,
    /// Present until the pool closes.
    recruiting: Option<Arc<Recruiting>>,
    pub(super) roster: Roster,
}

impl<J> State<J> {
    pub(super) fn new(max_threads: usize, has_start_hook: bool, recruiting: Recruiting) -> Self {
        assert!(max_threads > 0, "a blocking pool needs at least one thread");
        Self {
            queue: VecDeque::new(),
            taken: 0,
            idle: Vec::new(),
            summoned: false,
            threads: 0,
            creating: 0,
            held: 0,
            has_failed: false,
            has_start_hook,
            max_threads,
            lent: 0,
            recruiting: Some(Arc::new(recruiting)),
            roster: Roster::new(),
        }
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    pub(super) fn lent(&self) -> usize {
        self.lent
    }

    pub(super) fn idle_threads(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn queue_depth(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn has_start_hook(&self) -> bool {
        self.has_start_hook
    }

    pub(super) fn is_closed(&self) -> bool {
        self.recruiting.is_none()
    }

    /// Queues a job, unless the pool is closed.
    pub(super) fn push(&mut self, job: J) -> Result<(Ticket, Duty), J> {
        if self.is_closed() {
            return Err(job);
        }
        // Whatever was the reason, it is worth a try again.
        self.has_failed = false;
        let ticket = Ticket(self.taken + self.queue.len() as u64);
        self.queue.push_back(job);
        Ok((ticket, self.summon()))
    }

    /// Pops the oldest job, handing the wake-up on if there are more.
    pub(super) fn take(&mut self) -> Option<(J, Duty)> {
        let job = self.queue.pop_front()?;
        self.taken += 1;
        Some((job, self.summon()))
    }

    /// Decides who comes for the head of the queue.
    pub(super) fn summon(&mut self) -> Duty {
        if let Duty::Wake(seat) = self.summon_idle() {
            return Duty::Wake(seat);
        }
        if self.summoned || self.creating >= self.wanted() || !self.has_room() {
            return Duty::Nothing;
        }
        let Some(recruiting) = &self.recruiting else {
            return Duty::Nothing;
        };
        self.creating += 1;
        self.threads += 1;
        Duty::Create(self.roster.enlist(), Arc::clone(recruiting))
    }

    /// How many threads may be in the making: one, which hands the wake-up on when it comes. With
    /// a start hook, for which it may be long in coming, one for each job.
    fn wanted(&self) -> usize {
        match self.queue.len() {
            jobs if self.has_start_hook => jobs,
            jobs => jobs.min(1),
        }
    }

    /// Whether the cap, which lent threads do not count towards, allows another
    /// thread.
    fn has_room(&self) -> bool {
        self.threads - self.lent < self.max_threads
    }

    /// The calling thread runs a job that may go on for ever: it is the pool's
    /// no longer, and no other job may wait for it.
    pub(super) fn lend(&mut self) -> Duty {
        self.lent += 1;
        self.summon()
    }

    /// The calling thread is the pool's again.
    pub(super) fn take_back(&mut self) {
        self.lent -= 1;
    }

    /// Whether the calling thread, which has no job, is one too many: others have come while it was
    /// lent, or one that was lent is back before it came. Those that are being created, and those that
    /// are held, may never come.
    pub(super) fn is_over_the_cap(&self) -> bool {
        self.threads - self.creating - self.held - self.lent > self.max_threads
    }

    /// The part of [`summon`](Self::summon) that cannot fail. Whether threads are being created makes
    /// no difference.
    fn summon_idle(&mut self) -> Duty {
        if self.summoned || self.queue.is_empty() {
            return Duty::Nothing;
        }
        match self.idle.pop() {
            Some(seat) => {
                seat.called.store(true, Ordering::Relaxed);
                self.summoned = true;
                Duty::Wake(seat)
            }
            None => Duty::Nothing,
        }
    }

    /// The calling thread is created and about to call its start hook. Unless threads fail, as they
    /// may for ever, it hands the wake-up on, where more than one may be in the making.
    pub(super) fn transition_to_begun(&mut self) -> Duty {
        if self.has_failed {
            return Duty::Nothing;
        }
        self.summon()
    }

    /// The calling thread is about to submit a job in its start hook, which may wait for it.
    pub(super) fn transition_to_held(&mut self) {
        self.creating -= 1;
        self.held += 1;
    }

    /// A thread that was created is here. It goes on to [`take`](Self::take) under the same lock,
    /// unless it is one too many.
    pub(super) fn transition_to_joined(&mut self, beginning: Beginning) {
        *self.beginners(beginning) -= 1;
        self.has_failed = false;
    }

    fn beginners(&mut self, beginning: Beginning) -> &mut usize {
        match beginning {
            Beginning::Created => &mut self.creating,
            Beginning::Held => &mut self.held,
        }
    }

    /// A thread that was idle is here. It goes on to [`take`](Self::take) under the
    /// same lock.
    pub(super) fn transition_to_arrived(&mut self) {
        debug_assert!(
            self.summoned || self.is_closed(),
            "arrived without a summons"
        );
        self.summoned = false;
    }

    /// The calling thread has nothing to do and is about to wait in its seat.
    pub(super) fn transition_to_idle(&mut self, seat: &Arc<Seat>) {
        debug_assert!(
            self.queue.is_empty(),
            "idle beside {} queued jobs",
            self.queue.len()
        );
        seat.called.store(false, Ordering::Relaxed);
        self.idle.push(Arc::clone(seat));
    }

    /// Whether the owner of the seat was summoned since it sat down.
    pub(super) fn is_called(&self, seat: &Seat) -> bool {
        seat.called.load(Ordering::Relaxed)
    }

    /// The owner of a seat that was not called has waited long enough. It is
    /// counted out and must leave.
    pub(super) fn transition_to_expired(&mut self, seat: &Arc<Seat>) {
        // The coldest are at the front, and it is they who expire.
        let position = self.idle.iter().position(|other| Arc::ptr_eq(other, seat));
        self.idle
            .remove(position.expect("a seat that was not called is on the stack"));
        self.threads -= 1;
    }

    /// A thread leaves because the pool is closed.
    pub(super) fn transition_to_dismissed(&mut self) {
        debug_assert!(self.is_closed() && self.queue.is_empty());
        self.threads -= 1;
    }

    /// A thread leaves because it is one too many. If there are jobs, all others that have come
    /// are busy or summoned, and look for more when they are done.
    pub(super) fn transition_to_surplus(&mut self) {
        debug_assert!(self.is_over_the_cap());
        self.threads -= 1;
    }

    /// A thread that had arrived dies. Its place is free for another.
    pub(super) fn transition_to_dead(&mut self) -> Duty {
        self.threads -= 1;
        self.summon()
    }

    /// A thread could not be created, or died before it came.
    ///
    /// Nobody is created in its place: that would most likely fail too, and for
    /// ever. The others take the jobs, none of which is idle beside them; unless all are lent
    /// or held, and may wait for these jobs. `ticket` is the
    /// reporter's own job, if it has one in the queue.
    pub(super) fn transition_to_failed(
        &mut self,
        beginning: Beginning,
        ticket: Option<Ticket>,
    ) -> Failed<J> {
        self.threads -= 1;
        *self.beginners(beginning) -= 1;
        self.has_failed = true;
        if self.threads > self.lent + self.held {
            return Failed {
                own: None,
                stranded: VecDeque::new(),
            };
        }
        let mut stranded = mem::take(&mut self.queue);
        let first = self.taken;
        self.taken += stranded.len() as u64;
        let own = ticket
            .and_then(|ticket| ticket.0.checked_sub(first))
            .and_then(|index| stranded.remove(usize::try_from(index).ok()?));
        Failed { own, stranded }
    }

    /// Takes no more jobs, gives up the queued ones, and sends everybody home.
    pub(super) fn transition_to_closed(&mut self) -> Closed<J> {
        let queue = mem::take(&mut self.queue);
        self.taken += queue.len() as u64;
        let idle = mem::take(&mut self.idle);
        for seat in &idle {
            seat.called.store(true, Ordering::Relaxed);
        }
        Closed {
            queue,
            idle,
            recruiting: self.recruiting.take(),
        }
    }
}
