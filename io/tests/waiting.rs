//! Tasks that wait: alone, together, in both directions, and in vain.
#![cfg(unix)]

mod support;

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::{ptr, thread};

use filch_io::{Direction, Driver, Interest, Ready, Registered};
use support::{
    BOTH, HANG, Turning, Wakes, block_on, read, settle, tcp_pair, turn_until, unix_pair, write_all,
};

#[test]
fn one_waiter_in_each_direction() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, BOTH, Ready::EMPTY, driver.handle()).unwrap();
    let ((reads, reader), (writes, writer)) = (Wakes::new(), Wakes::new());
    let poll = |waker, direction| near.poll_readiness(&mut Context::from_waker(waker), direction);
    assert!(poll(&reader, Direction::Read).is_pending());
    assert!(poll(&writer, Direction::Write).is_pending());
    turn_until(&mut driver, || writes.count() == 1);
    assert_eq!(reads.count(), 0);
    assert!(poll(&writer, Direction::Write).is_ready());
    far.write_all(b"x").unwrap();
    turn_until(&mut driver, || reads.count() == 1);
    assert!(poll(&reader, Direction::Read).is_ready());
}

#[test]
fn the_last_to_poll_a_direction_is_woken() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    let ((first_wakes, first), (last_wakes, last)) = (Wakes::new(), Wakes::new());
    for waker in [&first, &last, &last] {
        let cx = &mut Context::from_waker(waker);
        assert!(near.poll_readiness(cx, Direction::Read).is_pending());
    }
    far.write_all(b"x").unwrap();
    turn_until(&mut driver, || last_wakes.count() == 1);
    settle(&mut driver);
    assert_eq!((first_wakes.count(), last_wakes.count()), (0, 1));
}

#[test]
fn an_event_wakes_every_waiter_it_satisfies_and_no_other() {
    const WAITERS: usize = 100;
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    let mut waiting: Vec<_> = (0..WAITERS)
        .map(|index| {
            let interest = if index % 4 == 0 {
                Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            let (wakes, waker) = Wakes::new();
            let mut future = Box::pin(near.readiness(interest));
            assert!(
                future
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            (interest, future, wakes, waker)
        })
        .collect();
    far.write_all(b"x").unwrap();
    turn_until(&mut driver, || {
        near.try_readiness(Interest::READABLE).is_some()
    });
    for (interest, future, wakes, waker) in &mut waiting {
        let is_reader = *interest == Interest::READABLE;
        assert_eq!(wakes.count(), usize::from(is_reader));
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        assert_eq!(polled.is_ready(), is_reader);
    }
}

/// Two waiters are woken, the first is dropped without another poll, the
/// second takes the readiness away, the third still gets the next event.
#[test]
fn a_cancelled_waiter_takes_nothing_away() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    let (wakes, waker) = Wakes::new();
    let cx = &mut Context::from_waker(&waker);
    let [mut first, mut second, mut third] =
        [(); 3].map(|()| Box::pin(near.readiness(Interest::READABLE)));
    for future in [&mut first, &mut second, &mut third] {
        assert!(future.as_mut().poll(cx).is_pending());
    }
    far.write_all(b"x").unwrap();
    turn_until(&mut driver, || wakes.count() == 3);
    drop(first);
    let Poll::Ready(Ok(seen)) = second.as_mut().poll(cx) else {
        panic!("the event is there")
    };
    assert_eq!(near.get_ref().read(&mut [0; 8]).unwrap(), 1);
    near.clear(seen);
    assert!(
        third.as_mut().poll(cx).is_pending(),
        "what was read is no longer ready"
    );
    far.write_all(b"y").unwrap();
    turn_until(&mut driver, || wakes.count() == 4);
    assert!(third.as_mut().poll(cx).is_ready());
}

#[test]
fn a_shutdown_ends_every_wait() {
    let mut driver = Driver::new(8).unwrap();
    let (near, _far) = unix_pair();
    let near = Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    let near = Arc::new(near);
    let waiting: Vec<_> = (0..40)
        .map(|index| {
            let near = Arc::clone(&near);
            thread::spawn(move || match index {
                0 => block_on(std::future::poll_fn(|cx| {
                    near.poll_readiness(cx, Direction::Read)
                })),
                _ => block_on(near.readiness(BOTH)),
            })
        })
        .collect();
    driver.shutdown();
    for thread in waiting {
        let error = thread.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert!(error.to_string().contains("shut down"), "{error}");
    }
}

#[test]
fn poll_io_waits_out_attempts_that_would_block() {
    let turning = Turning::start();
    let (near, mut far) = unix_pair();
    let assumed = Ready::READABLE;
    let near = Registered::new(near, BOTH, assumed, turning.handle()).unwrap();
    let writing = thread::spawn(move || far.write_all(b"x").map(|()| far));
    let mut buffer = [0; 8];
    let count = block_on(std::future::poll_fn(|cx| {
        near.poll_io(cx, Direction::Read, || near.get_ref().read(&mut buffer))
    }));
    assert_eq!((count.unwrap(), buffer[0]), (1, b'x'));
    writing.join().unwrap().unwrap();
}

#[test]
fn attempts_may_fail_for_other_reasons() {
    let driver = Driver::new(8).unwrap();
    let (near, _far) = unix_pair();
    let near = Registered::new(near, BOTH, Ready::WRITABLE, driver.handle()).unwrap();
    let fail = || Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull));
    let error = near.try_io(Interest::WRITABLE, fail).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(near.try_readiness(Interest::WRITABLE).is_some());
    let error = near.try_io(Interest::READABLE, || Ok(())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

/// A megabyte through a small buffer, both ways at once, the reader and writer
/// of each end on different threads.
#[test]
fn a_stream_both_ways_at_once() {
    const LENGTH: usize = 1 << 20;
    let turning = Turning::start();
    let (near, far) = tcp_pair();
    let ends = [near, far].map(|end| turning.register(end, BOTH));
    thread::scope(|scope| {
        for end in &ends {
            scope.spawn(|| {
                let data: Vec<u8> = (0..LENGTH).map(|index| (index % 251) as u8).collect();
                block_on(write_all(end, &data)).unwrap();
            });
            scope.spawn(|| {
                let mut received = 0;
                let mut buffer = [0; 1500];
                while received < LENGTH {
                    let count = block_on(read(end, &mut buffer)).unwrap();
                    assert_ne!(count, 0);
                    for (offset, byte) in buffer[..count].iter().enumerate() {
                        assert_eq!(*byte, ((received + offset) % 251) as u8);
                    }
                    received += count;
                }
            });
        }
    });
}

/// Ping-pong where every read comes back short and clears at once: an event
/// lost in the race of the two would be a hang.
#[test]
fn no_event_is_lost_to_a_clear_after_a_short_read() {
    const ROUNDS: u32 = 5_000;
    let turning = Turning::start();
    let (near, far) = unix_pair();
    let ends = [near, far].map(|end| turning.register(end, BOTH));
    let receive = |end: &Registered<_>| {
        let mut buffer = [0; 64];
        loop {
            let seen = block_on(end.readiness(Interest::READABLE)).unwrap();
            match Read::read(&mut end.get_ref(), &mut buffer) {
                Ok(count) => {
                    end.clear(seen);
                    return u32::from_ne_bytes(buffer[..count].try_into().unwrap());
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    end.clear(seen);
                }
            }
        }
    };
    let [near, far] = &ends;
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let number = receive(far);
                block_on(write_all(far, &number.to_ne_bytes())).unwrap();
            }
        });
        for number in 0..ROUNDS {
            block_on(write_all(near, &number.to_ne_bytes())).unwrap();
            assert_eq!(receive(near), number);
        }
    });
}

#[test]
fn futures_and_sources_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync + Unpin + std::panic::UnwindSafe>() {}
    type Stream = std::os::unix::net::UnixStream;
    is_shared::<Registered<Stream>>();
    let driver = Driver::new(8).unwrap();
    let (near, _far) = unix_pair();
    let near = Registered::new(near, BOTH, Ready::EMPTY, driver.handle()).unwrap();
    is_send(&near.readiness(BOTH));
    is_send(&near.async_io(BOTH, || Ok(())));
    fn as_dyn<'a>(
        future: impl Future<Output = io::Result<()>> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>> {
        Box::pin(future)
    }
    drop(as_dyn(near.async_io(BOTH, || Ok(()))));
}

thread_local! {
    /// What cloning a waker of [`INTRUSIVE`] does.
    static ON_CLONE: RefCell<Rc<dyn Fn()>> = RefCell::new(Rc::new(|| ()));
}

/// Wakers that do nothing but to run foreign code when they are cloned.
static INTRUSIVE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        let on_clone = ON_CLONE.with_borrow(Rc::clone);
        on_clone();
        RawWaker::new(data, &INTRUSIVE)
    },
    |_| (),
    |_| (),
    |_| (),
);

#[test]
fn cloning_a_waker_may_come_back_to_the_source() {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        let driver = Driver::new(8).unwrap();
        let (near, _far) = unix_pair();
        let near = Rc::new(Registered::new(near, BOTH, Ready::EMPTY, driver.handle()).unwrap());
        let source = Rc::clone(&near);
        ON_CLONE.set(Rc::new(move || {
            let (_, waker) = Wakes::new();
            let cx = &mut Context::from_waker(&waker);
            assert!(source.poll_readiness(cx, Direction::Read).is_pending());
            drop(source.readiness(BOTH));
        }));
        // SAFETY: the functions of the table use no data.
        let waker = unsafe { Waker::new(ptr::null(), &INTRUSIVE) };
        let cx = &mut Context::from_waker(&waker);
        assert!(near.poll_readiness(cx, Direction::Read).is_pending());
        let mut waiter = Box::pin(near.readiness(BOTH));
        assert!(waiter.as_mut().poll(cx).is_pending());
        drop(waiter);
        ON_CLONE.set(Rc::new(|| ()));
        done.send(()).unwrap();
    });
    waiting.recv_timeout(HANG).expect("it hangs");
}
