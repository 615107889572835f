//! The same socket under the traits of futures-io and hyper.

use crate::every_runtime::on_every_runtime;
use crate::pair::{pair, poll_once};
use std::future::poll_fn;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::pin::Pin;

mod futures_io_dialect {
    use super::*;
    use futures_io::{AsyncRead, AsyncWrite};

    pub(super) async fn write(writer: &mut (impl AsyncWrite + Unpin), mut data: &[u8]) {
        while !data.is_empty() {
            let length = poll_fn(|cx| {
                // Alternates, so that both ways are taken.
                match data.len() % 2 {
                    0 => Pin::new(&mut *writer).poll_write(cx, data),
                    _ => {
                        let (head, tail) = data.split_at(1);
                        let slices = [IoSlice::new(head), IoSlice::new(tail)];
                        Pin::new(&mut *writer).poll_write_vectored(cx, &slices)
                    }
                }
            })
            .await
            .unwrap();
            data = &data[length..];
        }
        poll_fn(|cx| Pin::new(&mut *writer).poll_flush(cx))
            .await
            .unwrap();
        poll_fn(|cx| Pin::new(&mut *writer).poll_close(cx))
            .await
            .unwrap();
    }

    pub(super) async fn read_to_end(reader: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
        let mut received = Vec::new();
        let (mut head, mut tail) = ([0; 3], [0; 5]);
        loop {
            let length = poll_fn(|cx| Pin::new(&mut *reader).poll_read(cx, &mut head))
                .await
                .unwrap();
            received.extend_from_slice(&head[..length]);
            let length = poll_fn(|cx| {
                let mut slices = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
                Pin::new(&mut *reader).poll_read_vectored(cx, &mut slices)
            })
            .await
            .unwrap();
            if length == 0 {
                return received;
            }
            let in_head = length.min(head.len());
            received.extend_from_slice(&head[..in_head]);
            received.extend_from_slice(&tail[..length - in_head]);
        }
    }
}

mod hyper_dialect {
    use super::*;
    use hyper::rt::{Read, ReadBuf, Write};

    pub(super) async fn write(writer: &mut (impl Write + Unpin), mut data: &[u8]) {
        assert!(writer.is_write_vectored());
        while !data.is_empty() {
            let length = poll_fn(|cx| match data.len() % 2 {
                0 => Pin::new(&mut *writer).poll_write(cx, data),
                _ => {
                    let (head, tail) = data.split_at(1);
                    let slices = [IoSlice::new(head), IoSlice::new(tail)];
                    Pin::new(&mut *writer).poll_write_vectored(cx, &slices)
                }
            })
            .await
            .unwrap();
            data = &data[length..];
        }
        poll_fn(|cx| Pin::new(&mut *writer).poll_flush(cx))
            .await
            .unwrap();
        poll_fn(|cx| Pin::new(&mut *writer).poll_shutdown(cx))
            .await
            .unwrap();
    }

    pub(super) async fn read_to_end(reader: &mut (impl Read + Unpin)) -> Vec<u8> {
        let mut received = Vec::new();
        loop {
            // Partly filled and not initialised, as hyper's own buffers are.
            let mut memory = [MaybeUninit::<u8>::uninit(); 9];
            let mut buf = ReadBuf::uninit(&mut memory);
            buf.unfilled().put_slice(b"##");
            poll_fn(|cx| Pin::new(&mut *reader).poll_read(cx, buf.unfilled()))
                .await
                .unwrap();
            let filled = buf.filled();
            assert_eq!(&filled[..2], b"##");
            if filled.len() == 2 {
                return received;
            }
            received.extend_from_slice(&filled[2..]);
        }
    }
}

const DATA: &[u8] = b"the same socket speaks every dialect";

#[test]
fn futures_io_reads_and_writes() {
    use futures_io_dialect::{read_to_end, write};
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        write(&mut client, DATA).await;
        assert_eq!(read_to_end(&mut server).await, DATA);
        // Ending one direction has left the other open.
        let (mut reader, mut writer) = server.into_split();
        assert!(poll_once(read_to_end(&mut client)).await.is_pending());
        write(&mut writer, DATA).await;
        assert_eq!(read_to_end(&mut client).await, DATA);
        assert_eq!(read_to_end(&mut reader).await, b"");
    });
}

#[test]
fn futures_io_halves_read_and_write() {
    use futures_io_dialect::{read_to_end, write};
    on_every_runtime(|| async {
        let (mut client, server) = pair().await;
        let (mut server_reader, mut server_writer) = server.into_split();
        let (mut reader, mut writer) = client.split();
        write(&mut writer, DATA).await;
        assert_eq!(read_to_end(&mut server_reader).await, DATA);
        write(&mut server_writer, DATA).await;
        assert_eq!(read_to_end(&mut reader).await, DATA);
    });
}

#[test]
fn hyper_reads_and_writes() {
    use hyper_dialect::{read_to_end, write};
    on_every_runtime(|| async {
        let (mut client, mut server) = pair().await;
        write(&mut client, DATA).await;
        assert_eq!(read_to_end(&mut server).await, DATA);
        assert!(poll_once(read_to_end(&mut client)).await.is_pending());
        write(&mut server, DATA).await;
        assert_eq!(read_to_end(&mut client).await, DATA);
    });
}

#[test]
fn hyper_halves_read_and_write() {
    use hyper_dialect::{read_to_end, write};
    on_every_runtime(|| async {
        let (mut client, server) = pair().await;
        let (mut server_reader, mut server_writer) = server.into_split();
        let (mut reader, mut writer) = client.split();
        write(&mut writer, DATA).await;
        assert_eq!(read_to_end(&mut server_reader).await, DATA);
        write(&mut server_writer, DATA).await;
        assert_eq!(read_to_end(&mut reader).await, DATA);
    });
}
