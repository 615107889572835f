//! Sleeps.

use super::delay::{Delay, representable};
use super::{Duration, Instant};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Waits until `deadline`.
///
/// See [`sleep`] for the precision. A deadline that has passed is ready at the
/// first poll.
///
/// # Panics
/// Outside of a runtime, and in one whose timers are off.
///
/// # Cancel safety
/// Cancel safe: dropping the future cancels the wait. Waiting for the same
/// deadline again takes a new `sleep_until`.
///
/// # Examples
///
/// ```
/// use filch::time::{Duration, Instant, sleep_until};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let deadline = Instant::now() + Duration::from_millis(100);
/// sleep_until(deadline).await;
/// assert!(Instant::now() >= deadline);
/// # }
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        delay: Delay::until(deadline),
    }
}

/// Waits for `duration`, counted from this call.
///
/// The wait never ends early. It may end late by 1/64 of `duration`, but at most
/// by 0.53 ms, and by what it takes to wake the thread and run the tasks before
/// this one. A duration of more than 30 years counts as 30 years.
///
/// A sleep of no time is ready at once and lets nobody else run;
/// [`yield_now`](crate::task::yield_now) does.
///
/// To do something periodically, [`interval`](fn@super::interval) does not let the
/// time that the work takes add up.
///
/// # Panics
/// Outside of a runtime, and in one whose timers are off. This function is called
/// before its future is awaited: `runtime.block_on(sleep(duration))` calls it
/// outside, `runtime.block_on(async { sleep(duration).await })` does not.
///
/// # Cancel safety
/// Cancel safe: dropping the future cancels the wait. In a `select!` in a loop, a
/// `sleep` made in the loop starts anew each time; keep one outside and
/// [`reset`](Sleep::reset) it to go on waiting.
///
/// # Examples
///
/// ```
/// use filch::time::{Duration, sleep};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// sleep(Duration::from_micros(250)).await;
/// println!("a quarter of a millisecond has passed");
/// # }
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    match Delay::after(representable(duration)) {
        Some(delay) => Sleep { delay },
        None => panic!("overflow when adding duration to instant"),
    }
}

pin_project! {
    /// The future that [`sleep`] and [`sleep_until`] return.
    ///
    /// It is `!Unpin`. To use one by reference, as in a `select!` in a loop, or to
    /// [`reset`](Self::reset) it, pin it with [`pin!`](std::pin::pin) or
    /// [`Box::pin`]. Dropping it cancels the wait.
    ///
    /// # Panics
    /// Polling panics when the runtime that the sleep was made in is shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::time::{Duration, Instant, sleep};
    /// use std::pin::pin;
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let (sender, mut receiver) = filch::sync::mpsc::channel(1);
    /// # sender.send("one").await.unwrap();
    /// // Give up after a second of silence.
    /// let mut silence = pin!(sleep(Duration::from_secs(1)));
    /// loop {
    ///     filch::select! {
    ///         Some(message) = receiver.recv() => {
    ///             println!("received {message}");
    ///             silence.as_mut().reset(Instant::now() + Duration::from_secs(1));
    ///         }
    ///         () = &mut silence => break,
    ///     }
    /// }
    /// # }
    /// ```
    #[project(!Unpin)]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        delay: Delay,
    }
}

impl Sleep {
    /// The instant that is waited for.
    pub fn deadline(&self) -> Instant {
        self.delay.deadline()
    }

    /// Whether the wait is over, and the next poll will be ready.
    ///
    /// A sleep that was never polled nor reset has not begun to wait, and
    /// returns `false` even if its deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        self.delay.has_elapsed()
    }

    /// Waits until `deadline` instead of what was asked for before, whether or
    /// not that is over.
    ///
    /// The task that polled last is woken at the new deadline; it need not poll
    /// again, unless it has been woken since. This is cheaper than a new [`Sleep`].
    ///
    /// ```
    /// use filch::time::{Duration, Instant, sleep};
    /// use std::pin::pin;
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let mut sleep = pin!(sleep(Duration::from_millis(10)));
    /// sleep.as_mut().await;
    /// sleep.as_mut().reset(Instant::now() + Duration::from_millis(20));
    /// sleep.await;
    /// # }
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.project().delay.reset(deadline);
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().delay.poll_elapsed(cx)
    }
}
