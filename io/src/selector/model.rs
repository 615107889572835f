//! In the loom models: a queue and a condition variable in place of the kernel.
//!
//! It comes in two kinds, as selectors do. With [`Selector::new`] a model reports
//! each event itself, with [`Selector::report`]. With [`Selector::one_shot`] it
//! says what a source is ready for, with [`Selector::set_level`], and a wait
//! reports what the source was armed for by the code that ships, which disarms it.
//!
//! Deregistering does not take back what was reported, as with the kernel. A
//! wait with a timeout other than zero is one without, unless the model lets waits
//! expire.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::arming::{Arming, Backend};
use crate::key::Key;
use crate::model_time;
use crate::primitive::{Condvar, Mutex};
use crate::registry::Event;
use crate::source::BorrowedSource;
use crate::{Interest, Ready};

#[derive(Debug)]
pub(crate) struct Selector {
    kernel: Kernel,
    /// Present if sources are one-shot.
    arming: Option<Arming>,
}

#[derive(Debug)]
struct Kernel {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<(usize, Ready)>,
    is_notified: bool,
    /// One-shot sources, by key.
    sources: BTreeMap<usize, OneShot>,
    /// What a one-shot source is ready for when it is added.
    first_level: Ready,
}

#[derive(Debug)]
struct OneShot {
    armed: Ready,
    level: Ready,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Selector {
            kernel: Kernel {
                state: Mutex::new(State::default()),
                changed: Condvar::new(),
            },
            arming: None,
        })
    }

    /// A selector for one-shot sources, which are ready for `first_level` from
    /// the start.
    #[cfg(test)]
    pub(crate) fn one_shot(first_level: Ready) -> Selector {
        let selector = Selector::new().expect("the model has what it needs");
        selector.kernel.state.lock().first_level = first_level;
        Selector {
            arming: Some(Arming::new()),
            ..selector
        }
    }

    pub(crate) fn add(
        &self,
        source: BorrowedSource<'_>,
        key: Key,
        interest: Interest,
        assumed: Ready,
    ) -> io::Result<()> {
        match &self.arming {
            Some(arming) => arming.add(&self.kernel, source, key, interest, assumed),
            None => Ok(()),
        }
    }

    pub(crate) fn delete(&self, source: BorrowedSource<'_>, key: Key) -> io::Result<()> {
        match &self.arming {
            Some(arming) => arming.delete(&self.kernel, source, key),
            None => Ok(()),
        }
    }

    pub(crate) fn rearm(&self, key: Key, ready: impl FnOnce() -> Ready) {
        if let Some(arming) = &self.arming {
            arming.rearm(&self.kernel, key, ready);
        }
    }

    /// Plays the kernel: something happened to the source behind `key`.
    pub(crate) fn report(&self, key: Key, ready: Ready) {
        let mut state = self.kernel.state.lock();
        state.events.push_back((key.to_usize(), ready));
        drop(state);
        self.kernel.changed.notify_one();
    }

    /// Plays the kernel: this is what the one-shot source behind `key` is ready
    /// for now.
    #[cfg(test)]
    pub(crate) fn set_level(&self, key: Key, level: Ready) {
        let mut state = self.kernel.state.lock();
        let source = state.sources.get_mut(&key.to_usize());
        source.expect("the source was added").level = level;
        drop(state);
        self.kernel.changed.notify_one();
    }

    pub(crate) fn notify(&self) -> io::Result<()> {
        self.kernel.state.lock().is_notified = true;
        self.kernel.changed.notify_one();
        Ok(())
    }

    pub(crate) fn wait(&self, buffer: &mut Buffer, timeout: Option<Duration>) -> io::Result<()> {
        buffer.events.clear();
        let mut state = self.kernel.state.lock();
        loop {
            state.collect_one_shots();
            let is_over = state.is_notified || !state.events.is_empty();
            if is_over || timeout == Some(Duration::ZERO) {
                break;
            }
            if let Some(timeout) = timeout.filter(|_| model_time::waits_expire()) {
                drop(state);
                model_time::expire(model_time::now() + timeout);
                state = self.kernel.state.lock();
                state.collect_one_shots();
                break;
            }
            self.kernel.changed.wait(&mut state);
        }
        state.is_notified = false;
        let fitting = state.events.len().min(buffer.capacity);
        buffer.events.extend(state.events.drain(..fitting));
        Ok(())
    }
}

impl State {
    /// Reports and disarms the sources that are ready for what they are armed for.
    fn collect_one_shots(&mut self) {
        for (key, source) in &mut self.sources {
            let ready = source.armed & source.level;
            if !ready.is_empty() {
                source.armed = Ready::EMPTY;
                self.events.push_back((*key, ready));
            }
        }
    }
}

impl Kernel {
    fn armed(wanted: polling::Event) -> Ready {
        let mut armed = Ready::EMPTY;
        if wanted.readable {
            armed |= Ready::READABLE;
        }
        if wanted.writable {
            armed |= Ready::WRITABLE;
        }
        armed
    }
}

impl Backend for Kernel {
    fn add(&self, _source: BorrowedSource<'_>, wanted: polling::Event) -> io::Result<()> {
        let mut state = self.state.lock();
        let source = OneShot {
            armed: Self::armed(wanted),
            level: state.first_level,
        };
        let former = state.sources.insert(wanted.key, source);
        assert!(former.is_none(), "a key names one source");
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn arm(&self, _source: BorrowedSource<'_>, wanted: polling::Event) -> io::Result<()> {
        let mut state = self.state.lock();
        let source = state.sources.get_mut(&wanted.key);
        source
            .expect("a source is armed between being added and deleted only")
            .armed = Self::armed(wanted);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn delete(&self, _source: BorrowedSource<'_>, key: Key) -> io::Result<()> {
        self.state.lock().sources.remove(&key.to_usize());
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

    pub(crate) fn is_full(&self) -> bool {
        self.events.len() == self.capacity
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
