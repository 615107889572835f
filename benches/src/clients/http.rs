//! Loads an HTTP/1.1 server from a second process, so that this process's processor time is the
//! server's alone.
//!
//! That process is `wrk` where it is installed, otherwise a small keep-alive client built into
//! this program.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::Poller;
use crate::errand::Errand;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How a load run ended.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests that were answered.
    pub requests: usize,
}

/// Which program loads the servers here.
pub fn client_name() -> &'static str {
    if wrk_is_installed() {
        "wrk"
    } else {
        "built-in keep-alive client"
    }
}

fn wrk_is_installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        let probe = Command::new("wrk")
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        probe.is_ok()
    })
}

/// Keeps `connections` keep-alive connections to `server` busy from a second process.
///
/// wrk counts in whole seconds: the duration is rounded up for it.
///
/// # Errors
///
/// When the client cannot be started or reports failed requests.
pub fn load(server: SocketAddr, connections: usize, duration: Duration) -> io::Result<Load> {
    if !wrk_is_installed() || duration < Duration::from_secs(1) {
        let requests = Errand::HttpClient {
            server,
            connections,
            duration,
        }
        .send()?;
        return Ok(Load {
            requests: requests as usize,
        });
    }
    let output = Command::new("wrk")
        .args([
            "-t1",
            &format!("-c{connections}"),
            &format!("-d{}s", duration.as_secs_f64().ceil()),
        ])
        .arg(format!("http://{server}/"))
        .output()?;
    let report = String::from_utf8_lossy(&output.stdout);
    let failed = report.contains("Socket errors") || report.contains("Non-2xx");
    match requests_in(&report) {
        Some(requests) if requests > 0 && !failed && output.status.success() => {
            Ok(Load { requests })
        }
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(format!("wrk failed: {report}{errors}")))
        }
    }
}

/// Finds "12345 requests in 1.00s".
fn requests_in(report: &str) -> Option<usize> {
    let line = report.lines().find(|line| line.contains(" requests in "))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A keep-alive connection and what has arrived of its answer.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// The built-in client: how many requests were answered within `duration`.
///
/// # Errors
///
/// When the server closes a connection, answers anything but "200", or stops answering.
pub fn run_client(server: SocketAddr, connections: usize, duration: Duration) -> io::Result<usize> {
    let mut poller = Poller::new()?;
    let mut opened = Vec::with_capacity(connections);
    for key in 0..connections {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        poller.add(key, &stream)?;
        opened.push(Connection {
            stream,
            answer: Vec::with_capacity(1024),
        });
    }
    for connection in &mut opened {
        connection.stream.write_all(REQUEST)?;
    }
    let end = Instant::now() + duration;
    let mut answered = 0;
    while Instant::now() < end {
        for key in poller.wait()? {
            let connection = &mut opened[key];
            if connection.receive()? {
                answered += 1;
                connection.stream.write_all(REQUEST)?;
            }
        }
    }
    Ok(answered)
}

impl Connection {
    /// Reads what has arrived; whether the answer is complete, which forgets it.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => self.answer.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let complete =
            answer_length(&self.answer)?.is_some_and(|length| self.answer.len() >= length);
        if complete {
            self.answer.clear();
        }
        Ok(complete)
    }
}

/// The length of the answer that starts in `bytes`, head and body, once its head is there.
fn answer_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = str::from_utf8(&bytes[..head]).map_err(io::Error::other)?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(format!("unexpected answer: {text}")));
    }
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("the answer has no length"))?;
    Ok(Some(head + 4 + body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_answer_covers_head_and_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len()));
        assert_eq!(answer_length(&answer[..20]).unwrap(), None);
        assert!(answer_length(b"HTTP/1.1 500 Oops\r\n\r\n").is_err());
    }

    #[test]
    fn the_report_of_wrk_is_understood() {
        let wrk = "Running 1s test\n  Requests/sec: 1\n  4567 requests in 1.10s, 1MB read\n";
        assert_eq!(requests_in(wrk), Some(4567));
        assert_eq!(requests_in("nothing"), None);
    }
}
