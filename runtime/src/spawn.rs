//! Starting tasks, as a program does it: `filch::spawn`, the functions of
//! `filch::task`, sets of tasks, task-local values.
//!
//! Everything here is a thin layer over a runtime's handle and the task core.
//! Nothing in it is `unsafe`, knows a scheduler, or holds a lock while foreign
//! code runs.

pub(crate) mod join_set;

#[cfg(not(filch_loom))]
pub(crate) mod blocking;
#[cfg(not(filch_loom))]
pub mod coop;
#[cfg(not(filch_loom))]
pub(crate) mod local;
#[cfg(not(filch_loom))]
mod start;
#[cfg(not(filch_loom))]
pub(crate) mod yield_now;

#[cfg(not(filch_loom))]
pub use self::start::spawn;
