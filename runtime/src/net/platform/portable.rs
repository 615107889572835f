//! Every other system: two calls where Linux needs one.

use filch_io::{Interest, Registered};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};

pub(in crate::net) fn stream_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

pub(in crate::net) fn connect_in_progress(error: &io::Error) -> bool {
    // Unix says EINPROGRESS, Windows WSAEWOULDBLOCK.
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        || error.kind() == io::ErrorKind::WouldBlock
}

/// Fills the start of `buf`; returns how much of it.
pub(in crate::net) fn recv(stream: &TcpStream, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    SockRef::from(stream).recv(buf)
}

pub(in crate::net) fn send(mut stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    stream.write(buf)
}

pub(in crate::net) fn send_vectored(
    mut stream: &TcpStream,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    stream.write_vectored(bufs)
}

pub(in crate::net) fn stream_interest() -> Interest {
    Interest::READABLE | Interest::WRITABLE
}

/// Never: a read stops short in front of urgent data, and these systems do not
/// report urgent data in a form that could be consulted here. The price is one
/// further read which returns `WouldBlock`.
pub(in crate::net) fn short_read_means_drained(_io: &Registered<TcpStream>) -> bool {
    false
}
