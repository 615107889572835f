//! Sockets and the end of their runtime.

use crate::every_runtime::{current_thread, on_every_built_runtime};
use crate::pair::pair;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use std::io::{ErrorKind, Read};
use std::sync::mpsc::channel;
use std::thread;

#[track_caller]
fn assert_says_shut_down(error: &std::io::Error) {
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[test]
fn a_dropped_runtime_closes_the_sockets_of_its_tasks() {
    on_every_built_runtime(|runtime| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..10 {
            runtime.spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                stream.write_all(b"x").await.unwrap();
                let received = stream.read_u8().await;
                unreachable!("nobody sends: {received:?}");
            });
        }
        let accepting = thread::spawn(move || {
            let mut streams = Vec::new();
            for _ in 0..10 {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 1]).unwrap();
                streams.push(stream);
            }
            streams
        });
        // A current-thread runtime runs only while it is driven.
        let streams = runtime.block_on(async {
            filch::task::spawn_blocking(move || accepting.join().unwrap())
                .await
                .unwrap()
        });
        drop(runtime);
        for mut stream in streams {
            assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        }
    });
}

#[test]
fn a_socket_that_outlives_its_runtime_says_so() {
    on_every_built_runtime(|runtime| {
        let (mut stream, mut peer) = runtime.block_on(pair());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        drop(runtime);
        current_thread().block_on(async {
            assert_says_shut_down(&stream.read(&mut [0; 1]).await.unwrap_err());
            assert_says_shut_down(&peer.write_all(b"x").await.unwrap_err());
            assert_says_shut_down(&stream.readable().await.unwrap_err());
            assert_says_shut_down(&stream.writable().await.unwrap_err());
            assert_says_shut_down(&stream.peek(&mut [0; 1]).await.unwrap_err());
            assert_says_shut_down(&listener.accept().await.unwrap_err());
        });
        // What needs no driver still works.
        assert_eq!(stream.peer_addr().unwrap(), peer.local_addr().unwrap());
        stream.into_std().unwrap();
        listener.into_std().unwrap();
    });
}

#[test]
fn a_dropped_runtime_wakes_who_waits_elsewhere() {
    on_every_built_runtime(|runtime| {
        let (stream, _peer) = runtime.block_on(pair());
        let (about_to_wait, waits) = channel();
        let waiting = thread::spawn(move || {
            current_thread().block_on(async {
                let mut stream = stream;
                let read = std::pin::pin!(stream.read_u8());
                let mut read = read;
                std::future::poll_fn(|cx| {
                    let polled = read.as_mut().poll(cx);
                    let _ = about_to_wait.send(());
                    polled
                })
                .await
            })
        });
        waits.recv().unwrap();
        drop(runtime);
        assert_says_shut_down(&waiting.join().unwrap().unwrap_err());
    });
}

#[test]
fn nothing_can_be_registered_after_the_end() {
    on_every_built_runtime(|runtime| {
        let handle = runtime.handle().clone();
        drop(runtime);
        let _guard = handle.enter();
        let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        plain.set_nonblocking(true).unwrap();
        assert_says_shut_down(&TcpListener::from_std(plain).unwrap_err());
    });
}

#[test]
fn a_stream_works_on_another_runtime() {
    on_every_built_runtime(|runtime| {
        let (mut stream, mut peer) = runtime.block_on(pair());
        // This runtime's driver must run for the other to be woken.
        let (stop, stopped) = filch::sync::oneshot::channel::<()>();
        let driving = thread::spawn(move || runtime.block_on(stopped));
        current_thread().block_on(async {
            for number in 0..100 {
                let (written, read) = filch::join!(peer.write_u8(number), stream.read_u8());
                written.unwrap();
                assert_eq!(read.unwrap(), number);
            }
        });
        stop.send(()).unwrap();
        driving.join().unwrap().unwrap();
    });
}
