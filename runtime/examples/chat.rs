//! A chat room over TCP: one line is one message.
//!
//! ```text
//! cargo run --release --example chat -- 127.0.0.1:7001
//! nc 127.0.0.1 7001
//! ```
//!
//! What one client can make the room keep is bounded; how many there are is not. The room
//! keeps the last [`HISTORY`] messages; who falls further behind is told how
//! many lines it missed. Who does not read at all for [`PATIENCE`], or sends a
//! line longer than [`LONGEST_LINE`], is shown out.

use filch::io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use filch::net::{TcpListener, TcpStream};
use filch::sync::broadcast::{self, error::RecvError};
use filch::time::{Duration, sleep, timeout};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

const USAGE: &str = "\
usage: chat [ADDRESS]

A chat room: connect with `nc`, give a name, write lines.

  ADDRESS   where to listen, such as 127.0.0.1:7001 or [::]:7001
            (default 127.0.0.1:0, a free port; the first line printed names it)";

/// Messages that are kept for clients that read slowly.
const HISTORY: usize = 256;
/// How long a client may leave what it was sent unread.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes in a line that a client sends, its end included; a name is such a line.
const LONGEST_LINE: usize = 1024;
/// How long to wait before accepting again when the system refuses to.
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
            eprintln!("chat: cannot listen on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn listen(address: &str) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let room = Arc::new(Room::new());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let room = room.clone();
                filch::spawn(async move {
                    if let Err(error) = attend(stream, &room).await {
                        eprintln!("chat: {peer}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("chat: cannot accept: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One client's visit, from its first line to its last.
async fn attend(stream: TcpStream, room: &Room) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);

    let Some((seat, messages)) = take_a_seat(&mut input, &mut output, room).await? else {
        return Ok(());
    };
    // Each direction runs at its own pace; when one is over, so is the visit.
    // Both futures live until then, so that no half-read line is lost.
    filch::select! {
        result = listen_to(&mut input, &seat) => result,
        result = report_to(&mut output, messages, &seat) => result,
    }
}

/// Asks for a name until it gets a free one. `None`: the client hung up.
async fn take_a_seat<'room>(
    input: &mut BufReader<OwnedReadHalf>,
    output: &mut OwnedWriteHalf,
    room: &'room Room,
) -> io::Result<Option<(Seat<'room>, broadcast::Receiver<Message>)>> {
    send(output, "* what is your name?\n").await?;
    loop {
        let Some(name) = read_line(input).await? else {
            return Ok(None);
        };
        if name.is_empty() || !name.chars().all(char::is_alphanumeric) {
            send(
                output,
                "* a name is made of letters and digits, try another\n",
            )
            .await?;
        } else if let Some((seat, messages, present)) = room.enter(&name) {
            send(output, &format!("* welcome {name}, here are: {present}\n")).await?;
            return Ok(Some((seat, messages)));
        } else {
            send(output, "* that name is taken, try another\n").await?;
        }
    }
}

/// Passes a client's lines on to the room.
async fn listen_to(input: &mut BufReader<OwnedReadHalf>, seat: &Seat<'_>) -> io::Result<()> {
    while let Some(line) = read_line(input).await? {
        if !line.is_empty() {
            seat.say(&line);
        }
    }
    Ok(())
}

/// Passes the room's messages on to a client, all but its own.
async fn report_to(
    output: &mut OwnedWriteHalf,
    mut messages: broadcast::Receiver<Message>,
    seat: &Seat<'_>,
) -> io::Result<()> {
    loop {
        match messages.recv().await {
            Ok(message) if *message.from == *seat.name => {}
            Ok(message) => send(output, &message.line).await?,
            Err(RecvError::Lagged(missed)) => {
                send(output, &format!("* you missed {missed} messages\n")).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Reads a line without its end. `None`: there will be no more.
async fn read_line(input: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input
        .take(LONGEST_LINE as u64)
        .read_until(b'\n', &mut line)
        .await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() == LONGEST_LINE && !line.ends_with(b"\n") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "sent a line that is too long",
        ));
    }
    Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()))
}

async fn send(output: &mut OwnedWriteHalf, line: &str) -> io::Result<()> {
    match timeout(PATIENCE, output.write_all(line.as_bytes())).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "does not read what it is sent",
        )),
    }
}

/// Who is present, and the way to reach them all.
struct Room {
    names: Mutex<BTreeSet<Arc<str>>>,
    messages: broadcast::Sender<Message>,
}

#[derive(Clone)]
struct Message {
    from: Arc<str>,
    line: Arc<str>,
}

impl Room {
    fn new() -> Self {
        Self {
            names: Mutex::default(),
            messages: broadcast::Sender::new(HISTORY),
        }
    }

    /// Takes `name` if it is free; also returns who is present already.
    fn enter(&self, name: &str) -> Option<(Seat<'_>, broadcast::Receiver<Message>, String)> {
        let name: Arc<str> = name.into();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.insert(name.clone()) {
            return None;
        }
        let present: Vec<&str> = names.iter().map(|name| &**name).collect();
        let present = present.join(", ");
        drop(names);

        let messages = self.messages.subscribe();
        let seat = Seat { room: self, name };
        seat.announce("joined");
        Some((seat, messages, present))
    }
}

/// A name taken in a room, until dropped.
struct Seat<'room> {
    room: &'room Room,
    name: Arc<str>,
}

impl Seat<'_> {
    fn say(&self, text: &str) {
        self.send(format!("{}: {text}\n", self.name));
    }

    fn announce(&self, what: &str) {
        self.send(format!("* {} {what}\n", self.name));
    }

    fn send(&self, line: String) {
        let message = Message {
            from: self.name.clone(),
            line: line.into(),
        };
        // Fails when nobody listens, and then nobody misses it.
        let _ = self.room.messages.send(message);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // While the name is still taken, so that it never means two people.
        self.announce("left");
        let mut names = self
            .room
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.name);
    }
}
