//! What can be given as an address, and what becomes of it.

use crate::every_runtime::{current_thread, on_every_runtime};
use crate::pair::poll_once;
use filch::net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::task::Poll;

/// Resolves something that is an address already: at once, on no runtime.
fn resolve_now(addr: impl ToSocketAddrs) -> Vec<SocketAddr> {
    let mut resolved = None;
    filch_poll(async { resolved = Some(lookup_host(addr).await.unwrap().collect()) });
    resolved.expect("an address needs no looking up")
}

fn filch_poll(future: impl Future<Output = ()>) {
    let mut future = std::pin::pin!(poll_once(future));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(
        future.as_mut().poll(&mut cx),
        Poll::Ready(Poll::Ready(()))
    ));
}

#[test]
fn addresses_in_every_form_need_no_runtime() {
    let v4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1), 80);
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0);
    let both = [SocketAddr::V4(v4), SocketAddr::V6(v6)];
    let [first, second] = both;

    assert_eq!(resolve_now(first), [first]);
    assert_eq!(resolve_now(v4), [first]);
    assert_eq!(resolve_now(v6), [second]);
    assert_eq!(resolve_now((IpAddr::V4(*v4.ip()), 80)), [first]);
    assert_eq!(resolve_now((*v4.ip(), 80)), [first]);
    assert_eq!(resolve_now((*v6.ip(), 80)), [second]);
    assert_eq!(resolve_now(&both[..]), both);
    assert_eq!(resolve_now("127.0.0.1:80"), [first]);
    assert_eq!(resolve_now("[::1]:80"), [second]);
    assert_eq!(resolve_now(String::from("[::1]:80")), [second]);
    assert_eq!(resolve_now(("127.0.0.1", 80)), [first]);
    assert_eq!(resolve_now(("::1", 80)), [second]);
    assert_eq!(resolve_now((String::from("::1"), 80)), [second]);
    let reference: &&str = &"127.0.0.1:80";
    assert_eq!(resolve_now(reference), [first]);
}

#[test]
fn names_are_looked_up() {
    on_every_runtime(|| async {
        let resolved: Vec<_> = lookup_host("localhost:81").await.unwrap().collect();
        assert!(!resolved.is_empty());
        assert!(
            resolved
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 81)
        );
        let resolved: Vec<_> = lookup_host(("localhost", 82)).await.unwrap().collect();
        assert!(resolved.iter().all(|addr| addr.port() == 82));
    });
}

#[test]
fn a_name_is_a_destination() {
    on_every_runtime(|| async {
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((String::from("localhost"), port))
            .await
            .unwrap();
        TcpStream::connect(format!("localhost:{port}"))
            .await
            .unwrap();
    });
}

#[test]
fn what_is_no_address_is_an_error() {
    on_every_runtime(|| async {
        for nonsense in ["", "localhost", "127.0.0.1", "localhost:65536", "::1:x"] {
            let error = lookup_host(nonsense).await.map(|_| ()).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidInput,
                "{nonsense:?}: {error}"
            );
        }
        assert!(TcpStream::connect("name.invalid:80").await.is_err());
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_dropped_look_up_does_no_harm() {
    let runtime = current_thread();
    runtime.block_on(async {
        let _ = poll_once(lookup_host("localhost:80")).await;
        assert!(lookup_host("localhost:80").await.unwrap().next().is_some());
    });
}
