//! Sends messages over many connections and waits for their echoes, on one thread.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::{MESSAGE_BUFFER, Poller};
use crate::measure::{Pass, nanoseconds, process_cpu, thread_cpu};

/// The bytes of one message.
const MESSAGE: [u8; 64] = *b"sixty-four bytes that travel to the server and back, unchanged..";

/// A connected client; one message at a time is under way on each connection.
#[derive(Debug)]
pub struct EchoClient {
    poller: Poller,
    connections: Vec<Connection>,
    buffer: [u8; MESSAGE_BUFFER],
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// Bytes of the echo under way that have not arrived yet.
    missing: usize,
}

impl EchoClient {
    /// Opens `connections` connections to `server`.
    ///
    /// # Errors
    ///
    /// Whatever connecting answers, such as a full table of files.
    pub fn connect(server: SocketAddr, connections: usize) -> io::Result<Self> {
        let poller = Poller::new()?;
        let connect = |key| {
            let stream = TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            poller.add(key, &stream)?;
            Ok(Connection { stream, missing: 0 })
        };
        let connections = (0..connections).map(connect).collect::<io::Result<_>>()?;
        Ok(Self {
            poller,
            connections,
            buffer: [0; MESSAGE_BUFFER],
        })
    }

    /// Has at least `echoes` messages echoed, as many on each connection as its speed allows.
    ///
    /// The processor time of the pass is that of the whole process without this thread.
    ///
    /// # Errors
    ///
    /// When the server closes a connection, changes a message, or stops answering.
    pub fn run(&mut self, echoes: usize) -> io::Result<Pass> {
        let (process, thread, start) = (process_cpu(), thread_cpu(), Instant::now());
        let mut to_send = echoes.max(self.connections.len());
        let mut to_arrive = to_send;
        for connection in &mut self.connections {
            connection.send()?;
            to_send -= 1;
        }
        while to_arrive > 0 {
            for key in self.poller.wait()? {
                let connection = &mut self.connections[key];
                if !connection.receive(&mut self.buffer)? {
                    continue;
                }
                to_arrive -= 1;
                if to_send > 0 {
                    connection.send()?;
                    to_send -= 1;
                }
            }
        }
        let figure = nanoseconds(start.elapsed());
        let cpu = (process_cpu() - process).saturating_sub(thread_cpu() - thread);
        let units = echoes.max(self.connections.len()) as f64;
        Ok(Pass {
            units,
            figure,
            cpu: nanoseconds(cpu),
        })
    }
}

impl Connection {
    fn send(&mut self) -> io::Result<()> {
        self.missing = MESSAGE.len();
        self.stream.write_all(&MESSAGE)
    }

    /// Reads what has arrived; whether the message is complete.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let length = match self.stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let expected = MESSAGE.len() - self.missing;
        if MESSAGE.get(expected..expected + length) != Some(&buffer[..length]) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the echo differs from the message",
            ));
        }
        self.missing -= length;
        Ok(self.missing == 0)
    }
}
