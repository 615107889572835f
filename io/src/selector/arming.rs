//! What one-shot sources are armed for.
//!
//! A report uses up what a source was armed for, in both directions. The source
//! is armed again for the directions that are not marked ready, whenever its
//! readiness has changed: by the turn that delivers the event, and by whoever
//! clears readiness. These may meet.
//!
//! # Why no direction stays unarmed
//! Readiness is asked for under the lock under which the source is armed. A
//! change of readiness precedes the call that it brings. So of two calls the one
//! that locks last knows both changes, and it is the one whose arming stays.
//! Until then the source may be armed for too much, which costs one needless
//! event. A source is known here before it can be reported, as it is added
//! under the same lock.
//!
//! # Invariant: what is known here is open
//! A source is in the map only between its [`add`](Arming::add) and its
//! [`delete`](Arming::delete), and its owner closes it after that only. So it may
//! be borrowed under the lock.

#![expect(
    unsafe_code,
    reason = "a source is borrowed from its owner for as long as the lock is held"
)]

use std::collections::HashMap;
use std::io;

use crate::key::Key;
use crate::primitive::Mutex;
use crate::source::{BorrowedSource, RawSource, raw};
use crate::{Interest, Ready};

/// The part of the operating system that one-shot sources are added to.
pub(super) trait Backend {
    /// Adds a source, armed for the event's directions.
    fn add(&self, source: BorrowedSource<'_>, wanted: polling::Event) -> io::Result<()>;

    /// Arms a source that was added, for the event's directions and no others.
    fn arm(&self, source: BorrowedSource<'_>, wanted: polling::Event) -> io::Result<()>;

    /// Removes a source.
    fn delete(&self, source: BorrowedSource<'_>, key: Key) -> io::Result<()>;
}

#[derive(Debug)]
pub(super) struct Arming {
    sources: Mutex<HashMap<Key, Source>>,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    raw: RawSource,
    interest: Interest,
}

impl Arming {
    pub(super) fn new() -> Arming {
        Arming {
            sources: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn add(
        &self,
        backend: &impl Backend,
        source: BorrowedSource<'_>,
        key: Key,
        interest: Interest,
        assumed: Ready,
    ) -> io::Result<()> {
        let wanted = wanted(key, interest, assumed).unwrap_or(polling::Event::none(key.to_usize()));
        let mut sources = self.sources.lock();
        backend.add(source, wanted)?;
        let raw = raw(source);
        sources.insert(key, Source { raw, interest });
        Ok(())
    }

    pub(super) fn delete(
        &self,
        backend: &impl Backend,
        source: BorrowedSource<'_>,
        key: Key,
    ) -> io::Result<()> {
        let mut sources = self.sources.lock();
        sources.remove(&key);
        backend.delete(source, key)
    }

    /// Arms a source for what it is not ready for. `ready` is asked for under the
    /// lock.
    pub(super) fn rearm(&self, backend: &impl Backend, key: Key, ready: impl FnOnce() -> Ready) {
        let sources = self.sources.lock();
        let Some(&Source { raw, interest }) = sources.get(&key) else {
            return;
        };
        let Some(wanted) = wanted(key, interest, ready()) else {
            return;
        };
        // SAFETY: by the module's invariant the source is open; it is borrowed
        // under the lock that `delete` takes before its owner may close it.
        let source = unsafe { BorrowedSource::borrow_raw(raw) };
        // This fails if the source is no longer registered, because it was
        // exchanged behind our back: then there is nothing to wait for.
        let _ = backend.arm(source, wanted);
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

#[cfg(all(test, filch_loom))]
mod loom_arming;
