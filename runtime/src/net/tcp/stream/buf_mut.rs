//! Reading into the buffers of the `bytes` crate.

use super::TcpStream;
use crate::net::tcp::{OwnedReadHalf, ReadHalf};
use crate::net::uninit;
use bytes::BufMut;
use filch_io::Interest;
use std::io;

impl TcpStream {
    /// Reads what is there into the spare room of `buf`, without waiting, and
    /// advances it by the number of bytes read, which is returned: 0 at the
    /// end of the stream, or if `buf` has no room.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(stream: filch::net::TcpStream) -> std::io::Result<()> {
    /// let mut buffer = Vec::with_capacity(4096);
    /// stream.readable().await?;
    /// match stream.try_read_buf(&mut buffer) {
    ///     Ok(n) => assert_eq!(n, buffer.len()),
    ///     Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(()) }
    /// ```
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.try_operation(Interest::READABLE, |readiness| {
            let (received, room) = uninit::recv_buf_mut(self.io.get_ref(), buf)?;
            self.note_received(received, room, readiness);
            Ok(received)
        })
    }
}

impl ReadHalf<'_> {
    /// As [`TcpStream::try_read_buf`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_read`].
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.as_ref().try_read_buf(buf)
    }
}

impl OwnedReadHalf {
    /// As [`TcpStream::try_read_buf`].
    ///
    /// # Errors
    ///
    /// As [`TcpStream::try_read`].
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.as_ref().try_read_buf(buf)
    }
}
