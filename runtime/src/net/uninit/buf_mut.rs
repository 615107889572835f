//! Receiving into the spare room of a [`BufMut`].

use bytes::BufMut;
use std::io;
use std::net::TcpStream;
use tokio::io::ReadBuf;

/// Receives from `stream` into the next free chunk of `buf`; returns the
/// number of bytes received and the chunk's size.
pub(in crate::net) fn recv_buf_mut(
    stream: &TcpStream,
    buf: &mut impl BufMut,
) -> io::Result<(usize, usize)> {
    let chunk = buf.chunk_mut();
    let capacity = chunk.len();
    // SAFETY: the slice goes into a `ReadBuf`, which upholds the same promise:
    // initialised bytes are not de-initialised.
    let uninit = unsafe { chunk.as_uninit_slice_mut() };
    let received = super::recv(stream, &mut ReadBuf::uninit(uninit))?;
    // SAFETY: `recv` has filled the first `received` bytes of this chunk.
    unsafe { buf.advance_mut(received) };
    Ok((received, capacity))
}
