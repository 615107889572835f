//! Waiting for time to pass: sleeps, timeouts, intervals.
//!
//! - [`sleep`](fn@sleep) waits for a duration, [`sleep_until`] for an instant.
//! - [`timeout`](fn@timeout) and [`timeout_at`] give up on a future that takes too long.
//! - [`interval`](fn@interval) ticks at a fixed rate, whatever is done in between.
//! - [`pause`](fn@pause) and [`advance`] stop and move the clock, so that a test of a day's
//!   schedule takes a millisecond.
//!
//! All of it needs a runtime whose timers are on, which is the default of
//! `#[filch::main]` and [`Builder::enable_all`](crate::runtime::Builder::enable_all).
//!
//! # Precision
//! A wait never ends early. It ends late by less than 1/64 of what was asked for,
//! at least 1 µs and at most 0.53 ms, so that many long waits can end in one
//! wake-up; to that adds what the operating system takes to wake a thread, and
//! whatever else the worker is doing. A sleep of 100 µs is meant seriously here.
//! With a paused clock, waits end to the nanosecond.
//!
//! # Examples
//!
//! Fetch with a deadline, retry with a pause in between:
//!
//! ```
//! use filch::time::{Duration, sleep, timeout};
//! # async fn fetch(attempt: u32) -> u32 { if attempt < 2 { sleep(Duration::from_secs(9)).await }; attempt }
//!
//! # #[filch::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! for attempt in 0..5 {
//!     match timeout(Duration::from_secs(1), fetch(attempt)).await {
//!         Ok(page) => {
//!             println!("got {page}");
//!             break;
//!         }
//!         Err(_) => sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await,
//!     }
//! }
//! # }
//! ```

mod delay;
pub mod error;
mod instant;
mod interval;
#[cfg(feature = "test-util")]
mod pause;
mod sleep;
mod timeout;

pub use self::instant::Instant;
pub use self::interval::{Interval, MissedTickBehavior, interval, interval_at};
#[cfg(feature = "test-util")]
pub use self::pause::{advance, pause, resume};
pub use self::sleep::{Sleep, sleep, sleep_until};
pub use self::timeout::{Timeout, timeout, timeout_at};
#[doc(no_inline)]
pub use std::time::Duration;
