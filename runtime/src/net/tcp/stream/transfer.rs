//! Reading and writing.
//!
//! # A short transfer ends readiness
//!
//! The driver reports edges: after a report nothing more is heard until the
//! socket changes again. So readiness is kept until an operation proves it
//! gone, and the usual proof is a `WouldBlock`: one more system call for each
//! message, just to learn that there is no second one. But a stream socket
//! gives the proof away with the call that succeeded.
//!
//! *Reading.* A read that returns fewer bytes than it had room for has emptied
//! the receive queue (the exception, urgent data, is the business of
//! [`short_read_means_drained`]). Readiness can be cleared at once, because
//! whatever arrives later is a new edge:
//!
//! - More data: arriving after the read it reports a new event. Arriving
//!   between the driver's turn and the read it was returned by the read, and
//!   its event, still queued, sets a readiness that proves false: harmless.
//!   If the driver has meanwhile taken up that event, the word carries a later
//!   tick than the [`Readiness`] that is cleared here, and stays as it is.
//! - End of stream behind the data: the FIN is an edge of its own, reported as
//!   `READ_CLOSED`. If it was reported before the read, `clear` leaves it
//!   alone, for closed states are final; the next read goes straight to the
//!   socket and gets its 0. If it comes after, it is an event like any other.
//! - A reset: the same, reported as closed in both directions.
//!
//! A read of 0 bytes is the end of the stream and stays true for ever: it
//! clears nothing.
//!
//! *Writing.* A write that takes fewer bytes than offered has filled the send
//! queue, and the kernel has marked the socket as wanting to hear of space:
//! the acknowledgement which makes some reports an edge, after the write. Not so
//! one that takes as many as the system takes at most in one call.
//!
//! *`WouldBlock`.* It is the system's own answer, and there is none like it at
//! a closed end. So it refutes a close that was reported: Linux reports a socket
//! with messages in its error queue (time stamps of what was sent, for
//! instance) the way it reports a pipe that has lost its readers. Were that
//! kept, a writer with a full send queue would try again and again.
//!
//! On systems whose driver re-arms a one-shot, level-triggered interest the
//! argument is not needed: what is still true is reported again.
//!
//! [`short_read_means_drained`]: platform::short_read_means_drained

use super::TcpStream;
use crate::io::cooperative;
use crate::net::{platform, uninit};
use filch_io::{Direction, Readiness};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The number of buffers which every system takes in one vectored call
/// (`_XOPEN_IOV_MAX`). With more of them a short transfer may only mean that
/// the call did not look at the rest.
const VECTORED_BUFFERS_MAX: usize = 16;

/// The most bytes of which every Linux takes all in one call: `MAX_RW_COUNT`, where pages
/// are the largest. A call may leave the rest of more than that, with room in the queue.
const BYTES_MAX: usize = 0x7fff_0000;

impl TcpStream {
    /// `poll_read` by shared reference, for the halves.
    #[inline]
    pub(in crate::net) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Read))?;
            let room = buf.remaining();
            match uninit::recv(self.io.get_ref(), buf) {
                Ok(received) => {
                    self.note_received(received, room, readiness);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.refute(readiness);
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// `poll_write` by shared reference, for the halves.
    #[inline]
    pub(in crate::net) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Write))?;
            match platform::send(self.io.get_ref(), buf) {
                Ok(sent) => {
                    self.note_sent(sent, buf.len(), readiness);
                    return Poll::Ready(Ok(sent));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.refute(readiness);
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// `poll_write_vectored` by shared reference, for the halves.
    pub(in crate::net) fn poll_send_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Write))?;
            match self.send_vectored(bufs, readiness) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.refute(readiness);
                }
                result => return Poll::Ready(result),
            }
        }
    }

    pub(super) fn recv_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        readiness: Readiness,
    ) -> io::Result<usize> {
        let received = self.io.get_ref().read_vectored(bufs)?;
        if bufs.len() <= VECTORED_BUFFERS_MAX {
            let room = bufs.iter().map(|buf| buf.len()).sum();
            self.note_received(received, room, readiness);
        }
        Ok(received)
    }

    pub(super) fn send_vectored(
        &self,
        bufs: &[IoSlice<'_>],
        readiness: Readiness,
    ) -> io::Result<usize> {
        let sent = platform::send_vectored(self.io.get_ref(), bufs)?;
        if bufs.len() <= VECTORED_BUFFERS_MAX {
            let offered = bufs.iter().map(|buf| buf.len()).sum();
            self.note_sent(sent, offered, readiness);
        }
        Ok(sent)
    }

    /// Draws the conclusion from a successful read; see the module's head.
    #[inline]
    pub(super) fn note_received(&self, received: usize, room: usize, readiness: Readiness) {
        if 0 < received && received < room && platform::short_read_means_drained(&self.io) {
            self.io.clear(readiness);
        }
    }

    /// Draws the conclusion from a successful write; see the module's head.
    #[inline]
    pub(super) fn note_sent(&self, sent: usize, offered: usize, readiness: Readiness) {
        if 0 < sent && sent < offered.min(BYTES_MAX) {
            self.io.clear(readiness);
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_recv(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing: the kernel sends what it was given without being asked.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the write direction; the peer reads an end of stream after the
    /// data.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_write())
    }
}
