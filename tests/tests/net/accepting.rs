//! Listeners.

use crate::every_runtime::on_every_runtime;
use crate::pair::{pair, poll_once};
use filch::net::{TcpListener, TcpStream};
use filch::time::timeout;
use socket2::SockRef;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn an_accepted_stream_is_ready_for_use() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let socket = SockRef::from(&server);
        assert!(socket.nonblocking().unwrap());
        let flags = rustix::io::fcntl_getfd(&server).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    });
}

/// It is not taken to be, as it is for a first read: who waits for it may want to give up.
#[test]
fn an_accepted_stream_is_readable_once_its_client_has_spoken() {
    on_every_runtime(|| async {
        for driver_has_looked in [false, true] {
            let (client, server) = pair().await;
            if driver_has_looked {
                server.writable().await.unwrap();
            }
            let silence = timeout(Duration::from_millis(5), server.readable()).await;
            assert!(silence.is_err());
            let polled = poll_once(poll_fn(|cx| server.poll_read_ready(cx))).await;
            assert!(polled.is_pending());
            server.writable().await.unwrap();
            assert_eq!(client.try_write(b"x").unwrap(), 1);
            server.readable().await.unwrap();
            assert_eq!(server.try_read(&mut [0; 8]).unwrap(), 1);
        }
    });
}

#[test]
fn ipv6_is_accepted() {
    on_every_runtime(|| async {
        // A machine may have no IPv6 at all.
        let Ok(listener) = TcpListener::bind("[::1]:0").await else {
            return;
        };
        let addr = listener.local_addr().unwrap();
        assert!(addr.is_ipv6());
        let (client, accepted) = filch::join!(TcpStream::connect(addr), listener.accept());
        assert_eq!(accepted.unwrap().1, client.unwrap().local_addr().unwrap());
    });
}

#[test]
fn accepting_waits_for_a_connection() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(poll_once(listener.accept()).await.is_pending());
        let accepting = filch::spawn(async move { listener.accept().await.unwrap().1 });
        filch::task::yield_now().await;
        let client = TcpStream::connect(addr).await.unwrap();
        assert_eq!(accepting.await.unwrap(), client.local_addr().unwrap());
    });
}

#[test]
fn poll_accept_waits_for_a_connection() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(
            poll_once(poll_fn(|cx| listener.poll_accept(cx)))
                .await
                .is_pending()
        );
        let accepting =
            filch::spawn(async move { poll_fn(|cx| listener.poll_accept(cx)).await.unwrap().1 });
        let client = TcpStream::connect(addr).await.unwrap();
        assert_eq!(accepting.await.unwrap(), client.local_addr().unwrap());
    });
}

#[test]
fn a_dropped_accept_has_taken_no_connection() {
    on_every_runtime(|| async {
        const CONNECTIONS: usize = 100;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let connecting = filch::spawn(async move {
            let mut clients = Vec::new();
            for _ in 0..CONNECTIONS {
                clients.push(TcpStream::connect(addr).await.unwrap());
                filch::task::yield_now().await;
            }
            clients
        });
        let mut accepted = Vec::new();
        while accepted.len() < CONNECTIONS {
            filch::select! {
                biased;
                connection = listener.accept() => accepted.push(connection.unwrap().1),
                () = filch::task::yield_now() => {}
            }
        }
        let mut clients: Vec<SocketAddr> = connecting
            .await
            .unwrap()
            .iter()
            .map(|client| client.local_addr().unwrap())
            .collect();
        clients.sort();
        accepted.sort();
        assert_eq!(accepted, clients);
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    on_every_runtime(|| async {
        const CONNECTIONS: usize = 64;
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let accepting: Vec<_> = (0..8)
            .map(|_| {
                let (listener, accepted) = (listener.clone(), accepted.clone());
                filch::spawn(async move {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        accepted.fetch_add(1, Ordering::SeqCst);
                        drop(stream);
                    }
                })
            })
            .collect();
        for _ in 0..CONNECTIONS {
            // The end of stream says that somebody accepted.
            let stream = TcpStream::connect(addr).await.unwrap();
            stream.readable().await.unwrap();
            while let Err(error) = stream.try_read(&mut [0; 1]) {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                stream.readable().await.unwrap();
            }
        }
        assert_eq!(accepted.load(Ordering::SeqCst), CONNECTIONS);
        for task in accepting {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn binding_fails_with_the_reason() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = listener.local_addr().unwrap();
        let error = TcpListener::bind(taken).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);

        let none: &[SocketAddr] = &[];
        let error = TcpListener::bind(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);

        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(&[taken, free][..]).await.unwrap();
        assert_ne!(listener.local_addr().unwrap(), taken);
    });
}

#[test]
fn an_address_can_be_bound_again_at_once() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        // The end that closes first is remembered in TIME_WAIT.
        drop(server);
        drop(listener);
        drop(client);
        TcpListener::bind(addr).await.unwrap();
    });
}

#[test]
fn a_listener_has_settings_and_a_descriptor() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.set_ttl(77).unwrap();
        assert_eq!(listener.ttl().unwrap(), 77);
        assert_eq!(listener.as_fd().as_raw_fd(), listener.as_raw_fd());
        let shown = format!("{listener:?}");
        assert!(
            shown.contains(&listener.local_addr().unwrap().to_string()),
            "{shown}"
        );
    });
}
