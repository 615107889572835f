//! Tests as users write them, with the attribute's variants.

use port::{Event, serve};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep};

#[tokio::test]
async fn counts_on_one_thread() {
    counts().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_on_two_threads() {
    tokio::spawn(counts()).await.unwrap();
}

async fn counts() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (events, mut reports) = mpsc::channel(1);
    let server = tokio::spawn(serve(listener, events));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"three short words").await.unwrap();
    drop(client);
    assert_eq!(reports.recv().await, Some(Event::Counted(3)));
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn an_hour_passes_at_once() {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_secs(600));
    let mut count = 0;
    let hour = sleep(Duration::from_secs(3599));
    tokio::pin!(hour);
    loop {
        tokio::select! {
            () = &mut hour => break,
            _ = ticks.tick() => count += 1,
        }
    }
    // The first tick is immediate.
    assert_eq!(count, 6);
    assert!(start.elapsed() >= Duration::from_secs(3599));
}

#[test]
fn a_runtime_by_hand() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let value = runtime.block_on(async {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        tokio::spawn(async move { sender.send(1).unwrap() });
        receiver.await.unwrap()
    });
    assert_eq!(value, 1);
}
