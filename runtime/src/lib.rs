//! A work-stealing async runtime with tokio's names.
//!
//! filch runs async code on one thread or on many: a work-stealing scheduler, an
//! edge-triggered I/O driver and hierarchical timing wheels, with the names and
//! semantics of tokio 1.x, so that one line of `Cargo.toml` ports a program:
//!
//! ```toml
//! [dependencies]
//! tokio = { package = "filch", version = "0.1", features = ["full"] }
//! ```
//!
//! # A first program
//!
//! With `filch = "0.1"` among its dependencies, a program of its own uses filch under that name:
//!
//! ```
//! use filch::time::{Duration, sleep};
//!
//! #[filch::main]
//! async fn main() {
//!     let task = filch::spawn(async {
//!         sleep(Duration::from_millis(1)).await;
//!         "done"
//!     });
//!     assert_eq!(task.await.unwrap(), "done");
//! }
//! ```
//!
//! # Where things are
//!
//! | for | see |
//! |---|---|
//! | starting tasks, waiting for them, aborting them | [`spawn()`], [`task`] |
//! | sleeping, timeouts, intervals | [`time`] |
//! | TCP, and whatever else can be polled | [`net`], `io::unix::AsyncFd` |
//! | reading and writing | [`io`] |
//! | channels, locks, notifications | [`sync`] |
//! | building a runtime by hand, metrics | [`runtime`] |
//! | `#[main]`, `#[test]`, `select!`, `join!`, `task_local!` | the macros of the crate root, below |
//!
//! # Features
//!
//! All of tokio's features that filch has are on by default. `futures-io` and
//! `hyper` make sockets implement the I/O traits of those crates as well.
#![deny(unsafe_code)]

mod blocking;
mod coop;
mod driver;
mod prefetch;
mod primitive;
mod quartile;
mod rng;
mod scheduler;
pub mod task;
mod unwind;

#[cfg(not(filch_loom))]
pub mod io;
#[cfg(all(feature = "net", unix, not(filch_loom)))]
pub mod net;
#[cfg(not(filch_loom))]
pub mod runtime;
mod spawn;
#[cfg(all(feature = "sync", not(filch_loom)))]
pub mod sync;
#[cfg(all(feature = "time", not(filch_loom)))]
pub mod time;

#[cfg(not(filch_loom))]
pub use self::spawn::spawn;
#[cfg(all(feature = "macros", not(filch_loom)))]
pub use filch_macros::{main, test};
#[cfg(all(feature = "macros", not(filch_loom)))]
pub use tokio::{join, pin, select, try_join};
