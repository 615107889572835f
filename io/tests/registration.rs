//! Sources come, go, and come back.
#![cfg(unix)]

mod support;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use filch_io::{Direction, Driver, Interest, Ready, Registered};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{BOTH, Turning, Wakes, block_on, read, settle, turn_until, unix_pair, write_all};

#[test]
fn a_source_can_be_registered_once() {
    let turning = Turning::start();
    let (near, mut far) = unix_pair();
    let near = Arc::new(near);
    let first = turning.register(Arc::clone(&near), BOTH);
    let (returned, error) =
        Registered::try_new(near, BOTH, Ready::EMPTY, turning.handle()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    drop(returned);
    // The failure leaves the first registration alone.
    far.write_all(b"x").unwrap();
    let attempt = || (&**first.get_ref()).read(&mut [0; 8]);
    assert_eq!(
        block_on(first.async_io(Interest::READABLE, attempt)).unwrap(),
        1
    );
    assert_eq!(turning.handle().registered_count(), 2);
    assert_eq!(turning.handle().deregistered_count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_regular_file_cannot_be_waited_for() {
    let driver = Driver::new(8).unwrap();
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let error = Registered::new(file, Interest::READABLE, Ready::EMPTY, driver.handle());
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn deregistered_and_registered_again() {
    let turning = Turning::start();
    let (mut near, mut far) = unix_pair();
    for round in 0..200_u8 {
        let registered = turning.register(near, BOTH);
        far.write_all(&[round]).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(block_on(read(&registered, &mut buffer)).unwrap(), 1);
        assert_eq!(buffer[0], round);
        near = registered.into_inner().unwrap();
    }
    let handle = turning.handle();
    assert_eq!(
        (handle.registered_count(), handle.deregistered_count()),
        (200, 200)
    );
}

#[test]
fn one_source_may_be_registered_with_two_drivers() {
    let [mut first, mut second] = [Driver::new(8).unwrap(), Driver::new(8).unwrap()];
    let (near, mut far) = unix_pair();
    let near = Arc::new(near);
    let sources = [&first, &second].map(|driver| {
        let source = Arc::clone(&near);
        Registered::new(source, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap()
    });
    far.write_all(b"x").unwrap();
    for (driver, source) in [&mut first, &mut second].into_iter().zip(&sources) {
        turn_until(driver, || {
            source.try_readiness(Interest::READABLE).is_some()
        });
    }
}

/// An event that waits in the selector when its source goes, and whose slot is
/// taken by another, does not reach that one.
#[test]
fn a_pending_event_dies_with_its_registration() {
    let mut driver = Driver::new(8).unwrap();
    for _ in 0..100 {
        let (near, mut far) = unix_pair();
        let old = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
        far.write_all(b"x").unwrap();
        let (near, _far) = unix_pair();
        drop(old);
        let new = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
        settle(&mut driver);
        assert!(new.try_readiness(Interest::READABLE).is_none());
    }
    assert_eq!(driver.handle().ready_count(), 0);
}

/// The kernel keeps a registration alive as long as a duplicate of the
/// descriptor is open. Its events find nobody, and do no harm.
#[test]
fn a_source_exchanged_behind_our_back_does_no_harm() {
    struct Exchanged {
        ends: [UnixStream; 2],
        current: std::cell::Cell<usize>,
    }
    impl AsFd for Exchanged {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.ends[self.current.get()].as_fd()
        }
    }
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let duplicate = near.try_clone().unwrap();
    let (other, _other_far) = unix_pair();
    let exchanged = Exchanged {
        ends: [near, other],
        current: std::cell::Cell::new(0),
    };
    let registered = Registered::new(exchanged, BOTH, Ready::EMPTY, driver.handle()).unwrap();
    registered.get_ref().current.set(1);
    drop(registered);

    let (near, _far) = unix_pair();
    let bystander =
        Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    let (wakes, waker) = Wakes::new();
    let cx = &mut Context::from_waker(&waker);
    assert!(bystander.poll_readiness(cx, Direction::Read).is_pending());
    far.write_all(b"x").unwrap();
    driver.handle().unpark();
    while !driver.turn(None).unwrap().unparked {}
    settle(&mut driver);
    assert_eq!(wakes.count(), 0);
    drop(duplicate);
}

/// A safe source may answer with another descriptor each time.
#[test]
fn a_source_that_changes_its_descriptor_does_no_harm() {
    struct Fickle {
        ends: [UnixStream; 2],
        asked: std::cell::Cell<usize>,
    }
    impl AsFd for Fickle {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            let asked = self.asked.replace(self.asked.get() + 1);
            self.ends[asked % 2].as_fd()
        }
    }
    let mut driver = Driver::new(8).unwrap();
    for _ in 0..20 {
        let (near, far) = unix_pair();
        let fickle = Fickle {
            ends: [near, far],
            asked: std::cell::Cell::new(0),
        };
        let fickle = Registered::new(fickle, BOTH, Ready::EMPTY, driver.handle()).unwrap();
        let (fickle, _) = fickle.deregister();
        settle(&mut driver);
        drop(fickle);
    }
    assert_eq!(driver.handle().deregistered_count(), 20);
}

#[test]
fn assumed_readiness_serves_until_it_proves_wrong() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let assumed = Ready::READABLE | Ready::WRITABLE;
    let near = Registered::new(near, BOTH, assumed, driver.handle()).unwrap();
    assert_eq!(
        near.try_io(Interest::WRITABLE, || near.get_ref().write(b"x"))
            .unwrap(),
        1
    );
    let attempt = || near.get_ref().read(&mut [0; 8]);
    let error = near.try_io(Interest::READABLE, attempt).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(near.try_readiness(Interest::READABLE).is_none());
    assert!(near.try_readiness(Interest::WRITABLE).is_some());
    far.write_all(b"x").unwrap();
    turn_until(&mut driver, || {
        near.try_readiness(Interest::READABLE).is_some()
    });
}

#[test]
fn a_clear_with_an_old_observation_does_nothing() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    far.write_all(b"x").unwrap();
    turn_until(&mut driver, || {
        near.try_readiness(Interest::READABLE).is_some()
    });
    let old = near.try_readiness(Interest::READABLE).unwrap();
    assert_eq!(near.get_ref().read(&mut [0; 8]).unwrap(), 1);
    near.clear(old);
    far.write_all(b"y").unwrap();
    turn_until(&mut driver, || {
        near.try_readiness(Interest::READABLE).is_some()
    });
    near.clear(old);
    let new = near.try_readiness(Interest::READABLE).unwrap();
    near.clear(new.with_ready(Ready::WRITABLE));
    assert_eq!(near.try_readiness(Interest::READABLE), Some(new));
    near.clear(new);
    assert!(near.try_readiness(Interest::READABLE).is_none());
}

#[test]
fn sources_outlive_the_driver() {
    let driver = Driver::new(8).unwrap();
    let handle = driver.handle().clone();
    let (near, far) = unix_pair();
    let near = Registered::new(near, BOTH, Ready::WRITABLE, &handle).unwrap();
    drop(driver);
    let error = block_on(near.readiness(Interest::WRITABLE)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    let (_far, error) = Registered::try_new(far, BOTH, Ready::EMPTY, &handle).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    near.into_inner().unwrap();
    assert_eq!(
        (handle.registered_count(), handle.deregistered_count()),
        (1, 1)
    );
    handle.unpark();
}

#[test]
fn ten_thousand_registrations() {
    const SPARE: u64 = 200;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum.map_or(20_000, |maximum| maximum.min(20_000));
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(current),
            ..limit
        },
    )
    .unwrap();
    let count = current.saturating_sub(SPARE).min(10_000);
    assert!(
        count > 0,
        "a limit of {current} descriptors leaves nothing to test with"
    );

    let mut driver = Driver::new(256).unwrap();
    let sources: Vec<_> = (0..count)
        .map(|_| {
            let socket = UnixDatagram::unbound().unwrap();
            socket.set_nonblocking(true).unwrap();
            Registered::new(socket, BOTH, Ready::EMPTY, driver.handle()).unwrap()
        })
        .collect();
    turn_until(&mut driver, || {
        sources
            .iter()
            .all(|source| source.try_readiness(Interest::WRITABLE).is_some())
    });
    assert_eq!(driver.handle().registered_count(), count);
    drop(sources);
    assert_eq!(driver.handle().deregistered_count(), count);
    settle(&mut driver);
}

/// Runs one ignored test where it may use up what a process has.
fn in_a_process_of_its_own(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && report.contains("1 passed"),
        "{output:?}"
    );
}

#[test]
fn a_full_table_of_descriptors_is_an_error_and_no_more() {
    in_a_process_of_its_own("in_a_full_table");
}

#[test]
#[ignore = "run by a_full_table_of_descriptors_is_an_error_and_no_more, in a process of its own"]
fn in_a_full_table() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(64),
            ..limit
        },
    )
    .unwrap();
    let turning = Turning::start();
    let (near, far) = unix_pair();
    let [near, far] = [near, far].map(|end| turning.register(end, BOTH));

    let mut files = Vec::new();
    let full = loop {
        match far.get_ref().try_clone() {
            Ok(file) => files.push(file),
            Err(error) => break error,
        }
    };
    let highest = files.last().unwrap().as_raw_fd();
    for _ in 0..100 {
        let error = Driver::new(8).unwrap_err();
        assert_eq!(error.raw_os_error(), full.raw_os_error());
    }
    // What is registered works on, and a source that exists can be registered.
    block_on(write_all(&near, b"x")).unwrap();
    assert_eq!(block_on(read(&far, &mut [0; 8])).unwrap(), 1);
    let source = turning.register(files.pop().unwrap(), BOTH);
    drop(source);
    // The failures kept no descriptor for themselves.
    assert_eq!(far.get_ref().try_clone().unwrap().as_raw_fd(), highest);
    drop(files);
    drop(Driver::new(8).unwrap());
}

#[test]
fn creating_and_dropping_leaves_no_descriptor() {
    in_a_process_of_its_own("in_a_quiet_process");
}

#[test]
#[ignore = "run by creating_and_dropping_leaves_no_descriptor, in a process of its own"]
fn in_a_quiet_process() {
    let lowest_free = || UnixDatagram::unbound().unwrap().as_raw_fd();
    let before = lowest_free();
    for _ in 0..1000 {
        let mut driver = Driver::new(8).unwrap();
        let (near, _far) = unix_pair();
        let near = Registered::new(near, BOTH, Ready::EMPTY, driver.handle()).unwrap();
        driver.turn(Some(Duration::ZERO)).unwrap();
        drop(driver);
        drop(near);
    }
    assert_eq!(lowest_free(), before);
}
