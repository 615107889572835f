//! A socket with messages in its error queue is reported like one that is
//! closed for writing, and is not.

use crate::every_runtime::on_every_runtime;
use crate::pair::{pair, poll_once};
use filch::io::{AsyncReadExt, AsyncWriteExt, Interest};
use filch::net::TcpStream;
use std::io::{ErrorKind, IoSlice};
use std::os::fd::AsRawFd;
use std::task::Poll;

/// More attempts than events can be due.
const MANY: usize = 100;

/// Has the time at which data leaves put into the error queue of `stream`.
fn stamp_what_is_sent(stream: &TcpStream) {
    let flags = libc::SOF_TIMESTAMPING_TX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE | OPT_TSONLY;
    // SAFETY: the option is an integer, of that length.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            (&raw const flags).cast(),
            size_of_val(&flags) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// The stamp without the data it is about.
const OPT_TSONLY: libc::c_uint = 1 << 11;

/// A stream with a full send queue and, known to the driver, stamps in its error
/// queue; its peer; and what was sent.
async fn full_with_stamps() -> (TcpStream, TcpStream, usize) {
    let (mut near, far) = pair().await;
    stamp_what_is_sent(&near);
    let mut sent = 0;
    while let Poll::Ready(length) = poll_once(near.write(&[7; 65536])).await {
        sent += length.unwrap();
    }
    assert!(near.ready(Interest::ERROR).await.unwrap().is_error());
    (near, far, sent)
}

/// Both ends go on as if nothing was.
async fn send_the_rest(mut near: TcpStream, mut far: TcpStream, sent: usize) {
    let mut received = Vec::new();
    let sending = async move {
        near.write_all(&[7; 100_000]).await.unwrap();
        near.shutdown().await.unwrap();
        near
    };
    let (_near, length) = filch::join!(sending, far.read_to_end(&mut received));
    assert_eq!(length.unwrap(), sent + 100_000);
    assert!(received.iter().all(|&byte| byte == 7));
}

#[test]
fn a_writer_waits_for_room() {
    on_every_runtime(|| async {
        let (mut near, far, mut sent) = full_with_stamps().await;
        // Some room may have come up. A poll that does not wait never ends.
        while let Poll::Ready(length) = poll_once(near.write(&[7; 8])).await {
            sent += length.unwrap();
        }
        let both = [IoSlice::new(&[7; 8]), IoSlice::new(&[7; 8])];
        while let Poll::Ready(length) = poll_once(near.write_vectored(&both)).await {
            sent += length.unwrap();
        }
        send_the_rest(near, far, sent).await;
    });
}

#[test]
fn who_waits_for_readiness_and_tries_waits_for_room() {
    on_every_runtime(|| async {
        let (near, far, mut sent) = full_with_stamps().await;
        let mut in_vain = 0;
        while poll_once(near.writable()).await.is_ready() {
            match near.try_write(&[7; 8]) {
                Ok(length) => sent += length,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    in_vain += 1;
                    assert!(in_vain < MANY, "a full stream stays ready");
                }
            }
        }
        send_the_rest(near, far, sent).await;
    });
}

#[test]
fn a_reader_waits_for_data() {
    on_every_runtime(|| async {
        let (mut near, far, sent) = full_with_stamps().await;
        assert!(poll_once(near.read(&mut [0; 8])).await.is_pending());
        send_the_rest(near, far, sent).await;
    });
}
