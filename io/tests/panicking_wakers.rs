//! Foreign wakers that panic: everyone else is woken all the same.
#![cfg(unix)]

mod support;

use std::future::Future;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use filch_io::{Direction, Driver, Interest, Ready, Registered};
use support::{HANG, Wakes, unix_pair};

/// More than the driver wakes between two looks at its lock.
const SOURCES: usize = 70;

struct Panicking(&'static str);

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new(self.0));
    }
}

/// A panic whose payload panics when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        resume_unwind(Box::new("a payload that panics"));
    }
}

struct PanickingSpitefully;

impl Wake for PanickingSpitefully {
    fn wake(self: Arc<Self>) {
        panic_any(Spiteful);
    }
}

struct Waiting {
    near: Registered<UnixStream>,
    far: UnixStream,
    wakes: Arc<Wakes>,
}

/// Sources that are waited for, every seventh of them by a waker that panics.
fn waiting(driver: &Driver) -> Vec<Waiting> {
    let wait = |index| {
        let (near, far) = unix_pair();
        let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle());
        let near = near.unwrap();
        let (wakes, counting) = Wakes::new();
        let waker = match index {
            0 => Waker::from(Arc::new(Panicking("the first"))),
            _ if index % 14 == 0 => Waker::from(Arc::new(Panicking("a later one"))),
            _ if index % 7 == 0 => Waker::from(Arc::new(PanickingSpitefully)),
            _ => counting,
        };
        let cx = &mut Context::from_waker(&waker);
        assert!(near.poll_readiness(cx, Direction::Read).is_pending());
        Waiting { near, far, wakes }
    };
    (0..SOURCES).map(wait).collect()
}

/// Runs `f`, which panics as the first waker has.
fn first_panic(f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("the panic goes on");
    assert_eq!(payload.downcast_ref(), Some(&"the first"));
}

fn all_others_were_woken(waiting: &[Waiting]) {
    for (index, waiting) in waiting.iter().enumerate() {
        let expected = usize::from(index % 7 != 0);
        assert_eq!(waiting.wakes.count(), expected, "source {index}");
    }
}

#[test]
fn a_turn_delivers_every_event() {
    let mut driver = Driver::new(2 * SOURCES).unwrap();
    let mut waiting = waiting(&driver);
    for Waiting { far, .. } in &mut waiting {
        far.write_all(b"x").unwrap();
    }
    first_panic(|| {
        driver.turn(Some(HANG)).unwrap();
    });
    all_others_were_woken(&waiting);
    for Waiting { near, .. } in &waiting {
        assert!(near.try_readiness(Interest::READABLE).is_some());
    }

    // The driver goes on.
    driver.handle().unpark();
    assert!(driver.turn(Some(HANG)).unwrap().unparked);
}

#[test]
fn a_shutdown_ends_every_wait() {
    let mut driver = Driver::new(8).unwrap();
    let waiting = waiting(&driver);
    first_panic(|| driver.shutdown());
    all_others_were_woken(&waiting);
    for Waiting { near, .. } in &waiting {
        let (_, waker) = Wakes::new();
        let cx = &mut Context::from_waker(&waker);
        assert!(near.poll_readiness(cx, Direction::Read).is_ready());
    }
}

/// The driver goes down with the panic of its owner; a second panic at that
/// would end the process.
#[test]
fn a_driver_dropped_by_a_panic_ends_every_wait() {
    let driver = Driver::new(8).unwrap();
    let waiting = waiting(&driver);
    first_panic(|| {
        let _driver = driver;
        resume_unwind(Box::new("the first"));
    });
    all_others_were_woken(&waiting);
}

#[test]
fn one_source_with_many_waiters_wakes_them_all() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    let mut futures = Vec::new();
    let mut counts = Vec::new();
    for index in 0..SOURCES {
        let (wakes, counting) = Wakes::new();
        let waker = match index {
            0 => Waker::from(Arc::new(Panicking("the first"))),
            _ => counting,
        };
        let mut future = Box::pin(near.readiness(Interest::READABLE));
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        futures.push(future);
        counts.push(wakes);
    }
    far.write_all(b"x").unwrap();
    first_panic(|| {
        driver.turn(Some(HANG)).unwrap();
    });
    assert!(counts[1..].iter().all(|wakes| wakes.count() == 1));
}
