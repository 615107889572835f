//! Waiting until something happens: sockets, deadlines and unparks, joined.
//!
//! - [`clock`] is the one seam for time;
//! - [`timers`] holds the deadlines, a wheel for each worker;
//! - [`park`] joins them with the I/O driver into one wait;
//! - [`lead`] has it end as early as the system is late.

pub(crate) mod clock;
pub(crate) mod timers;

mod lead;
mod park;
#[cfg(all(target_os = "linux", not(filch_loom)))]
#[path = "precision/linux.rs"]
mod precision;
#[cfg(any(not(target_os = "linux"), filch_loom))]
#[path = "precision/other.rs"]
mod precision;
pub(crate) use self::park::{Driver, DriverHandle, Limit, new};
pub(crate) use self::precision::PreciseSleeps;
