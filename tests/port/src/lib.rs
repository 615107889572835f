//! The parts of the word counter.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the server reports.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A text of so many words.
    Counted(usize),
}

pub fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Serves until accepting fails.
pub async fn serve(listener: TcpListener, events: mpsc::Sender<Event>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let events = events.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, events).await {
                eprintln!("a client was lost: {error}");
            }
        });
    }
}

async fn answer(mut stream: TcpStream, events: mpsc::Sender<Event>) -> io::Result<()> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let words = count_words(&text);
    stream.write_all(words.to_string().as_bytes()).await?;
    // Fails when nobody is interested any more.
    let _ = events.send(Event::Counted(words)).await;
    Ok(())
}
