//! A process that may not open another file.

use super::ensure;
use crate::programs::Counts;
use crate::soak::{connections, watch};
use fastrand::Rng;
use filch::net::{TcpListener, TcpSocket, TcpStream};
use filch::runtime::{Builder, Runtime};
use filch::time::sleep;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::time::Duration;

/// What a runtime with some connections needs.
const FEW_FILES: u64 = 48;

pub(super) fn suffer(workers: usize, seed: u64) -> Result<(), String> {
    let before = Counts::now();
    let unlimited = getrlimit(Resource::Nofile);
    for workers in [0, 1, workers] {
        for files in 0..12 {
            limit(Some(before.files as u64 + files), unlimited)?;
            watch::progress();
            match build(workers) {
                Ok(runtime) => {
                    runtime.block_on(async { sleep(Duration::from_micros(1)).await });
                    drop(runtime);
                }
                Err(error) => expect_too_many("build", &error)?,
            }
            before.restored()?;
        }
        limit(Some(before.files as u64 + FEW_FILES), unlimited)?;
        let runtime = build(workers).map_err(|error| format!("build: {error}"))?;
        for round in 0..5 {
            watch::progress();
            runtime.block_on(run_out_and_recover())?;
            limit(unlimited.current, unlimited)?;
            let seed = seed.wrapping_add(round);
            runtime.block_on(connections::burst(Rng::with_seed(seed)))?;
            limit(Some(before.files as u64 + FEW_FILES), unlimited)?;
        }
        drop(runtime);
        before.restored()?;
    }
    Ok(())
}

fn build(workers: usize) -> io::Result<Runtime> {
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(workers.max(1)).enable_all().build()
}

fn limit(files: Option<u64>, unlimited: Rlimit) -> Result<(), String> {
    let limit = Rlimit {
        current: files,
        maximum: unlimited.maximum,
    };
    setrlimit(Resource::Nofile, limit).map_err(|error| format!("setrlimit: {error}"))
}

fn expect_too_many(what: &str, error: &io::Error) -> Result<(), String> {
    let errno = Errno::from_io_error(error);
    ensure(errno == Some(Errno::MFILE), || format!("{what}: {error:?}"))
}

/// Connects and accepts until there are no files, with a timer and a task beside
/// it that go on as if nothing had been.
async fn run_out_and_recover() -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.map_err(|error| format!("bind: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let beside = filch::spawn(async {
        for _ in 0..20 {
            sleep(Duration::from_micros(50)).await;
        }
    });
    let (mut clients, mut sockets, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    // Until there are none: some were free again when the sockets were tried.
    loop {
        match TcpStream::connect(address).await {
            Ok(client) => clients.push(client),
            Err(error) => break expect_too_many("connect", &error)?,
        }
    }
    loop {
        match TcpSocket::new_v4() {
            Ok(socket) => sockets.push(socket),
            Err(error) => break expect_too_many("socket", &error)?,
        }
    }
    loop {
        match listener.accept().await {
            Ok(connection) => accepted.push(connection),
            Err(error) => break expect_too_many("accept", &error)?,
        }
    }
    ensure(accepted.len() < clients.len(), || {
        format!("{} accepted with no file left", accepted.len())
    })?;
    drop((sockets, accepted));
    // One of them is among those that were not accepted yet, or has room now.
    let half = clients.len() / 2;
    clients.truncate(half);
    listener
        .accept()
        .await
        .map_err(|error| format!("accept with files again: {error}"))?;
    beside
        .await
        .map_err(|error| format!("a task beside: {error}"))
}
