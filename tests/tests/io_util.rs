//! The re-exported readers, writers and helpers of `filch::io`, between tasks
//! of a filch runtime and over its sockets.

mod every_runtime;

use every_runtime::on_every_runtime;
use filch::io::{
    self, AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream,
    BufWriter, SeekFrom,
};
use filch::net::{TcpListener, TcpStream};
use std::io::Cursor;

/// Two ends of one connection.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = filch::join!(TcpStream::connect(address), listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

#[test]
fn copy_moves_all_bytes_through_a_socket() {
    on_every_runtime(|| async {
        let (mut client, server) = connected().await;
        let sent = pattern(300_000);
        let expected = sent.clone();
        let echo = filch::spawn(async move {
            let (mut input, mut output) = io::split(server);
            io::copy(&mut input, &mut output).await.unwrap()
        });
        let (mut input, mut output) = client.split();
        let mut received = Vec::new();
        let (written, read) = filch::join!(
            async {
                output.write_all(&sent).await.unwrap();
                output.shutdown().await
            },
            input.read_to_end(&mut received)
        );
        written.unwrap();
        assert_eq!(read.unwrap(), expected.len());
        assert_eq!(received, expected);
        assert_eq!(echo.await.unwrap(), expected.len() as u64);
    });
}

#[test]
fn copy_bidirectional_connects_two_streams() {
    on_every_runtime(|| async {
        let (mut client, mut proxy_in) = connected().await;
        let (mut proxy_out, mut server) = connected().await;
        let proxy = filch::spawn(async move {
            io::copy_bidirectional_with_sizes(&mut proxy_in, &mut proxy_out, 1024, 512).await
        });
        let answering = filch::spawn(async move {
            let mut question = Vec::new();
            server.read_to_end(&mut question).await.unwrap();
            server.write_all(&question.repeat(2)).await.unwrap();
        });
        client.write_all(b"echo ").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "echo echo ");
        assert_eq!(proxy.await.unwrap().unwrap(), (5, 10));
        answering.await.unwrap();
    });
}

#[test]
fn lines_and_segments_are_read_across_packets() {
    on_every_runtime(|| async {
        let (mut client, server) = connected().await;
        filch::spawn(async move {
            for byte in b"one\r\ntwo\nthree" {
                client.write_all(&[*byte]).await.unwrap();
                filch::task::yield_now().await;
            }
        });
        let mut lines = BufReader::new(server).lines();
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            read.push(line);
        }
        assert_eq!(read, ["one", "two", "three"]);

        let mut segments = BufReader::new(&b"a,b,,c"[..]).split(b',');
        let mut read = Vec::new();
        while let Some(segment) = segments.next_segment().await.unwrap() {
            read.push(segment);
        }
        assert_eq!(read, [&b"a"[..], b"b", b"", b"c"]);
    });
}

#[test]
fn buffers_write_on_flush() {
    on_every_runtime(|| async {
        let (client, mut server) = connected().await;
        let mut writer = BufWriter::new(client);
        writer.write_u32(7).await.unwrap();
        writer.write_all(b"tail").await.unwrap();
        assert_eq!(writer.buffer().len(), 8);
        writer.flush().await.unwrap();
        assert!(writer.buffer().is_empty());
        assert_eq!(server.read_u32().await.unwrap(), 7);
        let mut tail = [0; 4];
        server.read_exact(&mut tail).await.unwrap();
        assert_eq!(&tail, b"tail");

        let mut both = BufStream::new(server);
        both.write_all(b"reply\n").await.unwrap();
        both.flush().await.unwrap();
        let mut line = String::new();
        BufReader::new(writer.into_inner())
            .read_line(&mut line)
            .await
            .unwrap();
        assert_eq!(line, "reply\n");
    });
}

#[test]
fn pipes_in_memory_apply_back_pressure() {
    on_every_runtime(|| async {
        let (mut near, mut far) = io::duplex(16);
        let sent = pattern(5000);
        let expected = sent.clone();
        filch::spawn(async move { near.write_all(&sent).await.unwrap() });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, expected);

        let (mut reader, mut writer) = io::simplex(4);
        filch::spawn(async move {
            writer.write_all(b"one way").await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let mut received = String::new();
        reader.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "one way");
    });
}

#[test]
fn halves_are_split_and_joined() {
    on_every_runtime(|| async {
        let (near, mut far) = io::duplex(64);
        let (read, write) = io::split(near);
        let mut near = read.unsplit(write);
        near.write_all(b"there").await.unwrap();
        let mut buffer = [0; 5];
        far.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"there");

        let mut joined = io::join(&b"from the reader"[..], Vec::new());
        let mut text = String::new();
        joined.read_to_string(&mut text).await.unwrap();
        joined.write_all(b"to the writer").await.unwrap();
        assert_eq!(text, "from the reader");
        assert_eq!(joined.writer(), b"to the writer");
    });
}

#[test]
fn readers_are_limited_and_chained() {
    on_every_runtime(|| async {
        let mut text = String::new();
        let mut reader = (&b"hello"[..]).chain(&b", world"[..]).take(8);
        reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello, w");

        let mut zeros = [1; 10];
        io::repeat(0).read_exact(&mut zeros).await.unwrap();
        assert_eq!(zeros, [0; 10]);
        assert_eq!(io::empty().read(&mut zeros).await.unwrap(), 0);
        assert_eq!(
            io::copy(&mut &b"gone"[..], &mut io::sink()).await.unwrap(),
            4
        );
        assert_eq!(
            io::copy_buf(&mut &b"gone"[..], &mut io::sink())
                .await
                .unwrap(),
            4
        );

        let mut cursor = Cursor::new(b"seekable");
        cursor.seek(SeekFrom::Start(4)).await.unwrap();
        let mut rest = String::new();
        cursor.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "able");
    });
}
