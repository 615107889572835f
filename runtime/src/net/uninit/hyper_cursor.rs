//! Receiving into the cursor that hyper hands out.

use crate::net::TcpStream;
use hyper::rt::ReadBufCursor;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// Receives from `stream` into what is left of `cursor`, and advances it.
pub(in crate::net) fn poll_fill_cursor(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    mut cursor: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: the slice goes into a `ReadBuf`, which upholds the same promise:
    // initialised bytes are not de-initialised.
    let unfilled = unsafe { cursor.as_mut() };
    let mut buf = ReadBuf::uninit(unfilled);
    ready!(stream.poll_recv(cx, &mut buf))?;
    let received = buf.filled().len();
    // SAFETY: `poll_recv` has filled the start of the buffer it was given,
    // which is the cursor's own, and by `ReadBuf`'s invariant what is filled
    // is initialised.
    unsafe { cursor.advance(received) };
    Poll::Ready(Ok(()))
}
