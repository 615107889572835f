//! Which threads of the operating system exist, and who joins them.
//!
//! A thread that leaves cannot join itself, and one that nobody joins keeps its
//! stack. So each thread that ends joins those that ended before it, one as a rule,
//! and the last is joined by whoever shuts the pool down.
//!
//! The creator of a thread learns its handle only after the thread runs, and
//! perhaps only after it has ended. A member therefore stays on the roster until
//! both have happened: the handle was brought and the thread has ended.
//!
//! A thread that has ended still runs its destructors of thread locals, which are the
//! program's: they may take long, or wait for somebody. So nobody joins who is in a hurry
//! (the creator of a thread, a shutdown with a timeout), nor does a thread of the pool
//! itself whose destructors shut the pool down: the one that ended after it waits
//! for it.

use crate::primitive::thread::{JoinHandle, ThreadId};
use crate::unwind::discard;
use std::collections::HashMap;
use std::mem;

/// Names one thread of one pool, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MemberId(u64);

#[derive(Debug, Default)]
struct Member {
    /// Known once the thread runs.
    thread: Option<ThreadId>,
    /// Known once its creator has brought it.
    handle: Option<JoinHandle<()>>,
    ended: bool,
}

/// Threads that have ended, to be joined once the lock is released.
#[must_use = "a thread that is not joined keeps its stack"]
#[derive(Debug)]
pub(super) struct Retired(Vec<JoinHandle<()>>);

impl Retired {
    /// Waits for the few instructions the threads may still have before them, and
    /// for their destructors of thread locals.
    pub(super) fn join(self) {
        for handle in self.0 {
            // The panic of a thread that died was reported when it happened.
            if let Err(panic) = handle.join() {
                discard(panic);
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Roster {
    members: HashMap<MemberId, Member>,
    next: u64,
    retired: Vec<JoinHandle<()>>,
}

impl Roster {
    pub(super) fn new() -> Self {
        Self {
            members: HashMap::new(),
            next: 0,
            retired: Vec::new(),
        }
    }

    /// Enters a thread that is about to be created.
    pub(super) fn enlist(&mut self) -> MemberId {
        let id = MemberId(self.next);
        self.next += 1;
        self.members.insert(id, Member::default());
        id
    }

    /// The thread could not be created.
    pub(super) fn strike(&mut self, id: MemberId) {
        self.members.remove(&id);
    }

    /// The thread tells who it is.
    pub(super) fn introduce(&mut self, id: MemberId, thread: ThreadId) {
        self.member(id).thread = Some(thread);
    }

    /// The creator brings the thread's handle.
    pub(super) fn bring(&mut self, id: MemberId, handle: JoinHandle<()>) {
        self.member(id).handle = Some(handle);
        self.retire_if_complete(id);
    }

    /// The thread has nothing left to do but to join the former ones.
    pub(super) fn end(&mut self, id: MemberId) -> Retired {
        let former = self.take_retired();
        self.member(id).ended = true;
        self.retire_if_complete(id);
        former
    }

    /// The threads that ended and were not joined yet.
    pub(super) fn take_retired(&mut self) -> Retired {
        Retired(mem::take(&mut self.retired))
    }

    /// How many threads other than `thread` have yet to end.
    pub(super) fn others(&self, thread: ThreadId) -> usize {
        self.members
            .values()
            .filter(|member| member.thread != Some(thread))
            .count()
    }

    fn member(&mut self, id: MemberId) -> &mut Member {
        self.members
            .get_mut(&id)
            .expect("a member is on the roster until it is complete")
    }

    fn retire_if_complete(&mut self, id: MemberId) {
        let member = self.member(id);
        if member.ended && member.handle.is_some() {
            let member = self.members.remove(&id);
            self.retired.extend(member.and_then(|member| member.handle));
        }
    }
}
