//! What a connection does with bytes, ends and resets.

use crate::every_runtime::on_every_runtime;
use crate::pair::{pair, poll_once};
use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use filch::net::TcpStream;
use socket2::SockRef;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Poll;

#[test]
fn request_and_response() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        let mut received = [0; 5];
        for _ in 0..100 {
            client.write_all(b"hello").await.unwrap();
            server.read_exact(&mut received).await.unwrap();
            assert_eq!(&received, b"hello");
            server.write_all(b"world").await.unwrap();
            client.read_exact(&mut received).await.unwrap();
            assert_eq!(&received, b"world");
        }
    });
}

#[test]
fn a_half_closed_stream_still_reads() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(client.write_all(b"more").await.is_err());

        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        server.write_all(b"answer").await.unwrap();
        drop(server);

        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    });
}

#[test]
fn the_end_of_a_stream_lasts() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        drop(client);
        let mut buffer = [0; 8];
        // More often than a budget lasts.
        for _ in 0..300 {
            assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
        }
    });
}

/// All of it came as one event, and no further one will.
#[test]
fn a_full_buffer_leaves_the_rest_to_be_read() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"abcdefgh").await.unwrap();
        while server.peek(&mut [0; 8]).await.unwrap() < 8 {}
        let mut received = [0; 8];
        for piece in received.chunks_mut(2) {
            assert_eq!(server.read(piece).await.unwrap(), 2);
        }
        assert_eq!(&received, b"abcdefgh");
    });
}

/// The end arrives with the data, before it is read, and after: a short read
/// must not hide it.
#[test]
fn the_end_behind_a_short_read_is_found() {
    on_every_runtime(|| async {
        for close_first in [true, false] {
            let (client, mut server) = pair().await;
            let mut client = Some(client);
            let mut buffer = [0; 1024];
            client.as_mut().unwrap().write_all(b"abc").await.unwrap();
            if close_first {
                client = None;
            }
            assert_eq!(server.read(&mut buffer).await.unwrap(), 3);
            drop(client);
            assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
        }
    });
}

#[test]
fn a_reset_is_an_error_on_both_directions() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        client.set_zero_linger().unwrap();
        drop(client);
        let mut buffer = [0; 8];
        let error = server.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = server.write(b"x").await.unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            ),
            "{error:?}"
        );
        // Nothing is left to be shut down, and that is what was asked for.
        server.shutdown().await.unwrap();
    });
}

#[test]
fn a_reset_wakes_a_reader_that_waits() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let reading = filch::spawn(async move { server.read(&mut [0; 8]).await });
        filch::task::yield_now().await;
        client.set_zero_linger().unwrap();
        drop(client);
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_full_connection_makes_the_writer_wait_for_the_reader() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let chunk = [7; 16 * 1024];
        let mut sent = 0;
        loop {
            match client.try_write(&chunk) {
                Ok(length) => sent += length,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        let writing = filch::spawn(async move {
            let mut client = client;
            client.write_all(&[8; 1000]).await
        });
        let mut received = vec![0; sent];
        server.read_exact(&mut received).await.unwrap();
        assert!(received.iter().all(|byte| *byte == 7));
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [8; 1000]);
        writing.await.unwrap().unwrap();
    });
}

#[test]
fn a_vectored_write_takes_from_all_buffers() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        assert!(client.is_write_vectored());
        // Fewer and more buffers than one system call may look at.
        for count in [0, 1, 3, 16, 17, 1024, 3000] {
            let parts: Vec<Vec<u8>> = (0..count)
                .map(|number: usize| vec![number as u8; number % 3])
                .collect();
            let wanted = parts.concat();
            let mut slices: Vec<IoSlice<'_>> =
                parts.iter().map(|part| IoSlice::new(part)).collect();
            let mut left = &mut slices[..];
            let mut sent = 0;
            while sent < wanted.len() {
                let length = client.write_vectored(left).await.unwrap();
                assert_ne!(length, 0);
                sent += length;
                IoSlice::advance_slices(&mut left, length);
            }
            let mut received = vec![0; wanted.len()];
            server.read_exact(&mut received).await.unwrap();
            assert_eq!(received, wanted);
        }
    });
}

#[test]
fn empty_buffers_transfer_nothing() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        assert_eq!(client.write(&[]).await.unwrap(), 0);
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut []).await.unwrap(), 0);
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 1);
    });
}

#[test]
fn a_read_fills_uninitialised_memory_behind_what_is_there() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"fresh").await.unwrap();
        let mut memory = [MaybeUninit::<u8>::uninit(); 12];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"old ");
        while buf.filled().len() < 9 {
            poll_fn(|cx| Pin::new(&mut server).poll_read(cx, &mut buf))
                .await
                .unwrap();
        }
        assert_eq!(buf.filled(), b"old fresh");
        assert_eq!(buf.initialized().len(), 9);
    });
}

#[test]
fn a_dropped_read_has_taken_nothing() {
    on_every_runtime(|| async {
        const LENGTH: usize = 5000;
        let (mut client, mut server) = pair().await;
        let writing = filch::spawn(async move {
            for number in 0..LENGTH {
                client.write_all(&[number as u8]).await.unwrap();
                if number % 7 == 0 {
                    filch::task::yield_now().await;
                }
            }
        });
        let mut received = Vec::new();
        let mut buffer = [0; 3];
        loop {
            filch::select! {
                biased;
                length = server.read(&mut buffer) => match length.unwrap() {
                    0 => break,
                    length => received.extend_from_slice(&buffer[..length]),
                },
                () = filch::task::yield_now() => {}
            }
        }
        writing.await.unwrap();
        let wanted: Vec<u8> = (0..LENGTH).map(|number| number as u8).collect();
        assert_eq!(received, wanted);
    });
}

#[test]
fn a_peek_leaves_the_data() {
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        assert!(poll_once(server.peek(&mut [0; 4])).await.is_pending());
        client.write_all(b"data").await.unwrap();
        let mut buffer = [0; 16];
        for _ in 0..3 {
            assert_eq!(server.peek(&mut buffer).await.unwrap(), 4);
            assert_eq!(&buffer[..4], b"data");
        }
        let mut buf = ReadBuf::new(&mut buffer);
        buf.put_slice(b"the ");
        let length = poll_fn(|cx| server.poll_peek(cx, &mut buf)).await.unwrap();
        assert_eq!((length, buf.filled()), (4, &b"the data"[..]));
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        drop(client);
        assert_eq!(server.peek(&mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn several_tasks_wait_for_one_peek() {
    on_every_runtime(|| async {
        let (mut client, server) = pair().await;
        let server = std::sync::Arc::new(server);
        let peeking: Vec<_> = (0..10)
            .map(|_| {
                let server = server.clone();
                filch::spawn(async move { server.peek(&mut [0; 4]).await })
            })
            .collect();
        filch::task::yield_now().await;
        client.write_all(b"for all").await.unwrap();
        for peek in peeking {
            let length = peek.await.unwrap().unwrap();
            assert!((1..=4).contains(&length), "{length}");
        }
    });
}

/// A read stops in front of an urgent byte, so that a short read proves
/// nothing: what follows the byte must be found all the same.
#[test]
fn data_behind_an_urgent_byte_is_read() {
    on_every_runtime(|| async {
        let (client, mut server) = pair().await;
        let sender = SockRef::from(&client);
        sender.send(b"abc").unwrap();
        sender.send_out_of_band(b"!").unwrap();
        sender.send(b"def").unwrap();
        let mut received = [0; 1024];
        let mut length = 0;
        while length < 6 {
            length += server.read(&mut received[length..]).await.unwrap();
        }
        assert_eq!(&received[..length], b"abcdef");
    });
}

#[test]
fn one_stream_is_read_and_written_by_two_tasks() {
    on_every_runtime(|| async {
        let (client, server) = pair().await;
        let (mut reader, mut writer) = server.into_split();
        let echoing = filch::spawn(async move {
            filch::io::copy(&mut reader, &mut writer).await.unwrap();
        });
        let (mut reader, mut writer) = client.into_split();
        let writing = filch::spawn(async move {
            for number in 0..2000u16 {
                writer.write_all(&number.to_be_bytes()).await.unwrap();
            }
        });
        for number in 0..2000 {
            assert_eq!(reader.read_u16().await.unwrap(), number);
        }
        writing.await.unwrap();
        assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
        echoing.await.unwrap();
    });
}

#[test]
fn flushing_needs_no_wait() {
    on_every_runtime(|| async {
        let (mut client, _server) = pair().await;
        let flushed = poll_fn(|cx| Poll::Ready(Pin::new(&mut client).poll_flush(cx))).await;
        assert!(matches!(flushed, Poll::Ready(Ok(()))));
    });
}

#[test]
fn a_stream_shows_its_addresses() {
    on_every_runtime(|| async {
        let (client, server) = pair().await;
        assert_eq!(client.local_addr().unwrap(), server.peer_addr().unwrap());
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        let shown = format!("{client:?}");
        assert!(
            shown.contains(&client.local_addr().unwrap().to_string()),
            "{shown}"
        );
        let itself: &TcpStream = client.as_ref();
        assert!(std::ptr::eq(itself, &raw const client));
        assert!(client.take_error().unwrap().is_none());
    });
}

#[test]
fn sockets_may_go_anywhere() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    check::<TcpStream>();
    check::<filch::net::TcpListener>();
    check::<filch::net::TcpSocket>();
    check::<filch::net::tcp::OwnedReadHalf>();
    check::<filch::net::tcp::OwnedWriteHalf>();
}
