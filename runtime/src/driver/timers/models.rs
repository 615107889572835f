//! Loom models of timers, each one race, with the code that ships.
//!
//! # What is reduced, and why that suffices
//! - Two threads, three where a third party makes the race. A timer has one owner;
//!   whoever fires, shuts down or sleeps meets it under the lock of one shard, and
//!   the sleeper meets those who register at two words. More of either party
//!   repeat these meetings.
//! - One shard, two where a thread passes over several, three where two threads do
//!   so at once.
//! - A batch is two wakers, so that three timers on a shard overflow it.
//! - No interleaving is left out.
//!
//! Time does not pass: ticks are given, and the clock is asked only by a reset,
//! whose deadline is to come.

use super::*;
use crate::coop;
use crate::primitive::atomic::AtomicBool;
use crate::primitive::atomic::Ordering::AcqRel;
use crate::task::loom_tests::model_fully as model;
use loom::thread;
use std::sync::atomic::{AtomicBool as StdAtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

mod fire;
mod shards;
mod shutdown;
mod sleeper;

const SHORT_OF_SOON: Tick = Tick::from_nanos(3 << 38);
const SOON: Tick = Tick::from_nanos(1 << 40);
const SHORT_OF_LATER: Tick = Tick::from_nanos(3 << 39);
const LATER: Tick = Tick::from_nanos(1 << 41);

/// Whether it was woken, or unparked. It is looked at only when the threads of
/// the model have been joined, so it need not be loom's.
#[derive(Default)]
struct Flag(StdAtomicBool);

impl Flag {
    fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: std::sync::Arc<Self>) {
        self.raise();
    }
}

fn flag() -> (std::sync::Arc<Flag>, Waker) {
    let flag = std::sync::Arc::new(Flag::default());
    let waker = Waker::from(std::sync::Arc::clone(&flag));
    (flag, waker)
}

/// What a task owes to those who wake it: the poll that follows a wake sees what was written
/// before.
struct Handshake(AtomicBool);

impl Handshake {
    /// Begins a poll: whether a wake has led to it.
    fn take(&self) -> bool {
        self.0.swap(false, AcqRel)
    }
}

impl Wake for Handshake {
    fn wake(self: std::sync::Arc<Self>) {
        // Not a mere store, for which loom knows no order beside the read-modify-write above.
        self.0.swap(true, AcqRel);
    }
}

fn handshake() -> (std::sync::Arc<Handshake>, Waker) {
    let handshake = std::sync::Arc::new(Handshake(AtomicBool::new(false)));
    let waker = Waker::from(std::sync::Arc::clone(&handshake));
    (handshake, waker)
}

fn timers(shards: usize) -> (Arc<Timers>, std::sync::Arc<Flag>) {
    let unparked = std::sync::Arc::new(Flag::default());
    let unpark = std::sync::Arc::clone(&unparked);
    let clock = Arc::new(Clock::new(false));
    (
        Arc::new(Timers::new(shards, clock, Box::new(move || unpark.raise()))),
        unparked,
    )
}

/// Fires what is due soon, on another thread.
fn fire(timers: &Arc<Timers>) -> thread::JoinHandle<usize> {
    let timers = Arc::clone(timers);
    thread::spawn(move || timers.fire_due(SOON))
}

/// Shuts down, on another thread.
fn shut_down(timers: &Arc<Timers>) -> thread::JoinHandle<()> {
    let timers = Arc::clone(timers);
    thread::spawn(move || timers.shutdown())
}

fn timer(timers: &Timers, shard: usize) -> Timer {
    Timer::new(timers.shard(shard), Some(Duration::MAX))
}

/// A poll by a thread that then leaves the runtime, of which it keeps a reference until then.
fn in_poll<R>(waker: &Waker, f: impl FnOnce() -> R) -> R {
    let (result, _) = coop::poll_task(waker, f);
    leave_runtime();
    result
}
