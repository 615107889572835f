//! The readiness interface of streams: wait, then try.

mod every_runtime;
#[path = "net/pair.rs"]
mod pair;

use every_runtime::on_every_runtime;
use filch::io::{AsyncReadExt, AsyncWriteExt, Interest, Ready};
use filch::net::TcpStream;
use pair::{pair, poll_once};
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// More false positives in a row than a handful of events can cause.
const MANY: usize = 100;

/// Reads with `attempt` until it succeeds, as the documentation says.
async fn read_when_ready<R>(
    stream: &TcpStream,
    mut attempt: impl FnMut() -> std::io::Result<R>,
) -> R {
    loop {
        stream.readable().await.unwrap();
        match attempt() {
            Ok(result) => return result,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// Clears read readiness until it stays cleared; the stream must be drained or
/// about to be ignored.
async fn until_not_readable(stream: &TcpStream) {
    for _ in 0..MANY {
        if poll_once(stream.readable()).await.is_pending() {
            return;
        }
        let result: std::io::Result<()> =
            stream.try_io(Interest::READABLE, || Err(ErrorKind::WouldBlock.into()));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    panic!("clearing has no effect");
}

async fn until_full(stream: &TcpStream) -> usize {
    let mut sent = 0;
    loop {
        match stream.try_write(&[5; 4096]) {
            Ok(length) => sent += length,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return sent;
            }
        }
    }
}

#[test]
fn a_new_stream_is_writable_and_becomes_readable() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        client.writable().await.unwrap();
        assert!(
            client
                .ready(Interest::WRITABLE)
                .await
                .unwrap()
                .is_writable()
        );
        until_not_readable(&client).await;
        server.write_all(b"x").await.unwrap();
        let both = Interest::READABLE | Interest::WRITABLE;
        loop {
            let ready = client.ready(both).await.unwrap();
            assert!(ready.is_writable());
            if ready.is_readable() {
                break;
            }
            filch::task::yield_now().await;
        }
        client.readable().await.unwrap();
    });
}

#[test]
fn try_read_reads_what_is_there() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let error = client.try_read(&mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        server.write_all(b"abcdefgh").await.unwrap();
        while client.peek(&mut [0; 8]).await.unwrap() < 8 {}
        let mut buffer = [0; 3];
        assert_eq!(client.try_read(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer, b"abc");
        let (mut head, mut tail) = ([0; 1], [0; 2]);
        let mut slices = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
        assert_eq!(client.try_read_vectored(&mut slices).unwrap(), 3);
        assert_eq!((&head, &tail), (b"d", b"ef"));
        let mut vec = Vec::from(*b"old ");
        vec.reserve(100);
        assert_eq!(client.try_read_buf(&mut vec).unwrap(), 2);
        assert_eq!(vec, b"old gh");
        assert_eq!(
            client.try_read(&mut buffer).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );

        drop(server);
        assert_eq!(
            read_when_ready(&client, || client.try_read(&mut buffer)).await,
            0
        );
        assert_eq!(client.try_read_buf(&mut vec).unwrap(), 0);
        assert_eq!(
            client
                .try_read_vectored(&mut [IoSliceMut::new(&mut buffer)])
                .unwrap(),
            0
        );
    });
}

#[test]
fn a_try_that_would_block_is_followed_by_a_real_wait() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        for _ in 0..MANY {
            server.write_all(b"x").await.unwrap();
            // A full buffer says nothing of what is behind it.
            let mut buffer = [0; 1];
            read_when_ready(&client, || client.try_read(&mut buffer)).await;
            let error = client.try_read(&mut buffer).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            if poll_once(client.readable()).await.is_pending() {
                return;
            }
        }
        panic!("a try that would block clears nothing");
    });
}

/// A short read has drained the queue: the readiness is gone without another
/// call, unless an event is late to arrive.
#[cfg(target_os = "linux")]
#[test]
fn a_short_read_is_followed_by_a_real_wait() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        for _ in 0..MANY {
            server.write_all(b"x").await.unwrap();
            let mut buffer = [0; 2];
            let length = read_when_ready(&client, || client.try_read(&mut buffer)).await;
            assert_eq!(length, 1);
            if poll_once(client.readable()).await.is_pending() {
                return;
            }
        }
        panic!("a short read clears nothing");
    });
}

#[test]
fn try_write_writes_what_fits() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        client.writable().await.unwrap();
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
        assert_eq!(client.try_write_vectored(&slices).unwrap(), 3);
        let sent = 3 + until_full(&client).await;
        assert_eq!(
            client.try_write_vectored(&slices).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert!(poll_once(client.writable()).await.is_pending());

        let reading = filch::spawn(async move {
            let mut received = vec![0; sent];
            server.read_exact(&mut received).await.unwrap();
            server
        });
        client.writable().await.unwrap();
        reading.await.unwrap();
    });
}

/// A short write has filled the queue: the readiness is gone without another
/// call, and comes back when there is room.
#[test]
fn a_short_write_is_followed_by_a_real_wait() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let data = vec![9; 64 << 20];
        client.writable().await.unwrap();
        let sent = client.try_write(&data).unwrap();
        assert!(sent < data.len(), "a queue of {sent} bytes");
        let reading = filch::spawn(async move {
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.unwrap();
            rest.len()
        });
        let mut client = client;
        client.write_all(&data[..1 << 20]).await.unwrap();
        drop(client);
        assert_eq!(reading.await.unwrap(), sent + (1 << 20));
    });
}

#[test]
fn would_block_clears_until_the_next_event() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        server.write_all(b"a").await.unwrap();
        client.readable().await.unwrap();
        // The byte is there, but nobody looks, and no further event comes.
        until_not_readable(&client).await;
        let mut calls = 0;
        let result = client.try_io(Interest::READABLE, || {
            calls += 1;
            Ok(())
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(calls, 0, "what is not ready is not tried");

        server.write_all(b"b").await.unwrap();
        client.readable().await.unwrap();
        let mut buffer = [0; 4];
        let length = read_when_ready(&client, || client.try_read(&mut buffer)).await;
        assert!(length >= 1);
        assert_eq!(buffer[0], b'a');
    });
}

#[test]
fn try_io_returns_what_the_operation_returns() {
    on_every_runtime(|| async {
        let (client, _server) = pair().await;
        client.writable().await.unwrap();
        assert_eq!(client.try_io(Interest::WRITABLE, || Ok(42)).unwrap(), 42);
        let result: std::io::Result<()> =
            client.try_io(Interest::WRITABLE, || Err(ErrorKind::Unsupported.into()));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unsupported);
        // Neither was a reason to clear.
        assert!(poll_once(client.writable()).await.is_ready());
    });
}

#[test]
fn async_io_repeats_until_it_does_not_block() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let client = Arc::new(client);
        let calls = Arc::new(AtomicUsize::new(0));
        let reading = filch::spawn({
            let (client, calls) = (client.clone(), calls.clone());
            async move {
                let socket = socket2::SockRef::from(&*client);
                let mut buffer = [std::mem::MaybeUninit::uninit(); 8];
                client
                    .async_io(Interest::READABLE, || {
                        calls.fetch_add(1, Ordering::SeqCst);
                        socket.recv(&mut buffer)
                    })
                    .await
            }
        });
        filch::task::yield_now().await;
        server.write_all(b"x").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 1);
        assert!((1..MANY).contains(&calls.load(Ordering::SeqCst)));

        let result: std::io::Result<()> = client
            .async_io(Interest::WRITABLE, || Err(ErrorKind::Unsupported.into()))
            .await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn a_dropped_async_io_has_not_succeeded() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        until_not_readable(&client).await;
        let mut calls = 0;
        let waiting = client.async_io(Interest::READABLE, || {
            calls += 1;
            Ok(())
        });
        assert!(poll_once(waiting).await.is_pending());
        assert_eq!(calls, 0);
        server.write_all(b"x").await.unwrap();
        let mut client = client;
        assert_eq!(client.read_u8().await.unwrap(), b'x');
    });
}

#[test]
fn any_number_of_tasks_wait_for_readiness() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let client = Arc::new(client);
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let client = client.clone();
                filch::spawn(async move { client.ready(Interest::READABLE).await.unwrap() })
            })
            .collect();
        filch::task::yield_now().await;
        server.write_all(b"x").await.unwrap();
        for task in waiting {
            assert!(task.await.unwrap().is_readable());
        }
    });
}

#[test]
fn dropped_waits_take_nothing_from_the_others() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        until_not_readable(&client).await;
        let client = Arc::new(client);
        let staying = filch::spawn({
            let client = client.clone();
            async move { client.readable().await }
        });
        let leaving: Vec<_> = (0..20)
            .map(|_| {
                let client = client.clone();
                filch::spawn(async move { client.readable().await })
            })
            .collect();
        filch::task::yield_now().await;
        for task in &leaving {
            task.abort();
        }
        server.write_all(b"x").await.unwrap();
        staying.await.unwrap().unwrap();
    });
}

#[test]
fn poll_readiness_wakes_the_last_to_poll() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        until_not_readable(&client).await;
        assert!(poll_elsewhere(&client).is_pending());
        assert!(
            poll_once(poll_fn(|cx| client.poll_read_ready(cx)))
                .await
                .is_pending()
        );
        server.write_all(b"x").await.unwrap();
        poll_fn(|cx| client.poll_read_ready(cx)).await.unwrap();

        poll_fn(|cx| client.poll_write_ready(cx)).await.unwrap();
        until_full(&client).await;
        assert!(
            poll_once(poll_fn(|cx| client.poll_write_ready(cx)))
                .await
                .is_pending()
        );
        drop(server);
        poll_fn(|cx| client.poll_write_ready(cx)).await.unwrap();
    });
}

/// Polls with a waker that wakes nobody.
fn poll_elsewhere(stream: &TcpStream) -> Poll<std::io::Result<()>> {
    stream.poll_read_ready(&mut Context::from_waker(Waker::noop()))
}

/// The two directions have separate slots: polling one does not displace the
/// waker of the other.
#[test]
fn both_directions_are_awaited_at_once() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let sent = until_full(&client).await;
        let client = Arc::new(client);
        let writable = filch::spawn({
            let client = client.clone();
            async move { poll_fn(|cx| client.poll_write_ready(cx)).await }
        });
        let readable = filch::spawn({
            let client = client.clone();
            async move {
                let mut buffer = [0; 1];
                loop {
                    poll_fn(|cx| client.poll_read_ready(cx)).await.unwrap();
                    match client.try_read(&mut buffer) {
                        Ok(length) => return length,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                }
            }
        });
        filch::task::yield_now().await;
        server.write_all(b"x").await.unwrap();
        assert_eq!(readable.await.unwrap(), 1);
        server.read_exact(&mut vec![0; sent]).await.unwrap();
        writable.await.unwrap().unwrap();
    });
}

/// The portable selector reports the end of a stream as readable only.
#[cfg(all(target_os = "linux", not(filch_portable)))]
#[test]
fn a_closed_peer_is_read_closed() {
    on_every_runtime(|| async {
        let (client, server) = pair().await;
        drop(server);
        loop {
            let ready: Ready = client.ready(Interest::READABLE).await.unwrap();
            if ready.is_read_closed() {
                break;
            }
            // The assumed readability of a new stream is tried and cleared.
            match client.try_read(&mut [0; 1]) {
                Ok(length) => {
                    assert_eq!(length, 0);
                    filch::task::yield_now().await;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert!(poll_once(client.readable()).await.is_ready());
    });
}

#[test]
fn readiness_does_not_starve_other_tasks() {
    on_every_runtime(|| async {
        let (client, _server) = pair().await;
        let runs = Arc::new(AtomicUsize::new(0));
        let other = filch::spawn({
            let runs = runs.clone();
            async move {
                runs.fetch_add(1, Ordering::SeqCst);
            }
        });
        // Always ready, so that only the budget lets anyone else run here.
        while runs.load(Ordering::SeqCst) == 0 {
            client.writable().await.unwrap();
        }
        other.await.unwrap();
    });
}

#[test]
fn polling_is_pending_without_a_runtime_too() {
    let runtime = every_runtime::workers(1);
    let (client, _server) = runtime.block_on(pair());
    runtime.block_on(until_not_readable(&client));
    // The driver's threads go on by themselves; this one is none of them.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(
        client.poll_write_ready(&mut cx),
        Poll::Ready(Ok(()))
    ));
    assert!(client.poll_read_ready(&mut cx).is_pending());
}
