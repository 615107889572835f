//! The settings of streams and sockets.

use crate::every_runtime::on_every_runtime;
use crate::pair::pair;
use filch::net::{TcpListener, TcpSocket, TcpStream};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::time::Duration;

#[test]
fn a_stream_keeps_its_settings() {
    on_every_runtime(|| async {
        let (stream, _peer) = pair().await;
        for on in [true, false] {
            stream.set_nodelay(on).unwrap();
            assert_eq!(stream.nodelay().unwrap(), on);
        }
        stream.set_ttl(99).unwrap();
        assert_eq!(stream.ttl().unwrap(), 99);
        assert_eq!(stream.linger().unwrap(), None);
        const MOST: Duration = Duration::from_secs(i32::MAX as u64);
        for (asked, set) in [
            (Duration::from_secs(2), Duration::from_secs(2)),
            (Duration::from_millis(500), Duration::from_secs(1)),
            (Duration::from_millis(1_001), Duration::from_secs(2)),
            (Duration::from_secs(1 << 32), MOST),
            (Duration::MAX, MOST),
        ] {
            #[expect(deprecated, reason = "it is there, so it has to work")]
            stream.set_linger(Some(asked)).unwrap();
            assert_eq!(stream.linger().unwrap(), Some(set));
        }
        stream.set_zero_linger().unwrap();
        assert_eq!(stream.linger().unwrap(), Some(Duration::ZERO));
        assert_eq!(stream.as_fd().as_raw_fd(), stream.as_raw_fd());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_stream_acknowledges_as_told() {
    on_every_runtime(|| async {
        let (stream, _peer) = pair().await;
        for quick in [false, true] {
            stream.set_quickack(quick).unwrap();
            assert_eq!(stream.quickack().unwrap(), quick);
        }
    });
}

#[test]
fn a_socket_keeps_its_settings_without_a_runtime() {
    let socket = TcpSocket::new_v4().unwrap();
    for on in [true, false] {
        socket.set_keepalive(on).unwrap();
        assert_eq!(socket.keepalive().unwrap(), on);
        socket.set_reuseaddr(on).unwrap();
        assert_eq!(socket.reuseaddr().unwrap(), on);
        socket.set_reuseport(on).unwrap();
        assert_eq!(socket.reuseport().unwrap(), on);
        socket.set_nodelay(on).unwrap();
        assert_eq!(socket.nodelay().unwrap(), on);
    }
    // Systems may round up, and Linux doubles.
    socket.set_send_buffer_size(32 * 1024).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 32 * 1024);
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    assert!(socket.recv_buffer_size().unwrap() >= 32 * 1024);
    assert_eq!(socket.linger().unwrap(), None);
    socket.set_zero_linger().unwrap();
    assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
    #[expect(deprecated, reason = "it is there, so it has to work")]
    socket.set_linger(None).unwrap();
    assert_eq!(socket.linger().unwrap(), None);
    socket.set_tos_v4(0x10).unwrap();
    assert_eq!(socket.tos_v4().unwrap(), 0x10);
    #[expect(deprecated, reason = "it is there, so it has to work")]
    {
        socket.set_tos(0x08).unwrap();
        assert_eq!(socket.tos().unwrap(), 0x08);
    }
    assert!(socket.take_error().unwrap().is_none());
    assert!(format!("{socket:?}").contains("Socket"));
}

#[test]
fn an_ipv6_socket_has_a_traffic_class() {
    // A machine may have no IPv6 at all.
    let Ok(socket) = TcpSocket::new_v6() else {
        return;
    };
    socket.set_tclass_v6(0x20).unwrap();
    assert_eq!(socket.tclass_v6().unwrap(), 0x20);
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_is_bound_to_a_device() {
    let socket = TcpSocket::new_v4().unwrap();
    assert_eq!(socket.device().unwrap(), None);
    match socket.bind_device(Some(b"lo")) {
        Ok(()) => {
            assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
            socket.bind_device(None).unwrap();
            assert_eq!(socket.device().unwrap(), None);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
    }
    assert!(socket.bind_device(Some(b"no such device")).is_err());
}

#[test]
fn a_socket_becomes_a_listener() {
    on_every_runtime(|| async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = socket.local_addr().unwrap();
        // More than fits into the system's own type for it.
        let listener = socket.listen(u32::MAX).unwrap();
        assert_eq!(listener.local_addr().unwrap(), addr);
        let (client, accepted) = filch::join!(TcpStream::connect(addr), listener.accept());
        client.unwrap();
        accepted.unwrap();
    });
}

#[test]
fn several_listeners_share_a_port() {
    on_every_runtime(|| async {
        let listen = |addr| {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(true)?;
            socket.bind(addr)?;
            socket.listen(16)
        };
        let first: TcpListener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = listen(first.local_addr().unwrap()).unwrap();
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    });
}

#[test]
fn a_descriptor_goes_in_and_out_of_a_socket() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();

        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.as_fd().as_raw_fd(), socket.as_raw_fd());
        let number = socket.as_raw_fd();
        let fd = socket.into_raw_fd();
        assert_eq!(fd, number);
        // SAFETY: the descriptor was just given away by its owner.
        let socket = unsafe { TcpSocket::from_raw_fd(fd) };
        socket.connect(addr).await.unwrap();

        let foreign =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        foreign.set_nonblocking(true).unwrap();
        foreign.set_tcp_nodelay(true).unwrap();
        let stream = TcpSocket::from_std_stream(foreign.into())
            .connect(addr)
            .await
            .unwrap();
        assert!(stream.nodelay().unwrap());
    });
}
