//! Measurements that need a process of their own.
//!
//! This program starts itself again with the errand in its environment; every `main` of this
//! package therefore begins with [`run_if_sent`].

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, exit};
use std::time::Duration;

use crate::clients::http;
use crate::runtimes::{Filch, Runtime, Smol, Tokio};
use crate::workloads::{blocking, memory, processor};

/// Holds the errand of a child process.
const VARIABLE: &str = "FILCH_BENCHES_ERRAND";

/// What a child process is to do; its answer is one number.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    /// Be a keep-alive HTTP client; the answer is the number of requests.
    HttpClient {
        /// The server.
        server: SocketAddr,
        /// Connections to keep busy.
        connections: usize,
        /// For how long.
        duration: Duration,
    },
    /// Park tasks; the answer is the growth of resident memory in bytes.
    ResidentMemory {
        /// The runtime's name.
        runtime: String,
        /// Its workers.
        workers: usize,
        /// Tasks to park.
        tasks: usize,
    },
    /// Do nothing; the answer is the number of context switches.
    Idle {
        /// The runtime's name.
        runtime: String,
        /// Its workers.
        workers: usize,
        /// For how long.
        duration: Duration,
    },
    /// Send closures to the pool for blocking work; the answer is what one takes, in nanoseconds.
    Blocking {
        /// The runtime's name.
        runtime: String,
        /// Its workers.
        workers: usize,
        /// Tasks that do so at once.
        callers: usize,
        /// Closures of each task in a pass.
        count: usize,
        /// Passes, whose median is the answer.
        passes: usize,
    },
}

impl Errand {
    /// Runs the errand in a child process and returns its answer.
    ///
    /// # Errors
    ///
    /// When the child cannot be started or fails.
    pub fn send(&self) -> io::Result<f64> {
        let output = Command::new(env::current_exe()?)
            .env(VARIABLE, self.encode())
            .output()?;
        let answer = String::from_utf8_lossy(&output.stdout).trim().parse();
        match answer {
            Ok(answer) if output.status.success() => Ok(answer),
            _ => {
                let errors = String::from_utf8_lossy(&output.stderr);
                Err(io::Error::other(format!("{self:?} failed: {errors}")))
            }
        }
    }

    fn encode(&self) -> String {
        match self {
            Self::HttpClient {
                server,
                connections,
                duration,
            } => {
                format!("http {server} {connections} {}", duration.as_millis())
            }
            Self::ResidentMemory {
                runtime,
                workers,
                tasks,
            } => format!("memory {runtime} {workers} {tasks}"),
            Self::Idle {
                runtime,
                workers,
                duration,
            } => {
                format!("idle {runtime} {workers} {}", duration.as_millis())
            }
            Self::Blocking {
                runtime,
                workers,
                callers,
                count,
                passes,
            } => format!("blocking {runtime} {workers} {callers} {count} {passes}"),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        if let &["blocking", runtime, workers, callers, count, passes] = words.as_slice() {
            return Some(Self::Blocking {
                runtime: runtime.to_owned(),
                workers: workers.parse().ok()?,
                callers: callers.parse().ok()?,
                count: count.parse().ok()?,
                passes: passes.parse().ok()?,
            });
        }
        let &[kind, whom, many, amount] = words.as_slice() else {
            return None;
        };
        let many = many.parse().ok()?;
        let duration = Duration::from_millis(amount.parse().ok()?);
        Some(match kind {
            "http" => Self::HttpClient {
                server: whom.parse().ok()?,
                connections: many,
                duration,
            },
            "memory" => Self::ResidentMemory {
                runtime: whom.to_owned(),
                workers: many,
                tasks: amount.parse().ok()?,
            },
            "idle" => Self::Idle {
                runtime: whom.to_owned(),
                workers: many,
                duration,
            },
            _ => return None,
        })
    }

    fn run(self) -> io::Result<f64> {
        match self {
            Self::HttpClient {
                server,
                connections,
                duration,
            } => http::run_client(server, connections, duration).map(|requests| requests as f64),
            Self::ResidentMemory {
                runtime,
                workers,
                tasks,
            } => match runtime.as_str() {
                Filch::NAME => memory::resident_growth::<Filch>(workers, tasks),
                Tokio::NAME => memory::resident_growth::<Tokio>(workers, tasks),
                Smol::NAME => memory::resident_growth::<Smol>(workers, tasks),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            },
            Self::Idle {
                runtime,
                workers,
                duration,
            } => match runtime.as_str() {
                Filch::NAME => processor::idle_switches::<Filch>(workers, duration),
                Tokio::NAME => processor::idle_switches::<Tokio>(workers, duration),
                Smol::NAME => processor::idle_switches::<Smol>(workers, duration),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            },
            Self::Blocking {
                runtime,
                workers,
                callers,
                count,
                passes,
            } => {
                let round_trip = match runtime.as_str() {
                    Filch::NAME => blocking::round_trip::<Filch>,
                    Tokio::NAME => blocking::round_trip::<Tokio>,
                    Smol::NAME => blocking::round_trip::<Smol>,
                    _ => return Err(io::ErrorKind::InvalidInput.into()),
                };
                Ok(round_trip(workers, callers, count, passes))
            }
        }
    }
}

/// Runs the errand that this process was started for, if it was, and exits.
pub fn run_if_sent() {
    let Ok(text) = env::var(VARIABLE) else {
        return;
    };
    let errand = Errand::decode(&text).ok_or_else(|| io::Error::other("the errand makes no sense"));
    match errand.and_then(Errand::run) {
        Ok(answer) => {
            println!("{answer}");
            exit(0);
        }
        Err(error) => {
            eprintln!("{error}");
            exit(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errands_survive_the_environment() {
        let duration = Duration::from_millis(1_500);
        let server = "127.0.0.1:80".parse().unwrap();
        for errand in [
            Errand::HttpClient {
                server,
                connections: 64,
                duration,
            },
            Errand::ResidentMemory {
                runtime: "smol".into(),
                workers: 2,
                tasks: 1_000,
            },
            Errand::Idle {
                runtime: "tokio".into(),
                workers: 8,
                duration,
            },
            Errand::Blocking {
                runtime: "filch".into(),
                workers: 2,
                callers: 64,
                count: 100,
                passes: 3,
            },
        ] {
            assert_eq!(Errand::decode(&errand.encode()), Some(errand));
        }
        assert_eq!(Errand::decode("idle tokio"), None);
        assert_eq!(Errand::decode("rest tokio 2 3"), None);
    }
}
