//! Timeouts.

use super::delay::Delay;
use super::error::Elapsed;
use super::{Duration, Instant};
use crate::coop;
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs `future` to completion, but gives up after `duration`, counted from this
/// call.
///
/// The future is polled first, the time is looked at only if it is not ready:
/// one that is ready at once succeeds even with a duration of zero, and one that
/// blocks the thread is not interrupted. A future that keeps using up the task's
/// budget is still given up on. A duration too long to be represented is no
/// timeout at all.
///
/// # Errors
/// [`Elapsed`] if the time passed first. The future stays in the [`Timeout`], and
/// is dropped along with it.
///
/// # Panics
/// Outside of a runtime, and in one whose timers are off, unless `duration` is [`Duration::MAX`]. See
/// [`sleep`](fn@super::sleep).
///
/// # Cancel safety
/// As cancel safe as `future`: dropping the timeout drops that.
///
/// # Examples
///
/// ```
/// use filch::sync::oneshot;
/// use filch::time::{Duration, timeout};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (sender, receiver) = oneshot::channel::<()>();
/// assert!(timeout(Duration::from_millis(10), receiver).await.is_err());
/// # drop(sender);
/// # }
/// ```
#[track_caller]
pub fn timeout<F>(duration: Duration, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout {
        value: future.into_future(),
        delay: Delay::after(duration),
    }
}

/// Runs `future` to completion, but gives up at `deadline`.
///
/// See [`timeout`] for the details. With several steps that share one deadline,
/// none of them eats into what the others were promised.
///
/// # Errors
/// [`Elapsed`] if the deadline passed first.
///
/// # Panics
/// Outside of a runtime, and in one whose timers are off. See [`sleep`](fn@super::sleep).
///
/// # Cancel safety
/// As cancel safe as `future`: dropping the timeout drops that.
///
/// # Examples
///
/// ```
/// use filch::time::{Duration, Instant, error::Elapsed, timeout_at};
/// # async fn connect() {}
/// # async fn handshake() {}
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Elapsed> {
/// let deadline = Instant::now() + Duration::from_secs(5);
/// timeout_at(deadline, connect()).await?;
/// timeout_at(deadline, handshake()).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn timeout_at<F>(deadline: Instant, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    Timeout {
        value: future.into_future(),
        delay: Some(Delay::until(deadline)),
    }
}

pin_project! {
    /// The future that [`timeout`] and [`timeout_at`] return.
    ///
    /// # Panics
    /// When it is polled while the runtime that it was made in shuts down, or later, and what it
    /// waits for is not ready.
    #[project(!Unpin)]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        // `None` if the deadline is further away than can be represented.
        delay: Option<Delay>,
    }
}

impl<T> Timeout<T> {
    /// The future that is waited for.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future that is waited for, mutably.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future that was waited for; the timeout is no more.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Future for Timeout<T>
where
    T: Future,
{
    type Output = Result<T::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(value) = this.value.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        match this.delay {
            Some(delay) => poll_delay(delay, had_budget, cx).map(|()| Err(Elapsed::new())),
            None => Poll::Pending,
        }
    }
}

/// The part of [`Timeout::poll`] that is the same for every future.
fn poll_delay(delay: &mut Delay, had_budget: bool, cx: &mut Context<'_>) -> Poll<()> {
    if had_budget && !coop::has_budget_remaining() {
        // The future used it up, as it may do at every poll. If the delay had to
        // yield as well, the timeout would never be looked at.
        coop::with_unconstrained(|| delay.poll_elapsed(cx))
    } else {
        delay.poll_elapsed(cx)
    }
}
