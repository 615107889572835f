//! Models of operations on a source whose events arrive meanwhile.
//!
//! A peer sends, which puts a byte into the kernel's buffer and has an event
//! reported; the reading task finds the byte or clears what it relied on. Two
//! threads, one of which is the peer and turns the driver, or three where two
//! tasks share a source. One or two bytes: the race is between one event and one
//! clear. Where a task reads twice or there are three threads, preemption is bounded
//! by 3.

use std::cell::Cell;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::*;
use crate::Driver;
use crate::loom_support::{block_on, model_bounded, model_fully};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A source and the kernel's buffer of it. It is assumed to be ready, so that
/// reads begin in vain.
struct Socket {
    source: Registered<io::Stdin>,
    buffered: AtomicUsize,
}

impl Socket {
    fn new() -> (Driver, Arc<Socket>) {
        let driver = Driver::new(4).unwrap();
        let assumed = Ready::READABLE | Ready::WRITABLE;
        let source = Registered::new(io::stdin(), BOTH, assumed, driver.handle()).unwrap();
        let buffered = AtomicUsize::new(0);
        (driver, Arc::new(Socket { source, buffered }))
    }

    /// Bytes arrive, and a turn delivers the event, which tells of both directions.
    fn receive(&self, bytes: usize, driver: &mut Driver) {
        // ORDERING: Relaxed, so that the orderings of the readiness word alone must
        // make them visible to a reader that saw the event.
        self.buffered.fetch_add(bytes, Ordering::Relaxed);
        let key = self.source.entry().key();
        let ready = Ready::READABLE | Ready::WRITABLE;
        driver.handle().selector().report(key, ready);
        assert_eq!(driver.turn(None).unwrap().events, 1);
    }

    /// The system call: takes one byte.
    fn read(&self) -> io::Result<()> {
        // ORDERING: see `receive`.
        let took = |bytes: usize| bytes.checked_sub(1);
        match self
            .buffered
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, took)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// A read that only looks, so that its clear may be about an older state than
    /// a read-modify-write could see.
    fn peek(&self) -> io::Result<()> {
        // ORDERING: see `receive`.
        match self.buffered.load(Ordering::Relaxed) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }
}

/// A guard of `AsyncFd` observes both directions; its holder finds nothing to
/// read and clears that part, as an event arrives. The event stays, the other
/// direction as well, and the guard forgets what it has cleared.
#[test]
fn loom_guard_clears_a_part_against_an_event() {
    model_fully(|| {
        let (mut driver, socket) = Socket::new();
        let reading = Arc::clone(&socket);
        let reading = thread::spawn(move || {
            let source = &reading.source;
            let mut guard = block_on(source.readiness(BOTH)).unwrap();
            if reading.peek().is_err() {
                source.clear_part(&mut guard, Ready::READABLE);
                assert_eq!(guard.ready, Ready::WRITABLE);
                // The holder tries once more with the guard it has.
                source.clear_part(&mut guard, Ready::READABLE);
                assert!(source.try_readiness(Interest::WRITABLE).is_some());
                while reading.peek().is_err() {
                    let mut guard = block_on(source.readiness(Interest::READABLE)).unwrap();
                    if reading.peek().is_err() {
                        let all = guard.ready;
                        source.clear_part(&mut guard, all);
                        assert!(guard.ready.is_empty());
                    }
                }
            }
        });
        socket.receive(1, &mut driver);
        reading.join().unwrap();
        assert!(socket.source.try_readiness(Interest::READABLE).is_some());
        assert!(socket.source.try_readiness(Interest::WRITABLE).is_some());
    });
}

/// An operation in a loop, as a future: both bytes are read.
#[test]
fn loom_operation_against_events() {
    model_bounded(|| {
        let (mut driver, socket) = Socket::new();
        let reading = Arc::clone(&socket);
        let reading = thread::spawn(move || {
            for _ in 0..2 {
                let read = || reading.read();
                block_on(reading.source.async_io(Interest::READABLE, read)).unwrap();
            }
        });
        socket.receive(1, &mut driver);
        socket.receive(1, &mut driver);
        reading.join().unwrap();
    });
}

/// Two tasks read from one source, for which one event announces two bytes: neither
/// wait is satisfied by the other's, nor ended by the other's clear.
#[test]
fn loom_two_readers_of_one_source() {
    model_bounded(|| {
        let (mut driver, socket) = Socket::new();
        let readers = [(); 2].map(|()| {
            let socket = Arc::clone(&socket);
            thread::spawn(move || {
                let read = || socket.read();
                block_on(socket.source.async_io(Interest::READABLE, read)).unwrap();
            })
        });
        socket.receive(2, &mut driver);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// A single attempt takes nothing away from who comes next: if it fails, its
/// clear leaves the event that arrived meanwhile.
#[test]
fn loom_single_attempt_against_an_event() {
    model_fully(|| {
        let (mut driver, socket) = Socket::new();
        let reading = Arc::clone(&socket);
        let reading = thread::spawn(move || {
            let attempts = Cell::new(0);
            let attempt = || {
                attempts.set(attempts.get() + 1);
                reading.read()
            };
            let first = reading.source.try_io(Interest::READABLE, attempt);
            assert_eq!(attempts.get(), 1, "it is assumed to be ready");
            if first.is_err() {
                block_on(std::future::poll_fn(|cx| {
                    let read = || reading.read();
                    reading.source.poll_io(cx, Direction::Read, read)
                }))
                .unwrap();
            }
        });
        socket.receive(1, &mut driver);
        reading.join().unwrap();
    });
}
