//! Receiving into memory that is not initialised yet: the one unsafe step of
//! this module's reading.

#![expect(
    unsafe_code,
    reason = "ReadBuf can be told only unsafely how much of it a system call has initialised"
)]

use super::platform;
use socket2::SockRef;
use std::io;
use std::net::TcpStream;
use tokio::io::ReadBuf;

#[cfg(feature = "io-util")]
mod buf_mut;
#[cfg(feature = "hyper")]
mod hyper_cursor;

#[cfg(feature = "io-util")]
pub(super) use self::buf_mut::recv_buf_mut;
#[cfg(feature = "hyper")]
pub(super) use self::hyper_cursor::poll_fill_cursor;

/// Receives from `stream` into the unfilled part of `buf` and returns the
/// number of bytes received, all of which are then filled.
pub(super) fn recv(stream: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: `unfilled_mut` asks that initialised bytes are not
    // de-initialised through it; `recv` only ever writes bytes.
    let unfilled = unsafe { buf.unfilled_mut() };
    let received = platform::recv(stream, unfilled)?;
    assert!(
        received <= buf.remaining(),
        "recv returned {received} bytes for a buffer of {}",
        buf.remaining()
    );
    // SAFETY: recv(2) has written `received` bytes at the start of the
    // unfilled part, whose length is not exceeded, as asserted above.
    unsafe { buf.assume_init(received) };
    buf.advance(received);
    Ok(received)
}

/// As [`recv`], leaving the bytes in the socket's queue.
pub(super) fn peek(stream: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: as in `recv`: a peek only ever writes bytes.
    let unfilled = unsafe { buf.unfilled_mut() };
    let received = SockRef::from(stream).peek(unfilled)?;
    assert!(
        received <= buf.remaining(),
        "peek returned {received} bytes for a buffer of {}",
        buf.remaining()
    );
    // SAFETY: as in `recv`.
    unsafe { buf.assume_init(received) };
    buf.advance(received);
    Ok(received)
}
