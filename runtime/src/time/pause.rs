//! Stopping and moving the clock, for tests.

use super::Duration;
use crate::driver::clock::{Clock, ClockError};
use crate::runtime::context;
use crate::task::yield_now;

/// Stops the clock of the current runtime.
///
/// From now on [`Instant::now`](super::Instant::now) stands still within this
/// runtime, until [`resume`]. `std`'s instants are not affected.
///
/// A test starts out like this with `#[filch::test(start_paused = true)]`, a
/// runtime with [`Builder::start_paused`](crate::runtime::Builder::start_paused).
///
/// # Auto-advance
/// When the runtime has nothing to do but to wait for timers, the clock jumps to
/// the next deadline instead. So sleeps end at once, each at exactly its time and
/// in the right order, and a test of a long timeout takes no time; those that were
/// polled before the clock stopped, at the time to which they were rounded. Only
/// [`spawn_blocking`](crate::task::spawn_blocking) keeps the clock from jumping
/// while its closure runs; put work into it that the runtime cannot see, such as
/// waiting for another process.
///
/// # Panics
/// If the clock is paused already, outside of a runtime, and in a multi-threaded
/// runtime: several workers have no common idle moment.
///
/// # Examples
///
/// ```
/// use filch::time::{self, Duration, Instant};
///
/// #[filch::main(flavor = "current_thread")]
/// async fn main() {
///     time::pause();
///     let start = Instant::now();
///     time::sleep(Duration::from_secs(86_400)).await;
///     assert_eq!(start.elapsed(), Duration::from_secs(86_400));
/// }
/// ```
#[track_caller]
pub fn pause() {
    if context::try_clock().is_some() && !context::is_current_thread() {
        panic!(
            "`time::pause()` requires the `current_thread` filch runtime. \
             This is the default runtime used by `#[filch::test]`."
        );
    }
    change(Clock::pause);
}

/// Lets the clock run again, from where it stands.
///
/// # Panics
/// If the clock is not paused, and outside of a runtime.
#[track_caller]
pub fn resume() {
    change(Clock::resume);
}

/// Moves the paused clock by `duration`, in one jump.
///
/// The timers whose deadlines are passed by the jump fire together; the tasks that
/// wait for them run afterwards, in no order that is promised. To let every task
/// run at its own time, [`sleep`](fn@super::sleep) instead: the clock then moves from
/// deadline to deadline.
///
/// # Panics
/// If the clock is not paused, outside of a runtime, in a runtime whose timers are
/// off, and if the clock would move further than 584 years from its beginning.
///
/// # Cancel safety
/// The clock is moved at the first poll. Dropped afterwards, it stays where it is.
///
/// # Examples
///
/// ```
/// use filch::time::{self, Duration, Instant};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let start = Instant::now();
/// time::advance(Duration::from_micros(1)).await;
/// assert_eq!(start.elapsed(), Duration::from_micros(1));
/// # }
/// ```
pub async fn advance(duration: Duration) {
    change(|clock| clock.advance(duration));
    context::with_timers(|timers| {
        let now = timers.clock().now();
        while timers.earliest() <= now {
            // Nothing is fired while another thread has them locked.
            if timers.fire_due(now) == 0 {
                std::thread::yield_now();
            }
        }
    });
    yield_now().await;
}

#[track_caller]
fn change(change: impl FnOnce(&Clock) -> Result<(), ClockError>) {
    match context::change_clock(change) {
        Some(Ok(())) => {}
        Some(Err(error)) => panic!("{error}"),
        None => panic!("time cannot be frozen from outside the filch runtime"),
    }
}
