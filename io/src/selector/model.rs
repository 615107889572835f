//! In the loom models: a queue and a condition variable in place of the kernel.
//!
//! A model reports an event itself, with [`Selector::report`]. Deregistering
//! does not take back what was reported, as with the kernel. A wait with a
//! timeout other than zero is one without: loom knows no time.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::key::Key;
use crate::primitive::{Condvar, Mutex};
use crate::registry::Event;
use crate::source::BorrowedSource;
use crate::{Interest, Ready};

#[derive(Debug)]
pub(crate) struct Selector {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    events: VecDeque<(usize, Ready)>,
    is_notified: bool,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Selector {
            pending: Mutex::new(Pending::default()),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn add(
        &self,
        _source: BorrowedSource<'_>,
        _key: Key,
        _interest: Interest,
        _assumed: Ready,
    ) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn delete(&self, _source: BorrowedSource<'_>, _key: Key) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn rearm(&self, _key: Key, _ready: impl FnOnce() -> Ready) {}

    /// Plays the kernel: something happened to the source behind `key`.
    pub(crate) fn report(&self, key: Key, ready: Ready) {
        self.pending
            .lock()
            .events
            .push_back((key.to_usize(), ready));
        self.changed.notify_one();
    }

    pub(crate) fn notify(&self) -> io::Result<()> {
        self.pending.lock().is_notified = true;
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn wait(&self, buffer: &mut Buffer, timeout: Option<Duration>) -> io::Result<()> {
        buffer.events.clear();
        let mut pending = self.pending.lock();
        while timeout != Some(Duration::ZERO) && !pending.is_notified && pending.events.is_empty() {
            self.changed.wait(&mut pending);
        }
        pending.is_notified = false;
        let fitting = pending.events.len().min(buffer.capacity);
        buffer.events.extend(pending.events.drain(..fitting));
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Buffer {
    events: Vec<(usize, Ready)>,
    capacity: usize,
}

impl Buffer {
    pub(crate) fn new(capacity: NonZeroUsize) -> Buffer {
        Buffer {
            events: Vec::new(),
            capacity: capacity.get(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.events.iter().filter_map(|&(key, ready)| {
            Some(Event {
                key: Key::from_usize(key)?,
                ready,
            })
        })
    }
}
