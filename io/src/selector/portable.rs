//! Everywhere else, and on Linux with `--cfg filch_portable`: `polling` alone.
//!
//! Sources are registered in one-shot mode, which every backend of `polling`
//! has: a report uses up what the source was armed for, and it is armed again
//! for the directions that are not marked ready (see `arming`). Edge-triggered mode
//! would save that call where the backend has it, but `polling` does not tell
//! of the end of a stream (`EPOLLRDHUP`, `EV_EOF`), without which each message
//! costs a second read instead. One-shot reports are level-triggered when
//! armed: an end of stream that arrived with data is reported after the data.
//!
//! The closed states are reported as far as the backend tells of them.

#![expect(
    unsafe_code,
    reason = "polling leaves it to us to delete sources before they close"
)]

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use polling::{Events, PollMode, Poller};

use super::arming::{Arming, Backend};
use crate::key::Key;
use crate::registry::Event;
use crate::source::BorrowedSource;
use crate::{Interest, Ready};

#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
    arming: Arming,
}

impl Backend for Poller {
    fn add(&self, source: BorrowedSource<'_>, wanted: polling::Event) -> io::Result<()> {
        // SAFETY: `Registered` owns the source and deletes it before closing it.
        unsafe { self.add_with_mode(&source, wanted, PollMode::Oneshot) }
    }

    fn arm(&self, source: BorrowedSource<'_>, wanted: polling::Event) -> io::Result<()> {
        self.modify_with_mode(source, wanted, PollMode::Oneshot)
    }

    fn delete(&self, source: BorrowedSource<'_>, _key: Key) -> io::Result<()> {
        Poller::delete(self, source)
    }
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Selector {
            poller: Poller::new()?,
            arming: Arming::new(),
        })
    }

    pub(crate) fn add(
        &self,
        source: BorrowedSource<'_>,
        key: Key,
        interest: Interest,
        assumed: Ready,
    ) -> io::Result<()> {
        self.arming
            .add(&self.poller, source, key, interest, assumed)
    }

    pub(crate) fn delete(&self, source: BorrowedSource<'_>, key: Key) -> io::Result<()> {
        self.arming.delete(&self.poller, source, key)
    }

    /// Arms a source for what it is not ready for.
    pub(crate) fn rearm(&self, key: Key, ready: impl FnOnce() -> Ready) {
        self.arming.rearm(&self.poller, key, ready);
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

    /// Also if there may have been a place for the poller's own event.
    pub(crate) fn is_full(&self) -> bool {
        self.events.iter().count() + 1 >= self.events.capacity().get()
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
