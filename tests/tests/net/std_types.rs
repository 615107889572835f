//! To the standard library's types and back.

use crate::every_runtime::{current_thread, on_every_runtime};
use crate::pair::pair;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn a_stream_goes_to_std_and_back() {
    on_every_runtime(|| async {
        let (mut stream, mut peer) = pair().await;
        peer.write_all(b"1").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'1');

        let mut plain = stream.into_std().unwrap();
        let error = plain.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "it stays non-blocking");
        plain.set_nonblocking(false).unwrap();
        peer.write_all(b"2").await.unwrap();
        let mut byte = [0; 1];
        plain.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"2");
        plain.write_all(b"3").unwrap();
        assert_eq!(peer.read_u8().await.unwrap(), b'3');

        plain.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::try_from(plain).unwrap();
        peer.write_all(b"4").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'4');
        stream.write_all(b"5").await.unwrap();
        assert_eq!(peer.read_u8().await.unwrap(), b'5');
    });
}

#[test]
fn what_was_sent_before_registering_is_read() {
    on_every_runtime(|| async {
        let (stream, mut peer) = pair().await;
        let plain = stream.into_std().unwrap();
        peer.write_all(b"early").await.unwrap();
        drop(peer);
        let mut stream = TcpStream::from_std(plain).unwrap();
        let mut received = String::new();
        stream.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "early");
    });
}

#[test]
fn a_listener_goes_to_std_and_back() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let plain = listener.into_std().unwrap();
        assert_eq!(plain.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let client = TcpStream::connect(addr).await.unwrap();
        let listener = TcpListener::try_from(plain).unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn a_blocking_socket_is_refused_in_debug_builds() {
    let runtime = current_thread();
    let _guard = runtime.enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = catch_unwind(AssertUnwindSafe(|| TcpStream::from_std(stream)));
    let listener = catch_unwind(AssertUnwindSafe(|| TcpListener::from_std(listener)));
    if cfg!(debug_assertions) {
        for panic in [stream.unwrap_err(), listener.unwrap_err()] {
            let message = panic
                .downcast_ref::<&str>()
                .expect("the message is a literal");
            assert!(message.contains("set_nonblocking(true)"), "{message}");
        }
    } else {
        stream.unwrap().unwrap();
        listener.unwrap().unwrap();
    }
}
