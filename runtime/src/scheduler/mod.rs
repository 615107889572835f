//! The schedulers: which ready task runs where and when.
//!
//! `README.md` in this folder states the vocabulary, the protocols and why no
//! wake-up is lost. Multi-threaded: [`worker`] runs tasks, [`search`] steals
//! them, [`spin`] and [`sleep`] wait for them, [`slice`](mod@slice) has the watcher let in,
//! [`backlog`] says for which of them another worker is woken, [`idle`] keeps the count, [`shared`] routes them, [`reference`](mod@reference) keeps it for them. [`current_thread`] is the same for one thread.

pub(crate) mod idle;
pub(crate) mod parker;
pub(crate) mod queues;

mod backlog;
pub(crate) mod block_in_place;
mod context;
pub(crate) mod current_thread;
pub(crate) mod metrics;
pub(crate) mod multi_thread;
mod reference;
mod relief;
pub(crate) mod root;
mod search;
pub(crate) mod services;
pub(crate) mod shared;
mod sleep;
#[cfg(all(target_os = "linux", not(filch_loom)))]
#[path = "slice/linux.rs"]
mod slice;
#[cfg(any(not(target_os = "linux"), filch_loom))]
#[path = "slice/other.rs"]
mod slice;
pub(crate) mod spin;
pub(crate) mod worker;

#[cfg(all(test, filch_loom))]
mod loom_tests;
