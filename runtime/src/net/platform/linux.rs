//! Linux: flags are given with the call that makes the descriptor, urgent data
//! announces itself, and transfers go straight to the kernel. The C library's
//! are points where a thread may be cancelled, which costs each of them two locked
//! instructions.

use filch_io::{Interest, Registered};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The most buffers that one call takes (`UIO_MAXIOV`); more are an error.
const BUFFERS_MAX: usize = 1024;

pub(in crate::net) fn stream_socket(domain: Domain) -> io::Result<Socket> {
    // `Socket::new` adds close-on-exec to the same call.
    Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
}

/// One system call: std's `accept` would need a second to make the stream
/// non-blocking.
pub(in crate::net) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (fd, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.ok_or(Errno::AFNOSUPPORT)?;
    Ok((TcpStream::from(fd), SocketAddr::try_from(peer)?))
}

pub(in crate::net) fn connect_in_progress(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// Fills the start of `buf`; returns how much of it.
pub(in crate::net) fn recv(stream: &TcpStream, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let ((received, _rest), _) = rustix::net::recv(stream, buf, RecvFlags::empty())?;
    Ok(received.len())
}

/// A peer that is gone is an error, and no signal.
pub(in crate::net) fn send(stream: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(stream, buf, SendFlags::NOSIGNAL)?)
}

pub(in crate::net) fn send_vectored(stream: &TcpStream, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let bufs = &bufs[..bufs.len().min(BUFFERS_MAX)];
    let mut control = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(
        stream,
        bufs,
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

/// Urgent data is watched for besides reading and writing, for the sake of
/// [`short_read_means_drained`]. It costs no event of its own: its arrival is
/// reported together with that of the data around it.
pub(in crate::net) fn stream_interest() -> Interest {
    Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY
}

/// `tcp_recvmsg` copies until the buffer is full or the receive queue empty,
/// with one exception: it stops in front of a byte sent as urgent data, and
/// what follows that byte stays queued without a further event. Urgent data
/// is reported as `PRIORITY`, which a stream itself never clears, so that from
/// the first of it on no read of this stream is taken for a proof.
///
/// The report cannot come too late: either the urgent byte was queued when the
/// driver last looked, then the flag is set; or it came after, then its
/// arrival is a new event which sets readability again. It does not come at all
/// if somebody else takes the byte first, with `MSG_OOB` on the descriptor;
/// [`TcpStream::from_std`](crate::net::TcpStream::from_std) asks that nobody does.
pub(in crate::net) fn short_read_means_drained(io: &Registered<TcpStream>) -> bool {
    io.try_readiness(Interest::PRIORITY)
        .is_none_or(|readiness| !readiness.ready.is_priority())
}
