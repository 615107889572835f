//! What the operating systems do differently for sockets, chosen here and
//! nowhere else.
//!
//! Each implementation offers the same functions:
//!
//! - `stream_socket`: a new TCP socket, non-blocking and closed on exec;
//! - `accept`: the next connection of a listener, likewise;
//! - `connect_in_progress`: whether an error of a non-blocking connect means
//!   that the handshake has merely not finished;
//! - `recv`, `send` and `send_vectored`: one transfer, in one system call;
//! - `stream_interest`: what a stream asks the driver to watch for;
//! - `short_read_means_drained`: whether a read which returned less than was
//!   asked for has emptied the stream's receive queue.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;

#[cfg(target_os = "linux")]
pub(super) use self::linux::{
    accept, connect_in_progress, recv, send, send_vectored, short_read_means_drained,
    stream_interest, stream_socket,
};
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::{
    accept, connect_in_progress, recv, send, send_vectored, short_read_means_drained,
    stream_interest, stream_socket,
};
