//! The parts of a [`TcpStream`](crate::net::TcpStream).
//!
//! [`TcpStream::split`](crate::net::TcpStream::split) lends the stream to a
//! [`ReadHalf`] and a [`WriteHalf`] for use within one task.
//! [`TcpStream::into_split`](crate::net::TcpStream::into_split) takes it apart
//! into an [`OwnedReadHalf`] and an [`OwnedWriteHalf`] which can live in
//! different tasks.

pub(super) mod listener;
pub(super) mod socket;
mod split;
mod split_owned;
pub(super) mod stream;

#[cfg(feature = "futures-io")]
mod speaks_futures_io;
#[cfg(feature = "hyper")]
mod speaks_hyper;

pub use self::split::{ReadHalf, WriteHalf};
pub use self::split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};

/// What `SO_LINGER` can be set to: whole seconds. None would reset the connection, so a part of one
/// is one.
fn whole_seconds(duration: std::time::Duration) -> std::time::Duration {
    const MOST: u64 = i32::MAX as u64;
    let started = u64::from(duration.subsec_nanos() > 0);
    std::time::Duration::from_secs(duration.as_secs().saturating_add(started).min(MOST))
}
