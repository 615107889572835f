//! A hashed hierarchical timing wheel in safe Rust, generic over its payload.
//!
//! The wheel keeps payloads until their deadlines and hands them out again, in
//! constant time for each: a server may give every connection a timeout and
//! cancel nearly all of them. It is the structure of Varghese and Lauck,
//! *Hashed and Hierarchical Timing Wheels* (SOSP 1987), with 64-slot levels and
//! an occupancy bitmap for each, so that empty time costs nothing.
//!
//! ```
//! use filch_timer::{Tick, Wheel};
//! use std::time::Duration;
//!
//! let mut wheel = Wheel::new();
//! let now = Tick::ZERO;
//! let request = wheel.insert(now, now.saturating_add(Duration::from_secs(30)), "request");
//! wheel.insert(now, now.saturating_add(Duration::from_micros(50)), "retry");
//!
//! // The request was answered: it needs no timeout any more.
//! assert_eq!(wheel.cancel(request), Some("request"));
//! assert_eq!(wheel.cancel(request), None);
//!
//! // Sleep until the next deadline, then ask for what is due.
//! let now = wheel.next_deadline().expect("one timer is left");
//! assert_eq!(wheel.expire(now), Some("retry"));
//! assert_eq!(wheel.expire(now), None);
//! ```
//!
//! # What it does not know
//! There is no clock, no thread and no lock in here. The caller says what time
//! it is with every call, as a [`Tick`]: nanoseconds since an epoch of its own.
//! Any `u64` is a legal deadline, and time may jump by any amount.
//!
//! # Granularity follows the duration
//! [`Wheel::insert`] rounds a deadline *up* to a multiple of a power of two that
//! is at most 1/64 of the time left, less below 17 ms, at least [`FINEST`]
//! (1.024 µs) and at most [`COARSEST`] (524.288 µs); [`coalesce`] says how. A sleep
//! of 1 ms is late by a microsecond, one of 10 ms by less than 0.07 ms, one of an
//! hour by about half a millisecond; none is early. Long timers thereby share their wake-ups: 100 000 of them spread over
//! a second cause at most 1908. [`Wheel::insert_exact`] rounds nothing, for
//! simulated time.
//!
//! # Order
//! Payloads come out in the order of their rounded deadlines, equal ones in the
//! order in which they were inserted or last reset, whatever the jump of time
//! that made them due. A deadline that had already passed when it was given is
//! due at once, and takes no part in that order.
//!
//! # Time only goes forward
//! The wheel has a time of its own. It follows the `now` that
//! [`Wheel::expire`] is given, at times a little behind it, and never turns
//! back; an empty wheel also takes over the time of an insert. A `now` that is
//! behind it, as another processor's clock read may be, counts as the wheel's own.
//!
//! # Cost
//! Insert, cancel and reset touch the entry, one slot and at most two
//! neighbours, and never allocate beyond the growth of one `Vec`. An entry is 24
//! bytes and the payload. On its way to firing it moves down at most ten levels,
//! and rarely more than two: a slot whose entries all share one deadline is
//! fired from where it is. The moves of a slot are made in one go by the
//! [`Wheel::expire`] that reaches it.
//!
//! # Keys
//! A [`Key`] carries a generation. Once its payload left the wheel, by whatever
//! way, the key is stale forever: asking with it is answered `None` or `false`,
//! never with another's payload.

#![forbid(unsafe_code)]

mod entries;
mod granularity;
mod levels;
mod tick;
mod wheel;

pub use entries::Key;
pub use granularity::{COARSEST, FINEST, coalesce};
pub use tick::Tick;
pub use wheel::{Drain, Wheel};
