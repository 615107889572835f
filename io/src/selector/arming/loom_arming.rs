//! Models of one-shot sources, from the kernel to the waiting task and back.
//!
//! Two threads: one turns the driver, the other owns the source and plays the
//! peer as well, so that what it does to the source races with the delivery and
//! with the arming by the turn. A third would add no new pair of calls: arming
//! happens in the turn and in a clear, nowhere else. Both directions, one source
//! at a time, preemption bounded by 3: a stale arming takes one.

use std::future::poll_fn;
use std::io;
use std::num::NonZeroUsize;

use loom::thread;

use crate::loom_support::{block_on, model_bounded};
use crate::selector::Selector;
use crate::{Direction, Driver, Handle, Interest, Readiness, Ready, Registered};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Turns a driver of one-shot sources while `owner` runs on another thread.
fn model(first_level: Ready, owner: fn(&Handle)) {
    model_bounded(move || {
        let selector = Selector::one_shot(first_level);
        let mut driver = Driver::with_selector(selector, NonZeroUsize::MIN);
        let handle = driver.handle().clone();
        let owner = thread::spawn(move || {
            owner(&handle);
            handle.unpark();
        });
        while !driver.turn(None).unwrap().unparked {}
        owner.join().unwrap();
    });
}

fn register(interest: Interest, handle: &Handle) -> Registered<io::Stdin> {
    Registered::new(io::stdin(), interest, Ready::EMPTY, handle).unwrap()
}

fn set_level(source: &Registered<io::Stdin>, level: Ready) {
    let key = source.entry().key();
    source.handle().selector().set_level(key, level);
}

fn wait(source: &Registered<io::Stdin>, direction: Direction) -> Readiness {
    block_on(poll_fn(|cx| source.poll_readiness(cx, direction))).unwrap()
}

/// A reader clears while the turn that reported its readiness still arms the
/// source: the next data is reported.
#[test]
fn loom_clear_against_the_arming_of_the_turn() {
    model(Ready::READABLE, |handle| {
        let source = register(BOTH, handle);
        let seen = wait(&source, Direction::Read);
        set_level(&source, Ready::EMPTY);
        source.clear(seen);
        set_level(&source, Ready::READABLE);
        // What it has seen before would not do: it was cleared, or came anew.
        wait(&source, Direction::Read);
    });
}

/// An event for one direction uses up what the source was armed for in the other,
/// whose waiter is waiting by then or about to.
#[test]
fn loom_event_for_one_direction_against_a_waiter_in_the_other() {
    model(Ready::READABLE, |handle| {
        let source = register(BOTH, handle);
        wait(&source, Direction::Read);
        set_level(&source, Ready::READABLE | Ready::WRITABLE);
        wait(&source, Direction::Write);
    });
}

/// Both directions are cleared, one after the other, against the arming of the
/// turn: the second clear leaves armed what the first has armed.
#[test]
fn loom_clears_of_both_directions_against_the_arming_of_the_turn() {
    model(Ready::READABLE | Ready::WRITABLE, |handle| {
        let source = register(BOTH, handle);
        let reading = wait(&source, Direction::Read);
        let writing = wait(&source, Direction::Write);
        set_level(&source, Ready::EMPTY);
        source.clear(reading);
        source.clear(writing);
        set_level(&source, Ready::READABLE);
        wait(&source, Direction::Read);
        set_level(&source, Ready::READABLE | Ready::WRITABLE);
        wait(&source, Direction::Write);
    });
}

/// A source is ready before it is known here: its first event does not leave it
/// unarmed.
#[test]
fn loom_registration_against_its_first_event() {
    model(Ready::READABLE, |handle| {
        let source = register(BOTH, handle);
        set_level(&source, Ready::WRITABLE);
        wait(&source, Direction::Write);
    });
}

/// A source goes, and another takes its slot, while a turn delivers an event of
/// the first and arms it again: not a closed one, and not the other.
#[test]
fn loom_deregistration_against_the_arming_of_the_turn() {
    model(Ready::READABLE, |handle| {
        let old = register(BOTH, handle);
        let slot = old.entry().key().index();
        let (_, deleted) = old.deregister();
        deleted.unwrap();
        let new = register(Interest::WRITABLE, handle);
        assert_eq!(new.entry().key().index(), slot, "the slot must be re-used");
        set_level(&new, Ready::WRITABLE);
        let seen = wait(&new, Direction::Write);
        assert_eq!(seen.ready, Ready::WRITABLE);
        assert!(!new.entry().state().ready().is_readable());
    });
}
