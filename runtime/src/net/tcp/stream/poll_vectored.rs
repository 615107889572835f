//! A vectored read for the dialect that has one.

use super::TcpStream;
use crate::io::cooperative;
use filch_io::Direction;
use std::io::{self, IoSliceMut};
use std::task::{Context, Poll, ready};

impl TcpStream {
    /// `poll_read_vectored` by shared reference, for the halves.
    pub(in crate::net) fn poll_recv_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Read))?;
            match self.recv_vectored(bufs, readiness) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.refute(readiness);
                }
                result => return Poll::Ready(result),
            }
        }
    }
}
