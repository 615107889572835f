//! Models of waiting for a source while its events arrive.
//!
//! One thread delivers one or two events, the others wait, each once or twice; a batch
//! holds two wakers, so that three waiters that are present overflow it. Two threads are
//! explored in full, three with preemption bounded by 3: whether a wait is lost is
//! decided between one waiter and one delivery.

use std::future::poll_fn;

use loom::thread;

use super::*;
use crate::loom_support::{Wakes, block_on, model_bounded, model_fully};
use crate::primitive::Arc;

fn entry() -> Arc<Entry> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    Arc::new(Entry::new(Key::new(0, 0).unwrap(), interest, Ready::EMPTY))
}

/// Delivers an event as the registry does.
fn deliver(entry: &Entry, event: Ready) {
    entry.announce(event);
    let mut batch = WakeBatch::default();
    let mut position = WakePosition::default();
    loop {
        let taken = entry.take_wakers(event, &mut position, &mut batch);
        batch.wake_all(&mut Panics::default());
        if taken == Taken::All {
            return;
        }
    }
}

fn wait_in_slot(entry: &Entry, direction: Direction) -> io::Result<Readiness> {
    block_on(poll_fn(|cx| entry.poll_readiness(cx, direction)))
}

fn wait_as_extra(entry: &Entry, interest: Interest) -> io::Result<Readiness> {
    let mut key = None;
    let answer = block_on(poll_fn(|cx| entry.poll_waiter(cx, interest, &mut key)));
    if let Some(key) = key {
        entry.remove_waiter(key);
    }
    answer
}

/// An event arrives while a task goes to sleep in its slot.
#[test]
fn loom_event_against_wait_in_slot() {
    model_fully(|| {
        let entry = entry();
        let waiting = Arc::clone(&entry);
        let waiting = thread::spawn(move || wait_in_slot(&waiting, Direction::Read));
        deliver(&entry, Ready::READABLE);
        let seen = waiting.join().unwrap().unwrap();
        assert_eq!(seen.ready, Ready::READABLE);
    });
}

/// An event arrives while a future becomes an extra waiter.
#[test]
fn loom_event_against_extra_waiter() {
    model_fully(|| {
        let entry = entry();
        let waiting = Arc::clone(&entry);
        let waiting = thread::spawn(move || wait_as_extra(&waiting, Interest::WRITABLE));
        deliver(&entry, Ready::WRITABLE);
        let seen = waiting.join().unwrap().unwrap();
        assert_eq!(seen.ready, Ready::WRITABLE);
    });
}

/// Each direction gets its own event, in separate deliveries.
#[test]
fn loom_two_directions_do_not_take_each_others_wakers() {
    model_bounded(|| {
        let entry = entry();
        let [reading, writing] = [Arc::clone(&entry), Arc::clone(&entry)];
        let reading = thread::spawn(move || wait_in_slot(&reading, Direction::Read));
        let writing = thread::spawn(move || wait_in_slot(&writing, Direction::Write));
        deliver(&entry, Ready::READABLE);
        deliver(&entry, Ready::WRITABLE);
        reading.join().unwrap().unwrap();
        writing.join().unwrap().unwrap();
    });
}

/// A task moves to another executor, with another waker, while an event
/// arrives: the second poll is answered or the second waker woken.
#[test]
fn loom_waker_replaced_during_delivery() {
    model_fully(|| {
        let entry = entry();
        let driver = Arc::clone(&entry);
        let driver = thread::spawn(move || deliver(&driver, Ready::READABLE));
        let (_, first) = Wakes::new();
        let (second_wakes, second) = Wakes::new();
        let _ = entry.poll_readiness(&mut Context::from_waker(&first), Direction::Read);
        let again = entry.poll_readiness(&mut Context::from_waker(&second), Direction::Read);
        driver.join().unwrap();
        assert!(again.is_ready() || second_wakes.count() == 1);
    });
}

/// More waiters than one batch holds, one of which arrives meanwhile.
#[test]
fn loom_many_waiters_on_one_source() {
    model_fully(|| {
        let entry = entry();
        let mut present = Vec::new();
        for _ in 0..3 {
            let (wakes, waker) = Wakes::new();
            let mut key = None;
            let cx = &mut Context::from_waker(&waker);
            assert!(
                entry
                    .poll_waiter(cx, Interest::READABLE, &mut key)
                    .is_pending()
            );
            present.push((wakes, key.unwrap()));
        }
        let arriving = Arc::clone(&entry);
        let arriving = thread::spawn(move || wait_as_extra(&arriving, Interest::READABLE));
        deliver(&entry, Ready::READABLE);
        arriving.join().unwrap().unwrap();
        for (wakes, key) in present {
            assert_eq!(wakes.count(), 1);
            entry.remove_waiter(key);
        }
    });
}

/// A future that was woken is dropped: the other waiter gets the event too.
#[test]
fn loom_cancelled_waiter_takes_nothing_away() {
    model_bounded(|| {
        let entry = entry();
        let [cancelled, waiting] = [Arc::clone(&entry), Arc::clone(&entry)];
        let cancelled = thread::spawn(move || {
            let (_, waker) = Wakes::new();
            let mut key = None;
            let cx = &mut Context::from_waker(&waker);
            let _ = cancelled.poll_waiter(cx, Interest::READABLE, &mut key);
            if let Some(key) = key {
                cancelled.remove_waiter(key);
            }
        });
        let waiting = thread::spawn(move || wait_as_extra(&waiting, Interest::READABLE));
        deliver(&entry, Ready::READABLE);
        cancelled.join().unwrap();
        waiting.join().unwrap().unwrap();
    });
}

/// A reader waits, is woken, finds the data gone and waits again, while a
/// second event arrives.
#[test]
fn loom_clear_and_wait_again_against_second_event() {
    model_fully(|| {
        let entry = entry();
        let reading = Arc::clone(&entry);
        let reading = thread::spawn(move || {
            let first = wait_in_slot(&reading, Direction::Read).unwrap();
            match reading.clear(first) {
                // The second event may have been observed with the first.
                Cleared::Withdrawn => first.tick,
                Cleared::Outdated | Cleared::Nothing => {
                    wait_in_slot(&reading, Direction::Read).unwrap().tick
                }
            }
        });
        deliver(&entry, Ready::READABLE);
        deliver(&entry, Ready::READABLE);
        let tick = reading.join().unwrap();
        let left = entry.state().observe(Direction::Read.mask());
        assert!(
            tick == 2 || left.is_some(),
            "the second event must be seen or stay"
        );
    });
}

/// A shutdown ends every wait: of those who are there, more than a batch holds,
/// and of one who arrives meanwhile.
#[test]
fn loom_shutdown_wakes_every_waiter() {
    model_bounded(|| {
        let entry = entry();
        let present = [(); 3].map(|()| {
            let (wakes, waker) = Wakes::new();
            let mut key = None;
            let cx = &mut Context::from_waker(&waker);
            assert!(
                entry
                    .poll_waiter(cx, Interest::READABLE, &mut key)
                    .is_pending()
            );
            wakes
        });
        let [in_slot, as_extra] = [Arc::clone(&entry), Arc::clone(&entry)];
        let in_slot = thread::spawn(move || wait_in_slot(&in_slot, Direction::Write));
        let as_extra = thread::spawn(move || wait_as_extra(&as_extra, Interest::READABLE));
        entry.shut_down(&mut Panics::default());
        assert!(in_slot.join().unwrap().is_err());
        assert!(as_extra.join().unwrap().is_err());
        assert_eq!(present.map(|wakes| wakes.count()), [1; 3]);
    });
}
