//! Linux: epoll, edge-triggered, one system call a turn; two on a kernel before
//! 5.11 if there is a timeout.
//!
//! `polling` owns the epoll instance and removes sources from it. Two things go
//! to the instance directly:
//!
//! - **Waiting**, because `polling` spends five system calls on a wait: it
//!   re-arms its own notifier and a timer each time. Here it is what
//!   [`wait`] says, with timeouts in nanoseconds.
//! - **Adding**, because `polling` cannot ask for `EPOLLRDHUP`. With edges, an
//!   end of stream that arrives together with data makes one event; a read that
//!   comes back short may stop at that only if the event told of both.
//!
//! # Notification
//! An eventfd is added once, edge-triggered, and never read or re-armed: every
//! write is a new edge. Its counter overflows after 2^64 - 2 writes of one,
//! which at ten million a second takes fifty thousand years.
//!
//! # Keys
//! Sources have keys below 2^63. The eventfd has [`WAKE`]; `polling` has
//! `u64::MAX` for its notifier and its timer, both of which stay silent as they
//! are only used by its own wait. Neither reaches the registry.

mod wait;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use polling::Poller;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use self::wait::{Events, Wait};
use crate::key::Key;
use crate::registry::Event;
use crate::source::BorrowedSource;
use crate::{Interest, Ready};

/// The eventfd's key.
const WAKE: u64 = u64::MAX - 1;

#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
    notifier: OwnedFd,
    wait: Wait,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        let poller = Poller::new()?;
        let wait = Wait::available(poller.as_fd())?;
        let notifier = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let wake = EventData::new_u64(WAKE);
        epoll::add(&poller, &notifier, wake, EventFlags::IN | EventFlags::ET)?;
        Ok(Selector {
            poller,
            notifier,
            wait,
        })
    }

    pub(crate) fn add(
        &self,
        source: BorrowedSource<'_>,
        key: Key,
        interest: Interest,
        _assumed: Ready,
    ) -> io::Result<()> {
        let data = EventData::new_u64(key.to_usize() as u64);
        Ok(epoll::add(&self.poller, source, data, flags(interest))?)
    }

    pub(crate) fn delete(&self, source: BorrowedSource<'_>, _key: Key) -> io::Result<()> {
        self.poller.delete(source)
    }

    /// Edges repeat by themselves.
    #[inline]
    pub(crate) fn rearm(&self, _key: Key, _ready: impl FnOnce() -> Ready) {}

    pub(crate) fn notify(&self) -> io::Result<()> {
        rustix::io::retry_on_intr(|| rustix::io::write(&self.notifier, &1_u64.to_ne_bytes()))?;
        Ok(())
    }

    pub(crate) fn wait(&self, buffer: &mut Buffer, timeout: Option<Duration>) -> io::Result<()> {
        let (epoll, events) = (self.poller.as_fd(), &mut buffer.events);
        match self.wait.wait(epoll, events, timeout) {
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
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
            events: Events::with_capacity(capacity.get()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.events.len() == self.events.capacity()
    }

    /// The events that concern sources.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.events.iter().filter_map(|event| {
            let key = Key::from_usize(usize::try_from(event.u64).ok()?)?;
            Some(Event {
                key,
                ready: decode(EventFlags::from_bits_retain(event.events)),
            })
        })
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events()).finish()
    }
}

/// What to ask the kernel for. It reports `EPOLLERR` and `EPOLLHUP` unasked.
fn flags(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::ET;
    if interest.is_readable() {
        flags |= EventFlags::IN | EventFlags::RDHUP;
    }
    if interest.is_writable() {
        flags |= EventFlags::OUT;
    }
    if interest.is_priority() {
        flags |= EventFlags::PRI | EventFlags::RDHUP;
    }
    flags
}

/// What the kernel reported.
///
/// An error makes both directions ready, since the next operation in either
/// will report it: a connected UDP socket has nothing but `EPOLLERR` to tell
/// its reader that the peer is unreachable. `EPOLLERR` with room to write, or
/// alone, is a pipe without readers, and counts as closed for writing.
fn decode(flags: EventFlags) -> Ready {
    let has = |flag| flags.contains(flag);
    let mut ready = Ready::EMPTY;
    if flags.intersects(EventFlags::IN | EventFlags::PRI | EventFlags::ERR) {
        ready |= Ready::READABLE;
    }
    if flags.intersects(EventFlags::OUT | EventFlags::ERR) {
        ready |= Ready::WRITABLE;
    }
    if flags.intersects(EventFlags::HUP | EventFlags::RDHUP) {
        ready |= Ready::READ_CLOSED;
    }
    if has(EventFlags::HUP) || has(EventFlags::OUT | EventFlags::ERR) || flags == EventFlags::ERR {
        ready |= Ready::WRITE_CLOSED;
    }
    if has(EventFlags::PRI) {
        ready |= Ready::PRIORITY;
    }
    if has(EventFlags::ERR) {
        ready |= Ready::ERROR;
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_matches_the_kernels_meaning() {
        let readable = Ready::READABLE;
        let writable = Ready::WRITABLE;
        let cases = [
            (EventFlags::IN, readable),
            (EventFlags::OUT, writable),
            (EventFlags::IN | EventFlags::OUT, readable | writable),
            (
                EventFlags::IN | EventFlags::RDHUP,
                readable | Ready::READ_CLOSED,
            ),
            (EventFlags::HUP, Ready::CLOSED),
            (EventFlags::PRI, readable | Ready::PRIORITY),
            (
                EventFlags::ERR,
                readable | writable | Ready::ERROR | Ready::WRITE_CLOSED,
            ),
            (
                EventFlags::OUT | EventFlags::ERR,
                readable | writable | Ready::ERROR | Ready::WRITE_CLOSED,
            ),
            (
                EventFlags::IN | EventFlags::ERR,
                readable | writable | Ready::ERROR,
            ),
        ];
        for (flags, ready) in cases {
            assert_eq!(decode(flags), ready, "{flags:?}");
        }
    }

    #[test]
    fn pollings_own_events_are_not_taken_for_sources() {
        let mut buffer = Buffer::new(NonZeroUsize::MIN);
        for key in [WAKE, u64::MAX] {
            buffer.events.clear();
            buffer.events.push(libc::epoll_event {
                events: EventFlags::IN.bits(),
                u64: key,
            });
            assert_eq!(buffer.events().count(), 0);
        }
    }

    #[test]
    fn every_notification_is_an_edge() {
        let selector = Selector::new().unwrap();
        let mut buffer = Buffer::new(NonZeroUsize::MIN);
        for _ in 0..3 {
            selector.notify().unwrap();
            selector.wait(&mut buffer, None).unwrap();
            assert_eq!(buffer.events.len(), 1);
            selector.wait(&mut buffer, Some(Duration::ZERO)).unwrap();
            assert_eq!(buffer.events.len(), 0, "one edge must end one wait only");
        }
    }
}
