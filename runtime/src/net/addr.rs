//! What can be given where a socket address is wanted.

use std::future::{self, Ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{option, vec};

use self::sealed::{Internal, Lookup, OneOrMore, ToSocketAddrsPriv};

/// What can be turned into socket addresses: an address, a slice of them, an
/// IP address or a host name with a port.
///
/// A string that is an address literal is parsed on the spot. Any other is a
/// name, which the system's resolver looks up on a thread of the blocking
/// pool.
///
/// The trait cannot be implemented outside this crate. To convert an address
/// without using it, call [`lookup_host`](crate::net::lookup_host()).
///
/// # Panics
///
/// Looking up a name outside a runtime panics; literals and addresses need
/// none.
pub trait ToSocketAddrs: ToSocketAddrsPriv {}

pub(super) fn to_socket_addrs<T: ToSocketAddrs>(addr: T) -> T::Future {
    addr.to_socket_addrs(Internal)
}

/// The error of an address argument that names no address at all.
pub(super) fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the address argument resolved to no socket address",
    )
}

type One = option::IntoIter<SocketAddr>;

fn one(addr: impl Into<SocketAddr>) -> Ready<io::Result<One>> {
    future::ready(Ok(Some(addr.into()).into_iter()))
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: ToSocketAddrsPriv + ?Sized> ToSocketAddrsPriv for &T {
    type Iter = T::Iter;
    type Future = T::Future;

    fn to_socket_addrs(&self, internal: Internal) -> T::Future {
        (**self).to_socket_addrs(internal)
    }
}

impl ToSocketAddrs for SocketAddr {}

impl ToSocketAddrsPriv for SocketAddr {
    type Iter = One;
    type Future = Ready<io::Result<One>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        one(*self)
    }
}

impl ToSocketAddrs for SocketAddrV4 {}

impl ToSocketAddrsPriv for SocketAddrV4 {
    type Iter = One;
    type Future = Ready<io::Result<One>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        one(*self)
    }
}

impl ToSocketAddrs for SocketAddrV6 {}

impl ToSocketAddrsPriv for SocketAddrV6 {
    type Iter = One;
    type Future = Ready<io::Result<One>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        one(*self)
    }
}

impl ToSocketAddrs for (IpAddr, u16) {}

impl ToSocketAddrsPriv for (IpAddr, u16) {
    type Iter = One;
    type Future = Ready<io::Result<One>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        one(*self)
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {}

impl ToSocketAddrsPriv for (Ipv4Addr, u16) {
    type Iter = One;
    type Future = Ready<io::Result<One>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        one(*self)
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {}

impl ToSocketAddrsPriv for (Ipv6Addr, u16) {
    type Iter = One;
    type Future = Ready<io::Result<One>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        one(*self)
    }
}

impl ToSocketAddrs for &[SocketAddr] {}

impl ToSocketAddrsPriv for &[SocketAddr] {
    type Iter = vec::IntoIter<SocketAddr>;
    type Future = Ready<io::Result<Self::Iter>>;

    fn to_socket_addrs(&self, _: Internal) -> Self::Future {
        // The iterator must not borrow from the argument.
        future::ready(Ok(Vec::from(*self).into_iter()))
    }
}

impl ToSocketAddrs for str {}

impl ToSocketAddrsPriv for str {
    type Iter = OneOrMore;
    type Future = Lookup;

    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        match self.parse() {
            Ok(addr) => Lookup::literal(addr),
            Err(_not_a_literal) => {
                let name = self.to_owned();
                Lookup::name(move || std::net::ToSocketAddrs::to_socket_addrs(&name))
            }
        }
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl ToSocketAddrsPriv for (&str, u16) {
    type Iter = OneOrMore;
    type Future = Lookup;

    fn to_socket_addrs(&self, _: Internal) -> Lookup {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Lookup::literal(SocketAddr::new(ip, port)),
            Err(_not_a_literal) => {
                let host = host.to_owned();
                Lookup::name(move || std::net::ToSocketAddrs::to_socket_addrs(&(&*host, port)))
            }
        }
    }
}

impl ToSocketAddrs for String {}

impl ToSocketAddrsPriv for String {
    type Iter = OneOrMore;
    type Future = Lookup;

    fn to_socket_addrs(&self, internal: Internal) -> Lookup {
        self.as_str().to_socket_addrs(internal)
    }
}

impl ToSocketAddrs for (String, u16) {}

impl ToSocketAddrsPriv for (String, u16) {
    type Iter = OneOrMore;
    type Future = Lookup;

    fn to_socket_addrs(&self, internal: Internal) -> Lookup {
        (self.0.as_str(), self.1).to_socket_addrs(internal)
    }
}

pub(super) mod sealed {
    //! Named by the public trait, but reachable from nowhere.

    use crate::runtime::context;
    use crate::task::JoinHandle;
    use std::io;
    use std::iter::FusedIterator;
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use std::vec;

    #[doc(hidden)]
    pub trait ToSocketAddrsPriv {
        type Iter: Iterator<Item = SocketAddr> + Send + 'static;
        type Future: Future<Output = io::Result<Self::Iter>> + Send + 'static;

        fn to_socket_addrs(&self, internal: Internal) -> Self::Future;
    }

    /// Keeps the trait's method from being called elsewhere.
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct Internal;

    /// The address of a literal, or a look-up on the blocking pool. Dropping
    /// it abandons the look-up, which a thread of the pool still finishes.
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct Lookup(State);

    #[derive(Debug)]
    enum State {
        Literal(SocketAddr),
        Name(JoinHandle<io::Result<vec::IntoIter<SocketAddr>>>),
    }

    impl Lookup {
        pub(super) fn literal(addr: SocketAddr) -> Self {
            Self(State::Literal(addr))
        }

        #[track_caller]
        pub(super) fn name(
            resolve: impl FnOnce() -> io::Result<vec::IntoIter<SocketAddr>> + Send + 'static,
        ) -> Self {
            Self(State::Name(
                context::expect_handle().spawn_blocking(resolve),
            ))
        }
    }

    impl Future for Lookup {
        type Output = io::Result<OneOrMore>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(match &mut self.0 {
                State::Literal(addr) => Ok(OneOrMore::One(Some(*addr))),
                State::Name(lookup) => match ready!(Pin::new(lookup).poll(cx)) {
                    Ok(resolved) => resolved.map(OneOrMore::More),
                    Err(not_run) => Err(io::Error::other(not_run)),
                },
            })
        }
    }

    #[doc(hidden)]
    #[derive(Debug)]
    pub enum OneOrMore {
        One(Option<SocketAddr>),
        More(vec::IntoIter<SocketAddr>),
    }

    impl Iterator for OneOrMore {
        type Item = SocketAddr;

        fn next(&mut self) -> Option<SocketAddr> {
            match self {
                Self::One(addr) => addr.take(),
                Self::More(addrs) => addrs.next(),
            }
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            let length = match self {
                Self::One(addr) => usize::from(addr.is_some()),
                Self::More(addrs) => addrs.len(),
            };
            (length, Some(length))
        }
    }

    impl ExactSizeIterator for OneOrMore {}

    impl FusedIterator for OneOrMore {}
}
