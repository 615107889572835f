//! Waiting for readiness, paid for from the task's cooperative budget.
//!
//! `filch_io` knows nothing of tasks, and so nothing of budgets. Everything in
//! this crate that awaits a [`Registered`] source goes through one of these
//! functions, so that a task whose sockets are always ready still lets others
//! run.
//!
//! A unit is charged for each readiness obtained, and none for a wait that
//! returns `Pending`. An operation that meets
//! [`WouldBlock`](io::ErrorKind::WouldBlock) clears the readiness it relied on
//! and goes around again. What cannot be cleared, a closed end, would make it
//! go around for ever if the source answered `WouldBlock` all the same; then
//! it yields instead.

use crate::coop;
use filch_io::{Direction, Interest, Readiness, Ready, Registered, Source};
use std::future::poll_fn;
use std::io;
use std::mem;
use std::task::{Context, Poll, ready};

/// Polls for readiness with the direction's own waker slot: of several tasks
/// that poll one direction, the last is woken.
#[inline]
pub(crate) fn poll_ready<S: Source>(
    io: &Registered<S>,
    cx: &mut Context<'_>,
    direction: Direction,
) -> Poll<io::Result<Readiness>> {
    let unit = ready!(coop::poll_proceed(cx));
    let readiness = ready!(io.poll_readiness(cx, direction))?;
    unit.made_progress();
    Poll::Ready(Ok(readiness))
}

/// Calls `operation` until it returns anything but `WouldBlock`, waiting as
/// [`poll_ready`] does.
#[inline]
pub(crate) fn poll_operation<S: Source, R>(
    io: &Registered<S>,
    cx: &mut Context<'_>,
    direction: Direction,
    mut operation: impl FnMut(&S) -> io::Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        let readiness = ready!(poll_ready(io, cx, direction))?;
        match operation(io.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => io.clear(readiness),
            result => return Poll::Ready(result),
        }
        if is_lasting(readiness.ready) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
    }
}

/// Waits for readiness; any number of tasks may do so at once.
///
/// # Cancel safety
/// Nothing is lost when the future is dropped.
pub(crate) async fn ready<S: Source>(
    io: &Registered<S>,
    interest: Interest,
) -> io::Result<Readiness> {
    let readiness = io.readiness(interest).await?;
    poll_fn(coop::poll_proceed).await.made_progress();
    Ok(readiness)
}

/// Calls `operation` until it returns anything but `WouldBlock`, waiting as
/// [`ready()`] does.
///
/// # Cancel safety
/// If the future is dropped before it has completed, `operation` has not
/// succeeded.
pub(crate) async fn operation<R>(
    io: &Registered<impl Source>,
    interest: Interest,
    mut operation: impl FnMut() -> io::Result<R>,
) -> io::Result<R> {
    loop {
        let readiness = ready(io, interest).await?;
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => io.clear(readiness),
            result => return result,
        }
        if is_lasting(readiness.ready) {
            yield_once().await;
        }
    }
}

/// Whether readiness outlives a clear.
fn is_lasting(ready: Ready) -> bool {
    ready.is_read_closed() || ready.is_write_closed()
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
