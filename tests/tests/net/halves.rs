//! Borrowed and owned halves.

use crate::every_runtime::on_every_runtime;
use crate::pair::{pair, poll_once};
use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use filch::net::TcpStream;
use filch::net::tcp::ReuniteError;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};

/// What a reading half offers besides reading; the peer has sent "data".
macro_rules! check_reader {
    ($reader:expr, $stream_addresses:expr) => {{
        let reader = $reader;
        let mut buffer = [0; 16];
        assert_eq!(reader.peek(&mut buffer).await.unwrap(), 4);
        let mut buf = ReadBuf::new(&mut buffer);
        assert_eq!(
            poll_fn(|cx| reader.poll_peek(cx, &mut buf)).await.unwrap(),
            4
        );
        assert!(
            reader
                .ready(Interest::READABLE)
                .await
                .unwrap()
                .is_readable()
        );
        reader.readable().await.unwrap();
        assert_eq!(reader.try_read(&mut buffer[..1]).unwrap(), 1);
        let mut slices = [IoSliceMut::new(&mut buffer[..1])];
        assert_eq!(reader.try_read_vectored(&mut slices).unwrap(), 1);
        let mut vec = Vec::with_capacity(8);
        assert_eq!(reader.try_read_buf(&mut vec).unwrap(), 2);
        assert_eq!(vec, b"ta");
        let error = reader.try_read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let addresses = (reader.local_addr().unwrap(), reader.peer_addr().unwrap());
        assert_eq!(addresses, $stream_addresses);
        let stream: &TcpStream = reader.as_ref();
        assert_eq!(stream.local_addr().unwrap(), $stream_addresses.0);
    }};
}

/// What a writing half offers besides writing.
macro_rules! check_writer {
    ($writer:expr, $stream_addresses:expr) => {{
        let writer = $writer;
        assert!(
            writer
                .ready(Interest::WRITABLE)
                .await
                .unwrap()
                .is_writable()
        );
        writer.writable().await.unwrap();
        assert_eq!(writer.try_write(b"an").unwrap(), 2);
        assert_eq!(
            writer.try_write_vectored(&[IoSlice::new(b"sw")]).unwrap(),
            2
        );
        assert!(writer.is_write_vectored());
        assert_eq!(
            writer.write_vectored(&[IoSlice::new(b"er")]).await.unwrap(),
            2
        );
        writer.flush().await.unwrap();
        let addresses = (writer.local_addr().unwrap(), writer.peer_addr().unwrap());
        assert_eq!(addresses, $stream_addresses);
        let stream: &TcpStream = writer.as_ref();
        assert_eq!(stream.local_addr().unwrap(), $stream_addresses.0);
    }};
}

#[test]
fn borrowed_halves_do_what_the_stream_does() {
    on_every_runtime(|| async {
        let (mut stream, mut peer) = pair().await;
        let addresses = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        peer.write_all(b"data").await.unwrap();
        let (mut reader, mut writer) = stream.split();
        // All four bytes have to be there.
        while reader.peek(&mut [0; 16]).await.unwrap() < 4 {}
        check_reader!(&mut reader, addresses);
        check_writer!(&mut writer, addresses);
        writer.shutdown().await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        peer.write_all(b"bye").await.unwrap();
        drop(peer);
        answer.clear();
        reader.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "bye");
    });
}

#[test]
fn owned_halves_do_what_the_stream_does() {
    on_every_runtime(|| async {
        let (stream, mut peer) = pair().await;
        let addresses = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        peer.write_all(b"data").await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        while reader.peek(&mut [0; 16]).await.unwrap() < 4 {}
        check_reader!(&mut reader, addresses);
        check_writer!(&mut writer, addresses);
        drop(writer);
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        peer.write_all(b"bye").await.unwrap();
        drop(peer);
        answer.clear();
        reader.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "bye");
    });
}

#[test]
fn borrowed_halves_work_at_the_same_time() {
    on_every_runtime(|| async {
        let (mut stream, mut peer) = pair().await;
        let echoing = filch::spawn(async move {
            let (mut reader, mut writer) = peer.split();
            filch::io::copy(&mut reader, &mut writer).await.unwrap();
        });
        let data = vec![3; 1 << 20];
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            writer.write_all(&data).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let reading = async {
            reader.read_to_end(&mut received).await.unwrap();
        };
        filch::join!(writing, reading);
        assert!(received == data);
        echoing.await.unwrap();
    });
}

#[test]
fn halves_of_one_stream_reunite() {
    on_every_runtime(|| async {
        let (stream, mut peer) = pair().await;
        let addr = stream.local_addr().unwrap();
        let (reader, writer) = stream.into_split();
        let (reader, writer) = reader.reunite(writer).unwrap().into_split();
        let mut stream = writer.reunite(reader).unwrap();
        assert_eq!(stream.local_addr().unwrap(), addr);
        // Reuniting has shut nothing down.
        stream.write_all(b"whole").await.unwrap();
        let mut received = [0; 5];
        peer.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"whole");
    });
}

#[test]
fn halves_of_different_streams_are_returned() {
    on_every_runtime(|| async {
        let (first, mut first_peer) = pair().await;
        let (second, mut second_peer) = pair().await;
        let (first_reader, first_writer) = first.into_split();
        let (second_reader, second_writer) = second.into_split();
        let error = first_reader.reunite(second_writer).unwrap_err();
        assert!(error.to_string().contains("different"), "{error}");
        let ReuniteError(first_reader, second_writer) = error;
        let ReuniteError(second_reader, first_writer) =
            first_writer.reunite(second_reader).unwrap_err();
        let mut first = first_reader.reunite(first_writer).unwrap();
        let mut second = second_writer.reunite(second_reader).unwrap();
        for (stream, peer) in [
            (&mut first, &mut first_peer),
            (&mut second, &mut second_peer),
        ] {
            stream.write_all(b"x").await.unwrap();
            assert_eq!(peer.read_u8().await.unwrap(), b'x');
        }
    });
}

#[test]
fn dropping_the_writer_ends_its_direction_only() {
    on_every_runtime(|| async {
        let (stream, mut peer) = pair().await;
        let (mut reader, writer) = stream.into_split();
        drop(writer);
        assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
        peer.write_all(b"late").await.unwrap();
        let mut received = [0; 4];
        reader.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"late");
    });
}

#[test]
fn a_forgotten_writer_leaves_its_direction_open() {
    on_every_runtime(|| async {
        let (stream, mut peer) = pair().await;
        let (reader, writer) = stream.into_split();
        writer.forget();
        assert!(poll_once(peer.read(&mut [0; 1])).await.is_pending());
        drop(reader);
        assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn dropping_the_reader_ends_nothing() {
    on_every_runtime(|| async {
        let (stream, mut peer) = pair().await;
        let (reader, mut writer) = stream.into_split();
        drop(reader);
        writer.write_all(b"still").await.unwrap();
        writer.shutdown().await.unwrap();
        drop(writer);
        let mut received = String::new();
        peer.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "still");
    });
}

#[test]
fn halves_have_the_traits_of_their_direction() {
    fn reads<T: AsyncRead + std::fmt::Debug + Send + Sync + Unpin>() {}
    fn writes<T: AsyncWrite + std::fmt::Debug + Send + Sync + Unpin>() {}
    reads::<filch::net::tcp::ReadHalf<'_>>();
    reads::<filch::net::tcp::OwnedReadHalf>();
    writes::<filch::net::tcp::WriteHalf<'_>>();
    writes::<filch::net::tcp::OwnedWriteHalf>();
}
