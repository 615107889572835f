//! Two connected streams.

use filch::net::{TcpListener, TcpStream};
use filch::task::coop::unconstrained;
use std::pin::pin;
use std::task::Poll;

/// A connection within this machine: the connecting and the accepted end.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, accepted) = filch::join!(TcpStream::connect(addr), listener.accept());
    let (client, (server, peer)) = (client.unwrap(), accepted.unwrap());
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// Polls once, with the waker of the task that awaits this; `Pending` does not
/// come from an exhausted budget.
pub(crate) async fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(unconstrained(future));
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
