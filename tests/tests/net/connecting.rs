//! Connecting.

use crate::every_runtime::{current_thread, on_every_runtime, within_bounds, workers};
use crate::pair::poll_once;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream};
use socket2::{Domain, Socket, Type};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An address where nothing listens, and nothing will while the socket lives.
fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// A listener whose queue is full: a connection to it stays in progress.
///
/// Returned with the connections that fill the queue.
fn full() -> (std::net::TcpListener, Vec<std::net::TcpStream>, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(0).unwrap();
    let listener = std::net::TcpListener::from(socket);
    let addr = listener.local_addr().unwrap();
    // A queue has room for one more than was asked for.
    let waiting = vec![std::net::TcpStream::connect(addr).unwrap()];
    (listener, waiting, addr)
}

#[test]
fn a_refused_connection_is_an_error() {
    on_every_runtime(|| async {
        let (_socket, addr) = refusing();
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let socket = TcpSocket::new_v4().unwrap();
        let error = socket.connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_next_address_is_tried() {
    on_every_runtime(|| async {
        let (_socket, refusing) = refusing();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[refusing, listening][..])
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listening);
    });
}

#[test]
fn a_connection_that_takes_its_time_is_awaited() {
    for (kind, runtime) in [
        ("current thread", current_thread()),
        ("2 workers", workers(2)),
    ] {
        within_bounds(kind, move || {
            runtime.block_on(async {
                let (listener, waiting, addr) = full();
                let connecting = filch::spawn(TcpStream::connect(addr));
                filch::task::yield_now().await;
                assert!(!connecting.is_finished(), "the queue was to be full");
                // Makes room; the kernel finishes the handshake when it tries
                // again, after a second.
                for _ in waiting {
                    drop(listener.accept().unwrap());
                }
                let mut stream = connecting.await.unwrap().unwrap();
                let (mut accepted, _) = listener.accept().unwrap();
                stream.write_all(b"here").await.unwrap();
                let mut received = [0; 4];
                std::io::Read::read_exact(&mut accepted, &mut received).unwrap();
                assert_eq!(&received, b"here");
                drop(accepted);
                assert_eq!(stream.read(&mut received).await.unwrap(), 0);
            });
        });
    }
}

#[test]
fn a_connection_in_progress_can_be_abandoned() {
    on_every_runtime(|| async {
        let (listener, waiting, addr) = full();
        for _ in 0..3 {
            assert!(poll_once(TcpStream::connect(addr)).await.is_pending());
        }
        drop(waiting);
        drop(listener);
    });
}

#[test]
fn a_bound_socket_connects_from_its_address() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = socket.local_addr().unwrap();
        let stream = socket
            .connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        assert_eq!(stream.local_addr().unwrap(), local);
        assert_eq!(listener.accept().await.unwrap().1, local);
    });
}

#[test]
fn outside_a_runtime_sockets_say_what_to_do() {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    let panic = catch_unwind(|| TcpListener::from_std(plain)).unwrap_err();
    let message = panic.downcast_ref::<String>().cloned();
    let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
    let message = message.expect("a panic has a message");
    assert!(message.contains("runtime"), "{message}");

    let mut connecting = Box::pin(TcpStream::connect("127.0.0.1:1"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(
        catch_unwind(AssertUnwindSafe(|| connecting
            .as_mut()
            .poll(&mut cx)
            .is_ready()))
        .is_err()
    );
}

#[test]
fn a_handle_makes_sockets_outside_of_its_runtime() {
    let runtime = workers(1);
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    let listener = {
        let _guard = runtime.enter();
        TcpListener::from_std(plain).unwrap()
    };
    let addr = listener.local_addr().unwrap();
    runtime.block_on(async move {
        let (client, accepted) = filch::join!(TcpStream::connect(addr), listener.accept());
        client.unwrap();
        accepted.unwrap();
    });
}
