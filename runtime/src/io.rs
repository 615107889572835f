//! Asynchronous reading and writing.
//!
//! The traits and utilities here are tokio's own, re-exported: filch's sockets
//! implement [`AsyncRead`] and [`AsyncWrite`] as they stand, so that every
//! library written against these traits works with filch unchanged. What
//! needs a reactor, namely [`Interest`], [`Ready`] and `unix::AsyncFd`, is
//! filch's, under the same names.
//!
//! With the feature `io-util` (on by default):
//!
//! - [`AsyncReadExt`], [`AsyncWriteExt`], [`AsyncBufReadExt`] and
//!   [`AsyncSeekExt`] add the methods that programs call: `read_exact`,
//!   `write_all`, `read_line` and so on;
//! - [`BufReader`], [`BufWriter`] and [`BufStream`] save system calls;
//! - [`copy`], [`copy_buf`] and [`copy_bidirectional`] move bytes between two
//!   ends;
//! - [`split`](split()) and [`join`](join()) take a stream apart into its two directions
//!   and put two together into one;
//! - [`duplex`] and [`simplex`] are pipes in memory, and [`empty`], [`sink`]
//!   and [`repeat`](repeat()) stand in for files in tests.
//!
//! These utilities spend no budget of their own, as they do on tokio's runtime; the sockets
//! below them do. One whose ends are always ready, such as a [`copy`] from `repeat` to `sink`, does
//! not yield, and no [`timeout`](crate::time::timeout()) ends it.
//!
//! # Examples
//!
//! ```
//! use filch::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//!
//! #[filch::main]
//! async fn main() -> std::io::Result<()> {
//!     let (mut client, server) = filch::io::duplex(64);
//!     client.write_all(b"first\nsecond\n").await?;
//!     drop(client);
//!
//!     let mut lines = BufReader::new(server).lines();
//!     assert_eq!(lines.next_line().await?.as_deref(), Some("first"));
//!     assert_eq!(lines.next_line().await?.as_deref(), Some("second"));
//!     assert_eq!(lines.next_line().await?, None);
//!     Ok(())
//! }
//! ```

#[cfg(all(unix, feature = "net"))]
pub(crate) mod cooperative;
#[cfg(all(unix, feature = "net"))]
pub mod unix;

#[doc(inline)]
pub use filch_io::{Interest, Ready};

// As in tokio, so that a program needs only one `io` in scope.
#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

#[doc(inline)]
pub use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

#[cfg(feature = "io-util")]
#[doc(inline)]
pub use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter,
    Chain, DuplexStream, Empty, Join, Lines, ReadHalf, Repeat, SimplexStream, Sink, Split, Take,
    WriteHalf, copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex, empty,
    join, repeat, simplex, sink, split,
};
