//! What a program can consist of.
//!
//! A program is a tree: tasks of steps, some of which start other tasks. Every
//! wait in it ends by itself: it waits for time, for a task further down, for a
//! thread that is certain to act, or for a peer that ends the connection at the
//! latest when it is dropped. A program that does not end has found a bug.

use std::sync::Arc;
use std::time::Duration;

/// A task, or the future that a thread passes to `block_on`.
#[derive(Debug)]
pub(super) struct Job {
    /// Unique within the program.
    pub(super) name: usize,
    pub(super) steps: Vec<Step>,
}

/// One thing that a task does.
#[derive(Debug)]
pub(super) enum Step {
    /// Yields so many times.
    Yield(u32),
    /// Spends so many units of the cooperative budget.
    Spend(u32),
    Sleep(Nap),
    /// Takes part in an interval.
    Interval {
        period: Duration,
        ticks: u32,
    },
    /// Moves a paused clock.
    Advance(Duration),
    Timeout {
        limit: Duration,
        steps: Vec<Step>,
    },
    /// The slower of the two is dropped.
    Select {
        left: Vec<Step>,
        right: Vec<Step>,
    },
    /// Both in one task, to the end.
    Both {
        left: Vec<Step>,
        right: Vec<Step>,
    },
    Spawn {
        job: Arc<Job>,
        fate: Fate,
        /// Whether the outsider may abort it.
        exposed: bool,
    },
    Set {
        jobs: Vec<Arc<Job>>,
        end: SetEnd,
    },
    Blocking {
        name: usize,
        time: Duration,
        panics: bool,
        fate: Fate,
    },
    /// `block_in_place`, with `Handle::block_on` of the steps in it.
    InPlace {
        time: Duration,
        steps: Vec<Step>,
    },
    /// A channel from a task of its own to this one.
    Channel {
        name: usize,
        messages: u32,
        capacity: usize,
        /// The sender yields before each such message.
        pause: u32,
        exposed: bool,
    },
    /// Two tasks hand a token to and fro.
    PingPong {
        name: usize,
        rounds: u32,
    },
    /// Pending until a thread outside the runtime wakes it.
    Foreign(Duration),
    /// Leaves a clone of its waker to be woken at any time.
    LeakWaker,
    Connect(Connection),
    Panic,
}

/// What a task does with a sleep.
#[derive(Clone, Copy, Debug)]
pub(super) enum Nap {
    /// Awaits it.
    Whole(Duration),
    /// Polls it once, resets it, and awaits it.
    Reset { first: Duration, then: Duration },
    /// Awaits it, resets it, and awaits it again.
    Again { first: Duration, then: Duration },
    /// Polls it once and drops it.
    Dropped(Duration),
    /// Polls it here and awaits it in another task.
    Moved(Duration),
}

/// What becomes of a handle.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Join,
    /// Dropped at once.
    Detach,
    /// Aborted after so many yields, and joined.
    Abort(u32),
    /// Aborted after so many yields, and dropped.
    AbortAndDrop(u32),
    /// Polled once and dropped.
    PollAndDrop,
    /// Joined when the runtime is gone.
    JoinOutside,
    /// Joined by a task made for that.
    JoinElsewhere,
}

/// What becomes of a set of tasks.
#[derive(Clone, Copy, Debug)]
pub(super) enum SetEnd {
    JoinAll,
    /// Joins so many, then drops the set.
    JoinSome(u32),
    /// Aborts all after so many yields and joins them.
    AbortAll(u32),
    Shutdown,
    Detach,
    Drop,
}

/// A listener, a server and a client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) name: usize,
    pub(super) client: Side,
    pub(super) server: Side,
    /// Small buffers in the kernel, so that writers wait for readers.
    pub(super) small_buffers: bool,
    /// The server is aborted after so many yields.
    pub(super) abort_server: Option<u32>,
    pub(super) abort_client: Option<u32>,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// How many bytes it writes.
    pub(super) write: usize,
    /// At most that many at a time, to be read or to be written.
    pub(super) chunk: usize,
    /// What it does between two of them.
    pub(super) pause: Pause,
    pub(super) end: End,
    pub(super) style: Style,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Pause {
    None,
    Yield,
    Sleep(Duration),
}

/// How a side ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Half-closes after its last byte, and reads to the end.
    HalfClose,
    /// Drops the connection after its last byte.
    Drop,
    /// Resets the connection after its last byte.
    Reset,
    /// Drops the connection after so many bytes were read.
    DropAfter(usize),
    /// Resets the connection after so many bytes were read.
    ResetAfter(usize),
}

/// By which interface it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `AsyncRead` and `AsyncWrite` of the borrowed halves.
    Traits,
    /// `readable` and `try_read`, `writable` and `try_write`.
    Readiness,
    /// Halves in two tasks; ends as [`End::HalfClose`].
    Owned,
}
