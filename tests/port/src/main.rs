//! A word counter behind a TCP port: clients send text, the server answers with
//! the number of words, a supervisor tallies them and stops when told.

use port::{Event, count_words, serve};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

const TEXTS: [&str; 4] = ["one", "and two", "", "a\nlast text of six words"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (events, mut reports) = mpsc::channel(8);
    let (stop, stopped) = oneshot::channel();

    let server = tokio::spawn(async move {
        tokio::select! {
            result = serve(listener, events) => result,
            _ = stopped => Ok(()),
        }
    });

    let clients: Vec<_> = TEXTS
        .into_iter()
        .map(|text| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(text.as_bytes()).await?;
                stream.shutdown().await?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await?;
                Ok::<_, std::io::Error>((text, answer))
            })
        })
        .collect();
    for client in clients {
        let (text, answer) = client.await??;
        assert_eq!(answer, count_words(text).to_string(), "{text:?}");
    }

    let mut total = 0;
    for _ in TEXTS {
        let Some(Event::Counted(words)) = timeout(Duration::from_secs(60), reports.recv()).await?
        else {
            return Err("the server has gone".into());
        };
        total += words;
    }
    println!("{} texts, {total} words", TEXTS.len());

    stop.send(()).map_err(|()| "the server has gone")?;
    server.await??;

    let start = Instant::now();
    sleep(Duration::from_millis(5)).await;
    assert!(start.elapsed() >= Duration::from_millis(5));
    let lost = timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
    println!("{}", lost.unwrap_err());

    let blocking = tokio::task::spawn_blocking(|| 6 * 7).await?;
    let (left, right) = tokio::join!(async { blocking }, async { "answers" });
    println!("{right}: {left}");
    Ok(())
}
