//! Much data, many connections.

use crate::every_runtime::on_every_runtime;
use crate::pair::pair;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::TcpStream;
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use filch::task::JoinSet;
use std::io::IoSlice;

/// Sizes of the pieces in which data is written and read: below, at and above
/// what a segment, a page and the socket's buffers hold.
const PIECES: [usize; 6] = [1, 1448, 4096, 65_536, 65_537, 1 << 20];

const VOLUME: usize = 2 << 20;

/// Position-dependent data, so that a byte lost, repeated or moved shows.
struct Pattern {
    block: Vec<u8>,
}

impl Pattern {
    /// A prime, so that it has no period in common with any buffer.
    const PERIOD: usize = 65_521;

    fn new(seed: u64) -> Self {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let mut block: Vec<u8> = (0..Self::PERIOD).map(|_| next()).collect();
        block.extend_from_within(..);
        Self { block }
    }

    /// At most a period of the data that begins at `position`.
    fn at(&self, position: usize, length: usize) -> &[u8] {
        let start = position % Self::PERIOD;
        &self.block[start..start + length.min(Self::PERIOD)]
    }
}

async fn send(mut writer: OwnedWriteHalf, seed: u64, vectored: bool) {
    let pattern = Pattern::new(seed);
    let mut position = 0;
    let mut pieces = PIECES.into_iter().cycle();
    while position < VOLUME {
        let left = VOLUME - position;
        let piece = pattern.at(position, left.min(pieces.next().unwrap()));
        position += if vectored {
            let (head, tail) = piece.split_at(piece.len() / 3);
            writer
                .write_vectored(&[IoSlice::new(head), IoSlice::new(tail)])
                .await
                .unwrap()
        } else {
            writer.write(piece).await.unwrap()
        };
    }
    writer.shutdown().await.unwrap();
}

async fn receive(mut reader: OwnedReadHalf, seed: u64) {
    let pattern = Pattern::new(seed);
    let mut buffer = vec![0; *PIECES.iter().max().unwrap()];
    let mut pieces = PIECES.into_iter().rev().cycle();
    let mut position = 0;
    loop {
        let room = pieces.next().unwrap().min(Pattern::PERIOD);
        let length = reader.read(&mut buffer[..room]).await.unwrap();
        if length == 0 {
            break;
        }
        assert!(
            buffer[..length] == *pattern.at(position, length),
            "the {length} bytes after {position} are not those sent"
        );
        position += length;
    }
    assert_eq!(position, VOLUME);
}

#[test]
fn bytes_keep_their_order_in_both_directions() {
    on_every_runtime(|| async {
        let (client, server) = pair().await;
        let (client_reader, client_writer) = client.into_split();
        let (server_reader, server_writer) = server.into_split();
        let mut tasks = JoinSet::new();
        tasks.spawn(send(client_writer, 1, false));
        tasks.spawn(send(server_writer, 2, true));
        tasks.spawn(receive(server_reader, 1));
        tasks.spawn(receive(client_reader, 2));
        while let Some(result) = tasks.join_next().await {
            result.unwrap();
        }
    });
}

#[test]
fn many_connections_echo_at_once() {
    on_every_runtime(|| async {
        const CONNECTIONS: usize = 64;
        const ROUNDS: u32 = 50;
        let mut tasks = JoinSet::new();
        for connection in 0..CONNECTIONS {
            let (mut client, mut server) = pair().await;
            tasks.spawn(async move {
                let (mut reader, mut writer) = server.split();
                filch::io::copy(&mut reader, &mut writer).await.unwrap();
            });
            tasks.spawn(async move {
                for round in 0..ROUNDS {
                    let message = round.wrapping_mul(connection as u32 + 1);
                    client.write_u32(message).await.unwrap();
                    assert_eq!(client.read_u32().await.unwrap(), message);
                }
            });
        }
        while let Some(result) = tasks.join_next().await {
            result.unwrap();
        }
    });
}

#[test]
fn a_storm_of_connections_is_accepted() {
    on_every_runtime(|| async {
        const CONNECTIONS: u32 = 2000;
        let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = filch::spawn(async move {
            let mut tasks = JoinSet::new();
            for _ in 0..CONNECTIONS {
                let (mut stream, _) = listener.accept().await.unwrap();
                tasks.spawn(async move {
                    let number = stream.read_u32().await.unwrap();
                    stream.write_u32(!number).await.unwrap();
                });
            }
            while let Some(result) = tasks.join_next().await {
                result.unwrap();
            }
        });
        let mut clients = JoinSet::new();
        for number in 0..CONNECTIONS {
            clients.spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                stream.write_u32(number).await.unwrap();
                assert_eq!(stream.read_u32().await.unwrap(), !number);
            });
        }
        while let Some(result) = clients.join_next().await {
            result.unwrap();
        }
        serving.await.unwrap();
    });
}
