//! Everywhere else, and on Linux with `--cfg filch_portable`: `polling` alone.
//!
//! Sources are registered in one-shot mode, which every backend of `polling`
//! has: a report uses up what the source was armed for, and [`rearm`] arms it
//! again for the directions that are not marked ready. Edge-triggered mode
//! would save that call where the backend has it, but `polling` does not tell
//! of the end of a stream (`EPOLLRDHUP`, `EV_EOF`), without which each message
//! costs a second read instead. One-shot reports are level-triggered when
//! armed: an end of stream that arrived with data is reported after the data.
//!
//! The closed states are reported as far as the backend tells of them.
//!
//! [`rearm`]: Selector::rearm

#![expect(
    unsafe_code,
    reason = "polling leaves it to us to delete sources before they close"
)]

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use polling::{Events, PollMode, Poller};

use crate::key::Key;
use crate::primitive::Mutex;
use crate::registry::Event;
use crate::source::{BorrowedSource, RawSource, raw};
use crate::{Interest, Ready};

#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
    /// Invariant: a source is in here only between its `add` and its `delete`,
    /// and its owner does not close it in between. What a source is armed for
    /// is changed under this lock, so that the last change is the one made with
    /// the newest knowledge of its readiness.
    sources: Mutex<HashMap<Key, Armed>>,
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    source: RawSource,
    interest: Interest,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Selector {
            poller: Poller::new()?,
            sources: Mutex::new(HashMap::new()),
        })
    }

    pub(crate) fn add(
        &self,
        source: BorrowedSource<'_>,
        key: Key,
        interest: Interest,
        assumed: Ready,
    ) -> io::Result<()> {
        let wanted = wanted(key, interest, assumed).unwrap_or(polling::Event::none(key.to_usize()));
        let mut sources = self.sources.lock();
        // SAFETY: `Registered` owns the source and deletes it before closing it.
        unsafe {
            self.poller
                .add_with_mode(&source, wanted, PollMode::Oneshot)?
        };
        sources.insert(
            key,
            Armed {
                source: raw(source),
                interest,
            },
        );
        Ok(())
    }

    pub(crate) fn delete(&self, source: BorrowedSource<'_>, key: Key) -> io::Result<()> {
        let mut sources = self.sources.lock();
        sources.remove(&key);
        self.poller.delete(source)
    }

    /// Arms a source for what it is not ready for.
    ///
    /// `ready` is asked for under the lock. Readiness that changes after it was
    /// read brings its own call, so the last one to arm knows best; until then
    /// the source may be armed for too much, which costs one needless event.
    pub(crate) fn rearm(&self, key: Key, ready: impl FnOnce() -> Ready) {
        let sources = self.sources.lock();
        let Some(&Armed { source, interest }) = sources.get(&key) else {
            return;
        };
        let Some(wanted) = wanted(key, interest, ready()) else {
            return;
        };
        // SAFETY: the source is in the map, so it is open; it is borrowed under
        // the lock that `delete` takes before the owner may close it.
        let source = unsafe { BorrowedSource::borrow_raw(source) };
        // This fails if the source is no longer registered, because it was
        // exchanged behind our back: then there is nothing to wait for.
        let _ = self
            .poller
            .modify_with_mode(source, wanted, PollMode::Oneshot);
    }

    pub(crate) fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    pub(crate) fn wait(&self, buffer: &mut Buffer, timeout: Option<Duration>) -> io::Result<()> {
        buffer.events.clear();
        match self.poller.wait(&mut buffer.events, timeout) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The events of one wait; as many as it has room for.
pub(crate) struct Buffer {
    events: Events,
}

impl Buffer {
    pub(crate) fn new(capacity: NonZeroUsize) -> Buffer {
        Buffer {
            events: Events::with_capacity(capacity),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events that concern sources.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.events.iter().filter_map(|event| {
            let key = Key::from_usize(event.key)?;
            Some(Event {
                key,
                ready: decode(&event),
            })
        })
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events()).finish()
    }
}

/// What a source that is ready for `ready` must be armed for, if anything.
///
/// A close that was reported satisfies no reader or writer here, so that its
/// end, which a FIFO may live to see, is reported too. Backends report a close
/// unasked whatever a source is armed for, and as readable and writable: hence
/// to arm for something else while there is a close would spin.
fn wanted(key: Key, interest: Interest, ready: Ready) -> Option<polling::Event> {
    let open = ready - Ready::CLOSED;
    let read = interest.is_readable() && !open.is_readable();
    let write = interest.is_writable() && !open.is_writable();
    let is_closed = open != ready;
    let priority = interest.is_priority() && !ready.is_priority() && !is_closed;
    let error = interest.is_error() && !ready.is_error() && !is_closed;
    let mut event = polling::Event::new(key.to_usize(), read, write);
    event.set_priority(priority);
    event.set_interrupt(read || write);
    (read || write || priority || error).then_some(event)
}

/// What the backend reported; see the Linux selector for the reasons.
fn decode(event: &polling::Event) -> Ready {
    let mut ready = Ready::EMPTY;
    let error = event.is_err().unwrap_or(false);
    if event.readable || event.is_priority() || error {
        ready |= Ready::READABLE;
    }
    if event.writable || error {
        ready |= Ready::WRITABLE;
    }
    if event.is_interrupt() {
        ready |= Ready::CLOSED;
    }
    if event.is_priority() {
        ready |= Ready::PRIORITY;
    }
    if error {
        ready |= Ready::ERROR;
        if event.writable {
            ready |= Ready::WRITE_CLOSED;
        }
    }
    ready
}
