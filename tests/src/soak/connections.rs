//! Connections that are opened and echo, and end in every way there is.

use fastrand::Rng;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::task::JoinSet;
use filch::time::timeout;
use socket2::SockRef;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How a client ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Half-closes, reads what is left to the end, and compares.
    Orderly,
    /// Drops the stream with the echo on its way.
    Drop,
    /// Resets the connection.
    Reset,
    /// Gives up in the middle of a transfer.
    Timeout(Duration),
    /// Says nothing at all.
    Silent,
}

/// Clients and their servers, until the last of them has ended.
pub(super) async fn burst(mut rng: Rng) -> Result<u64, String> {
    let [_, b, c, d] = rng.u32(..).to_be_bytes();
    // Addresses to spare: the kernel remembers connections for a minute.
    let address = Ipv4Addr::new(127, b, c, d.clamp(1, 254));
    let listener = TcpListener::bind((address, 0)).await;
    let listener = listener.map_err(|error| format!("bind: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let count = rng.usize(1..60);
    let mut clients = JoinSet::new();
    for _ in 0..count {
        clients.spawn(client(address, rng.fork()));
    }
    let mut servers = JoinSet::new();
    for _ in 0..count {
        let (stream, _) = listener
            .accept()
            .await
            .map_err(|error| format!("accept: {error}"))?;
        servers.spawn(echo(stream));
    }
    while let Some(ended) = clients.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            other => return Err(format!("a client: {other:?}")),
        }
    }
    while let Some(ended) = servers.join_next().await {
        if let Err(error) = ended {
            return Err(format!("a server: {error}"));
        }
    }
    Ok(count as u64)
}

/// Echoes until the client is gone, in whatever way.
async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn client(address: SocketAddr, mut rng: Rng) -> Result<(), String> {
    let end = match rng.u32(..8) {
        0..4 => End::Orderly,
        4 => End::Drop,
        5 => End::Reset,
        6 => End::Timeout(Duration::from_micros(rng.u64(..500))),
        _ => End::Silent,
    };
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("connect: {error}"))?;
    let magnitude = rng.u32(1..16);
    let length = rng.usize(..1 << magnitude);
    let message: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
    let told = match end {
        End::Orderly => round_trip(&mut stream, &message).await,
        End::Timeout(limit) => match timeout(limit, round_trip(&mut stream, &message)).await {
            Ok(told) => told,
            Err(_elapsed) => Ok(()),
        },
        End::Drop => stream.write_all(&message).await,
        End::Reset => {
            let written = stream.write_all(&message).await;
            written.and_then(|()| SockRef::from(&stream).set_linger(Some(Duration::ZERO)))
        }
        End::Silent => Ok(()),
    };
    told.map_err(|error| format!("{end:?} of {length} bytes: {error}"))
}

async fn round_trip(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let write = async {
        writer.write_all(message).await?;
        writer.shutdown().await
    };
    let mut echoed = Vec::new();
    let read = reader.read_to_end(&mut echoed);
    filch::try_join!(write, read)?;
    if echoed != message {
        return Err(io::Error::other(format!(
            "{} bytes came back of {}, or others",
            echoed.len(),
            message.len()
        )));
    }
    Ok(())
}
