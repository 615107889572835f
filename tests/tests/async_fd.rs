//! `AsyncFd`: readiness of any file descriptor.

mod every_runtime;
#[path = "async_fd/registration.rs"]
mod registration;

use every_runtime::on_every_runtime;
use filch::io::unix::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard};
use filch::io::{Interest, Ready};
use filch::task::coop::unconstrained;
use std::future::poll_fn;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// More events than any of these tests causes.
const MANY: usize = 100;

/// Registers an object that keeps its descriptor.
#[track_caller]
fn register<T: AsRawFd>(object: T) -> AsyncFd<T> {
    // SAFETY: every caller gives an object that owns its descriptor, and does
    // not exchange it.
    unsafe { AsyncFd::register(object) }.unwrap()
}

/// A pipe whose ends do not block.
fn pipe() -> (AsyncFd<PipeReader>, AsyncFd<PipeWriter>) {
    let (reader, writer) = std::io::pipe().unwrap();
    for fd in [reader.as_fd(), writer.as_fd()] {
        rustix::io::ioctl_fionbio(fd, true).unwrap();
    }
    (register(reader), register(writer))
}

/// Two connected sockets that do not block.
fn sockets() -> (AsyncFd<UnixStream>, AsyncFd<UnixStream>) {
    let (first, second) = UnixStream::pair().unwrap();
    first.set_nonblocking(true).unwrap();
    second.set_nonblocking(true).unwrap();
    (register(first), register(second))
}

/// Polls once; `Pending` does not come from an exhausted budget.
async fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(unconstrained(future));
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Clears read readiness until it stays cleared.
async fn until_not_readable<T: AsRawFd>(fd: &AsyncFd<T>) {
    for _ in 0..MANY {
        match poll_once(fd.readable()).await {
            Poll::Pending => return,
            Poll::Ready(guard) => guard.unwrap().clear_ready(),
        }
    }
    panic!("clearing has no effect");
}

async fn read(fd: &AsyncFd<impl AsRawFd + AsFd>, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        let mut guard = fd.readable().await?;
        match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut *buffer)?)) {
            Ok(result) => return result,
            Err(would_block) => assert!(would_block.to_string().contains("block")),
        }
    }
}

#[test]
fn a_pipe_is_read_and_written() {
    on_every_runtime(|| async {
        let (reader, writer) = pipe();
        let writing = filch::spawn(async move {
            let mut sent = 0;
            let data = [1; 100_000];
            while sent < data.len() {
                let mut guard = writer.writable().await.unwrap();
                let attempt = guard.try_io(|writer| writer.get_ref().write(&data[sent..]));
                if let Ok(length) = attempt {
                    sent += length.unwrap();
                }
            }
        });
        let mut received = 0;
        let mut buffer = [0; 3000];
        loop {
            match read(&reader, &mut buffer).await.unwrap() {
                0 => break,
                length => received += length,
            }
        }
        assert_eq!(received, 100_000);
        writing.await.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_event_descriptor_counts() {
    use rustix::event::{EventfdFlags, eventfd};
    on_every_runtime(|| async {
        let counter = Arc::new(register(eventfd(0, EventfdFlags::NONBLOCK).unwrap()));
        until_not_readable(&counter).await;
        let waiting = filch::spawn({
            let counter = counter.clone();
            async move {
                let mut value = [0; 8];
                assert_eq!(read(&counter, &mut value).await.unwrap(), 8);
                u64::from_ne_bytes(value)
            }
        });
        filch::task::yield_now().await;
        rustix::io::write(counter.get_ref(), &7u64.to_ne_bytes()).unwrap();
        assert_eq!(waiting.await.unwrap(), 7);
    });
}

#[test]
fn a_guard_left_alone_keeps_the_readiness() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        near.get_ref().write_all(b"x").unwrap();
        for _ in 0..3 {
            let mut guard: AsyncFdReadyGuard<'_, UnixStream> = far.readable().await.unwrap();
            assert!(guard.ready().is_readable());
            guard.retain_ready();
            assert!(guard.ready().is_readable());
        }
        assert!(poll_once(far.readable()).await.is_ready());
    });
}

#[test]
fn a_cleared_guard_makes_the_next_wait_real() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        near.get_ref().write_all(b"x").unwrap();
        let mut guard = far.readable().await.unwrap();
        guard.clear_ready();
        assert_eq!(guard.ready(), Ready::EMPTY);
        guard.clear_ready();
        drop(guard);
        until_not_readable(&far).await;
        near.get_ref().write_all(b"y").unwrap();
        let guard = far.readable().await.unwrap();
        assert_eq!(guard.get_inner().as_raw_fd(), far.as_raw_fd());
        assert!(std::ptr::eq(guard.get_ref(), &raw const far));
    });
}

/// The guard is older than the event, so that clearing it must not matter.
#[test]
fn a_late_clear_spares_a_newer_event() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        for _ in 0..50 {
            near.get_ref().write_all(b"1").unwrap();
            let mut old = far.readable().await.unwrap();
            // Another user of the descriptor takes the byte, waits, and gets
            // a newer event.
            let mut buffer = [0; 8];
            assert_eq!(read(&far, &mut buffer).await.unwrap(), 1);
            until_not_readable(&far).await;
            near.get_ref().write_all(b"2").unwrap();
            let newer = far.readable().await.unwrap();
            old.clear_ready();
            assert!(
                poll_once(far.readable()).await.is_ready(),
                "the newer event was cleared"
            );
            drop(newer);
            assert_eq!(read(&far, &mut buffer).await.unwrap(), 1);
        }
    });
}

#[test]
fn a_part_of_the_readiness_is_cleared() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        near.get_ref().write_all(b"x").unwrap();
        let both = Interest::READABLE | Interest::WRITABLE;
        far.readable().await.unwrap().retain_ready();
        let mut guard = loop {
            let guard = far.ready(both).await.unwrap();
            if guard.ready().is_readable() && guard.ready().is_writable() {
                break guard;
            }
        };
        guard.clear_ready_matching(Ready::READABLE);
        assert!(!guard.ready().is_readable());
        assert!(guard.ready().is_writable());
        drop(guard);
        until_not_readable(&far).await;
        assert!(poll_once(far.writable()).await.is_ready());
        assert!(far.ready(both).await.unwrap().ready().is_writable());
    });
}

/// Who waits to read may find out that it cannot write.
#[test]
fn a_part_is_cleared_that_was_not_waited_for() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        near.get_ref().write_all(b"x").unwrap();
        let mut guard = far.readable().await.unwrap();
        // More than any socket holds.
        let error = far.get_ref().write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        guard.clear_ready_matching(Ready::WRITABLE);
        assert!(guard.ready().is_readable());
        assert!(poll_once(far.readable()).await.is_ready());
        assert!(poll_once(far.writable()).await.is_pending());
    });
}

#[test]
fn guards_with_exclusive_access() {
    on_every_runtime(|| async {
        let (near, mut far) = sockets();
        near.get_ref().write_all(b"abc").unwrap();
        let mut buffer = [0; 1];
        {
            let mut guard: AsyncFdReadyMutGuard<'_, UnixStream> = far.readable_mut().await.unwrap();
            assert!(guard.ready().is_readable());
            guard.get_inner_mut().read_exact(&mut buffer).unwrap();
            assert_eq!(&buffer, b"a");
            guard.get_mut().get_mut().read_exact(&mut buffer).unwrap();
            assert_eq!(guard.get_inner().as_raw_fd(), guard.get_ref().as_raw_fd());
            let length = guard
                .try_io(|fd| fd.get_mut().read(&mut buffer))
                .unwrap()
                .unwrap();
            assert_eq!((length, &buffer), (1, b"c"));
            guard.retain_ready();
            guard
                .try_io(|fd| fd.get_mut().read(&mut buffer))
                .unwrap_err();
            assert_eq!(guard.ready(), Ready::EMPTY);
        }
        let mut guard = far.writable_mut().await.unwrap();
        assert!(guard.ready().is_writable());
        guard.clear_ready_matching(Ready::READABLE);
        assert!(guard.ready().is_writable());
        guard.clear_ready();
        drop(guard);
        drop(near);
        assert!(
            far.ready_mut(Interest::READABLE)
                .await
                .unwrap()
                .ready()
                .is_readable()
        );
        let mut guard = poll_fn(|cx| {
            far.poll_read_ready_mut(cx).map_ok(|mut guard| {
                guard.retain_ready();
                guard.ready()
            })
        })
        .await;
        assert!(guard.as_mut().unwrap().is_readable());
        let ready = poll_fn(|cx| far.poll_write_ready_mut(cx).map_ok(|guard| guard.ready())).await;
        assert!(ready.unwrap().is_writable());
    });
}

#[test]
fn polling_waits_for_each_direction() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        until_not_readable(&far).await;
        assert!(
            poll_once(poll_fn(|cx| far.poll_read_ready(cx)))
                .await
                .is_pending()
        );
        poll_fn(|cx| far.poll_write_ready(cx))
            .await
            .unwrap()
            .retain_ready();
        near.get_ref().write_all(b"x").unwrap();
        poll_fn(|cx| far.poll_read_ready(cx))
            .await
            .unwrap()
            .retain_ready();
    });
}

#[test]
fn closures_are_repeated_until_they_do_not_block() {
    on_every_runtime(|| async {
        let (near, mut far) = sockets();
        let mut buffer = [0; 8];
        assert!(
            poll_once(far.async_io(Interest::READABLE, |mut far| far.read(&mut [0; 8])))
                .await
                .is_pending()
        );
        near.get_ref().write_all(b"one").unwrap();
        let length = far
            .async_io(Interest::READABLE, |mut far| far.read(&mut buffer))
            .await;
        assert_eq!(length.unwrap(), 3);
        near.get_ref().write_all(b"four").unwrap();
        let length = far
            .async_io_mut(Interest::READABLE, |far| far.read(&mut buffer))
            .await;
        assert_eq!(length.unwrap(), 4);
        let result: std::io::Result<()> = far
            .async_io(Interest::WRITABLE, |_| Err(ErrorKind::Unsupported.into()))
            .await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn try_io_tries_only_what_may_succeed() {
    on_every_runtime(|| async {
        let (near, mut far) = sockets();
        until_not_readable(&far).await;
        let error = far.try_io(Interest::READABLE, |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        near.get_ref().write_all(b"xy").unwrap();
        far.readable().await.unwrap().retain_ready();
        let mut buffer = [0; 1];
        assert_eq!(
            far.try_io(Interest::READABLE, |mut far| far.read(&mut buffer))
                .unwrap(),
            1
        );
        assert_eq!(
            far.try_io_mut(Interest::READABLE, |far| far.read(&mut buffer))
                .unwrap(),
            1
        );
        let error = far
            .try_io_mut(Interest::READABLE, |far| far.read(&mut buffer))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(poll_once(far.readable()).await.is_pending());
    });
}

#[test]
fn any_number_of_tasks_wait() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        until_not_readable(&far).await;
        let far = Arc::new(far);
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let far = far.clone();
                filch::spawn(async move { far.readable().await.unwrap().ready() })
            })
            .collect();
        filch::task::yield_now().await;
        waiting[3].abort();
        near.get_ref().write_all(b"x").unwrap();
        for (number, task) in waiting.into_iter().enumerate() {
            match task.await {
                Ok(ready) => assert!(ready.is_readable()),
                Err(error) => assert!(number == 3 && error.is_cancelled()),
            }
        }
    });
}

#[test]
fn a_closed_end_is_seen() {
    on_every_runtime(|| async {
        let (reader, writer) = pipe();
        drop(writer);
        let ready = loop {
            let guard = reader.readable().await.unwrap();
            if guard.ready().is_read_closed() {
                break guard.ready();
            }
        };
        assert!(ready.is_readable());
        // A closed end is not cleared: it does not become untrue.
        let mut guard = reader.readable().await.unwrap();
        guard.clear_ready();
        drop(guard);
        assert!(reader.readable().await.unwrap().ready().is_read_closed());
        assert_eq!(read(&reader, &mut [0; 1]).await.unwrap(), 0);

        let (reader, writer) = pipe();
        drop(reader);
        loop {
            if writer.writable().await.unwrap().ready().is_write_closed() {
                break;
            }
        }
        assert_eq!(
            writer.get_ref().write(b"x").unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

/// An operation that says `WouldBlock` at a closed end cannot clear anything;
/// it must not keep the thread.
#[test]
fn a_closed_end_that_would_block_lets_others_run() {
    on_every_runtime(|| async {
        let (reader, writer) = pipe();
        drop(writer);
        let enough = Arc::new(AtomicBool::new(false));
        let stubborn = filch::spawn({
            let enough = enough.clone();
            unconstrained(async move {
                reader
                    .async_io(Interest::READABLE, |_| {
                        match enough.load(Ordering::SeqCst) {
                            true => Ok(()),
                            false => Err(ErrorKind::WouldBlock.into()),
                        }
                    })
                    .await
            })
        });
        for _ in 0..10 {
            filch::task::yield_now().await;
        }
        enough.store(true, Ordering::SeqCst);
        stubborn.await.unwrap().unwrap();
    });
}

#[test]
fn only_what_was_asked_for_is_watched() {
    on_every_runtime(|| async {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.set_nonblocking(true).unwrap();
        // SAFETY: a `UnixStream` keeps its descriptor, and is not exchanged.
        let far = unsafe { AsyncFd::register_with_interest(far, Interest::READABLE) }.unwrap();
        (&near).write_all(b"x").unwrap();
        let mut buffer = [0; 1];
        assert_eq!(read(&far, &mut buffer).await.unwrap(), 1);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn urgent_data_is_awaited() {
    on_every_runtime(|| async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_nonblocking(true).unwrap();
        // SAFETY: a `TcpStream` keeps its descriptor, and is not exchanged.
        let far = unsafe { AsyncFd::register_with_interest(far, Interest::PRIORITY) }.unwrap();
        assert!(poll_once(far.ready(Interest::PRIORITY)).await.is_pending());
        socket2::SockRef::from(&near)
            .send_out_of_band(b"!")
            .unwrap();
        let guard = far.ready(Interest::PRIORITY).await.unwrap();
        assert!(guard.ready().is_priority());
        let mut byte = [std::mem::MaybeUninit::uninit(); 1];
        let socket = socket2::SockRef::from(guard.get_inner());
        assert_eq!(socket.recv_out_of_band(&mut byte).unwrap(), 1);
    });
}
