//! Connections, and what they promise: every byte arrives in order, or the end
//! that misses one has been told of an error.
//!
//! Each side reads and writes at the same time, so neither waits for the other
//! for ever. A side that stops early takes its whole connection with it.

use super::interpret::{Context, yields};
use super::program::{Connection, End, Pause, Side, Style};
use filch::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::sync::oneshot;
use filch::task::yield_now;
use filch::time::sleep;
use socket2::SockRef;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Not so small that the kernel waits for a timer of its own before it tells a
/// writer of room.
const SMALL_BUFFER_BYTES: usize = 32 * 1024;

/// One direction of a connection.
#[derive(Debug)]
struct Direction {
    /// Tells it from others by its bytes.
    salt: usize,
    /// How many bytes the kernel has taken.
    written: AtomicUsize,
}

impl Direction {
    fn new(salt: usize) -> Arc<Self> {
        Arc::new(Self {
            salt,
            written: AtomicUsize::new(0),
        })
    }

    fn byte(&self, position: usize) -> u8 {
        let mixed = (position ^ self.salt << 7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 56) as u8
    }
}

/// Why a side is done.
enum Stop {
    /// As it was planned to.
    Planned,
    /// The connection has failed, and said so.
    Failed,
}

/// One end of one connection at work.
struct Speaker {
    context: Context,
    side: Side,
    name: String,
    outgoing: Arc<Direction>,
    incoming: Arc<Direction>,
}

pub(super) async fn connection(context: &Context, plan: &Connection) {
    let Some(listener) = listen(context, plan).await else {
        return;
    };
    let address = match listener.local_addr() {
        Ok(address) => address,
        Err(error) => return context.ledger.violation(format!("local_addr: {error}")),
    };
    let (up, down) = (
        Direction::new(2 * plan.name),
        Direction::new(2 * plan.name + 1),
    );
    let (connected, is_connected) = oneshot::channel();
    let small = plan.small_buffers;

    let (side, outgoing, incoming) = (plan.server, Arc::clone(&down), Arc::clone(&up));
    let server = context.spawn(format!("server {}", plan.name), |context| async move {
        // Without a client nobody is to be accepted.
        if is_connected.await.is_ok() {
            match listener.accept().await {
                Ok((stream, _)) => {
                    Speaker::new(context, side, "server", outgoing, incoming)
                        .speak(stream, small)
                        .await;
                }
                Err(error) => context.ledger.violation(format!("accept: {error}")),
            }
        }
    });
    let side = plan.client;
    let client = context.spawn(format!("client {}", plan.name), |context| async move {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // If the server is gone, the stream will tell.
                let _ = connected.send(());
                Speaker::new(context, side, "client", up, down)
                    .speak(stream, small)
                    .await;
            }
            Err(error) => out_of_ports_or_gone(&context, "connect", &error),
        }
    });
    for (abort, (entry, handle)) in [(plan.abort_server, &server), (plan.abort_client, &client)] {
        if let Some(after) = abort {
            yields(after).await;
            entry.note_abort();
            handle.abort();
        }
    }
    for (entry, handle) in [server, client] {
        context.join(&entry, handle).await;
    }
}

/// Loopback has sixteen million addresses: enough ports, however many
/// connections are remembered by the kernel.
async fn listen(context: &Context, plan: &Connection) -> Option<TcpListener> {
    let mixed = context.ledger.steps().wrapping_mul(0x9E37_79B9) as usize ^ plan.name;
    let [_, b, c, d] = (mixed as u32).to_be_bytes();
    match TcpListener::bind((Ipv4Addr::new(127, b, c, d.clamp(1, 254)), 0)).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            out_of_ports_or_gone(context, "bind", &error);
            None
        }
    }
}

fn out_of_ports_or_gone(context: &Context, what: &str, error: &io::Error) {
    match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => {
            context.ledger.skipped.fetch_add(1, SeqCst);
        }
        // The server was aborted, and its listener closed.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset if what == "connect" => {}
        _ => {
            let ends = context.ledger.is_ending();
            context.ledger.expect(ends, || format!("{what}: {error:?}"));
        }
    }
}

impl Speaker {
    fn new(
        context: Context,
        side: Side,
        role: &str,
        outgoing: Arc<Direction>,
        incoming: Arc<Direction>,
    ) -> Self {
        let name = format!("{role} {}", outgoing.salt / 2);
        Self {
            context,
            side,
            name,
            outgoing,
            incoming,
        }
    }

    async fn speak(self, mut stream: TcpStream, small_buffers: bool) {
        if small_buffers {
            let socket = SockRef::from(&stream);
            // A socket that was reset meanwhile refuses; that is no matter.
            drop(socket.set_send_buffer_size(SMALL_BUFFER_BYTES));
            drop(socket.set_recv_buffer_size(SMALL_BUFFER_BYTES));
        }
        match self.side.style {
            Style::Owned => return self.speak_in_two_tasks(stream).await,
            Style::Traits => {
                let (mut reader, mut writer) = stream.split();
                let write = self.write(&mut writer);
                let read = self.read(&mut reader);
                // Either error ends both.
                drop(filch::try_join!(write, async {
                    let received = read.await?;
                    self.judge_end(received);
                    Ok(())
                }));
            }
            Style::Readiness => {
                let write = self.write_when_ready(&stream);
                drop(filch::try_join!(write, async {
                    let received = self.read_when_ready(&stream).await?;
                    self.judge_end(received);
                    Ok(())
                }));
            }
        }
        if matches!(self.side.end, End::Reset | End::ResetAfter(_)) {
            // Fails if the connection is gone already, and then there is nothing
            // to reset.
            drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
        }
        drop(stream);
    }

    /// The reader in a task of its own, whose verdict waits for the writer: an
    /// error is told to one of them only.
    async fn speak_in_two_tasks(self, stream: TcpStream) {
        let (mut reader, mut writer) = stream.into_split();
        let (verdict, received) = oneshot::channel();
        let this = Arc::new(self);
        let reading = Arc::clone(&this);
        let name = format!("reader of {}", this.name);
        let (entry, handle) = this.context.spawn(name, |_| async move {
            // Its receiver is gone if this side was aborted.
            let _ = verdict.send(reading.read(&mut reader).await);
        });
        let written = this.write(&mut writer).await;
        if let (Ok(Ok(received)), Ok(())) = (received.await, written) {
            this.judge_end(received);
        }
        this.context.join(&entry, handle).await;
    }

    /// The stream has ended after so many bytes, and nobody has told this side of
    /// an error.
    fn judge_end(&self, received: usize) {
        let written = self.incoming.written.load(SeqCst);
        self.context.ledger.expect(received == written, || {
            format!(
                "{}: {received} bytes of {written}, then a clean end",
                self.name
            )
        });
    }

    fn judge_bytes(&self, from: usize, bytes: &[u8]) -> Result<(), Stop> {
        let wrong = bytes
            .iter()
            .enumerate()
            .find(|&(offset, &byte)| byte != self.incoming.byte(from + offset));
        if let Some((offset, _)) = wrong {
            self.context.ledger.violation(format!(
                "{}: byte {} is not what was sent",
                self.name,
                from + offset
            ));
            return Err(Stop::Failed);
        }
        Ok(())
    }

    fn stops_reading_at(&self) -> usize {
        match self.side.end {
            End::DropAfter(bytes) | End::ResetAfter(bytes) => bytes,
            End::HalfClose | End::Drop | End::Reset => usize::MAX,
        }
    }

    async fn pause(&self) {
        match self.side.pause {
            Pause::None => {}
            Pause::Yield => yield_now().await,
            Pause::Sleep(duration) => sleep(duration).await,
        }
    }

    async fn read(&self, reader: &mut (impl AsyncRead + Unpin)) -> Result<usize, Stop> {
        let mut buffer = vec![0; self.side.chunk];
        let mut received = 0;
        loop {
            let count = reader
                .read(&mut buffer)
                .await
                .map_err(|error| self.failed(&error))?;
            self.judge_bytes(received, &buffer[..count])?;
            received += count;
            if received >= self.stops_reading_at() {
                return Err(Stop::Planned);
            }
            if count == 0 {
                return Ok(received);
            }
            self.pause().await;
        }
    }

    async fn read_when_ready(&self, stream: &TcpStream) -> Result<usize, Stop> {
        let mut buffer = vec![0; self.side.chunk];
        let mut received = 0;
        loop {
            stream
                .readable()
                .await
                .map_err(|error| self.failed(&error))?;
            let count = match stream.try_read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(self.failed(&error)),
            };
            self.judge_bytes(received, &buffer[..count])?;
            received += count;
            if received >= self.stops_reading_at() {
                return Err(Stop::Planned);
            }
            if count == 0 {
                return Ok(received);
            }
            self.pause().await;
        }
    }

    fn chunk(&self, from: usize) -> Vec<u8> {
        let until = self.side.write.min(from + self.side.chunk);
        (from..until)
            .map(|position| self.outgoing.byte(position))
            .collect()
    }

    fn note_written(&self, count: usize) -> usize {
        self.outgoing.written.fetch_add(count, SeqCst) + count
    }

    async fn write(&self, writer: &mut (impl AsyncWrite + Unpin)) -> Result<(), Stop> {
        let mut written = 0;
        while written < self.side.write {
            let count = writer
                .write(&self.chunk(written))
                .await
                .map_err(|error| self.failed(&error))?;
            written = self.note_written(count);
            self.pause().await;
        }
        if self.closes_at_the_end() {
            return Err(Stop::Planned);
        }
        writer.shutdown().await.map_err(|error| self.failed(&error))
    }

    async fn write_when_ready(&self, stream: &TcpStream) -> Result<(), Stop> {
        let mut written = 0;
        while written < self.side.write {
            stream
                .writable()
                .await
                .map_err(|error| self.failed(&error))?;
            match stream.try_write(&self.chunk(written)) {
                Ok(count) => written = self.note_written(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(self.failed(&error)),
            }
            self.pause().await;
        }
        if self.closes_at_the_end() {
            return Err(Stop::Planned);
        }
        SockRef::from(stream)
            .shutdown(std::net::Shutdown::Write)
            .map_err(|error| self.failed(&error))
    }

    fn closes_at_the_end(&self) -> bool {
        matches!(self.side.end, End::Drop | End::Reset)
    }

    /// An operation has failed: in a way that a peer can bring about?
    fn failed(&self, error: &io::Error) -> Stop {
        let by_peer = matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::ConnectionAborted
        );
        self.context
            .ledger
            .expect(by_peer || self.context.ledger.is_ending(), || {
                format!("{}: {error:?}", self.name)
            });
        Stop::Failed
    }
}
