//! A TCP server that sends back what it receives.
//!
//! ```text
//! cargo run --release --example echo -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! One task serves one connection. A peer that resets its connection ends its
//! own task and nothing else; a process out of file descriptors keeps the
//! connections it has and accepts the next one soon after one of them closes.

use filch::io;
use filch::net::{TcpListener, TcpStream};
use filch::time::{Duration, sleep};
use std::io::ErrorKind;
use std::process::ExitCode;

const USAGE: &str = "\
usage: echo [ADDRESS]

Sends back every byte it receives, on any number of TCP connections at once.

  ADDRESS   where to listen, such as 127.0.0.1:7000 or [::]:7000
            (default 127.0.0.1:0, a free port; the first line printed names it)";

/// How long to wait when the system is out of something a connection needs.
/// The backlog holds the newcomers meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[filch::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    if address == "--help" || address == "-h" {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if address.starts_with('-') || arguments.next().is_some() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match listen(&address).await {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("echo: cannot listen on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Accepts connections for as long as the program runs.
async fn listen(address: &str) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                filch::spawn(async move {
                    if let Err(error) = serve(stream).await
                        && !is_the_peers_doing(&error)
                    {
                        eprintln!("echo: {peer}: {error}");
                    }
                });
            }
            // A peer that is gone before it was accepted costs nothing.
            Err(error) if is_the_peers_doing(&error) => {}
            Err(error) => {
                eprintln!("echo: cannot accept: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Copies one connection's input to its output until the peer is done.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let (mut input, mut output) = stream.split();
    io::copy(&mut input, &mut output).await?;
    Ok(())
}

fn is_the_peers_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
