//! What asks the operating system for events. This is the one place where the
//! platform is chosen.
//!
//! Every selector has the same shape:
//!
//! - `add` and `delete` a source under a [`Key`](crate::key::Key);
//! - `wait` for events, once, into a bounded buffer: an interrupted wait is an
//!   empty one, a timeout is never cut short;
//! - `notify` ends the wait in progress or the next one, from any thread;
//! - `rearm` is told after every change of a source's readiness.
//!
//! # Contract
//! For every direction a source was added for: it is marked ready in the
//! source's word, or the selector will report it when it is ready (at once, if
//! it already is), or a report is on its way. The edge-triggered selector
//! keeps this up by itself, others when told to re-arm.

#[cfg(any(filch_loom, not(target_os = "linux"), filch_portable))]
mod arming;

#[cfg(filch_loom)]
mod model;
#[cfg(filch_loom)]
use self::model as chosen;

#[cfg(all(not(filch_loom), target_os = "linux", not(filch_portable)))]
mod linux;
#[cfg(all(not(filch_loom), target_os = "linux", not(filch_portable)))]
use self::linux as chosen;

#[cfg(all(not(filch_loom), any(not(target_os = "linux"), filch_portable)))]
mod portable;
#[cfg(all(not(filch_loom), any(not(target_os = "linux"), filch_portable)))]
use self::portable as chosen;

pub(crate) use self::chosen::{Buffer, Selector};
