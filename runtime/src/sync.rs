//! Channels, locks and other synchronisation between tasks.
//!
//! These are tokio's own types. They know of no runtime: all they need is a
//! [`Waker`](std::task::Waker), so they work on filch as they are, and a value
//! of one of these types may cross between code written for tokio and code
//! written for filch.
//!
//! # Which one?
//!
//! | to pass | from | to | use |
//! |---|---|---|---|
//! | one value | one task | one task | [`oneshot`] |
//! | a stream of values | many tasks | one task | [`mpsc`] |
//! | a stream of values | many tasks | every receiver each | [`broadcast`] |
//! | the latest value only | many tasks | any number of observers | [`watch`] |
//!
//! State that several tasks change belongs under a `std::sync::Mutex` as long
//! as the guard is not held across an `.await`; [`Mutex`] and [`RwLock`] are
//! for the case where it is. [`Semaphore`] bounds how many tasks do something
//! at a time, [`Notify`] wakes a task without passing a value, [`Barrier`]
//! lets a number of tasks start together, [`OnceCell`] and [`SetOnce`] hold
//! a value that is set a single time.
//!
//! # Limits
//!
//! The cooperative budget of these types is tokio's and is inert outside
//! tokio's own runtime: a task that receives from a channel which never runs
//! empty does not yield by itself. Put
//! [`consume_budget`](crate::task::coop::consume_budget) into such a loop. Without it a
//! [`timeout`](crate::time::timeout()) around the loop cannot end it either, for it is never polled
//! meanwhile.
//!
//! The blocking methods (`blocking_recv`, `blocking_send`, `blocking_lock`)
//! block the thread they are called on, and cannot tell that it is a worker:
//! call them from [`spawn_blocking`](crate::task::spawn_blocking) or from
//! threads of your own.
//!
//! # Examples
//!
//! ```
//! use filch::sync::mpsc;
//!
//! #[filch::main]
//! async fn main() {
//!     let (sender, mut receiver) = mpsc::channel(16);
//!     for worker in 0..4 {
//!         let sender = sender.clone();
//!         filch::spawn(async move { sender.send(worker * 10).await });
//!     }
//!     drop(sender);
//!
//!     let mut sum = 0;
//!     while let Some(value) = receiver.recv().await {
//!         sum += value;
//!     }
//!     assert_eq!(sum, 60);
//! }
//! ```

#[doc(inline)]
pub use tokio::sync::{broadcast, futures, mpsc, oneshot, watch};

#[doc(inline)]
pub use tokio::sync::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};

#[doc(inline)]
pub use tokio::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

#[doc(inline)]
pub use tokio::sync::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

#[doc(inline)]
pub use tokio::sync::{Barrier, BarrierWaitResult, Notify};

#[doc(inline)]
pub use tokio::sync::{OnceCell, SetError, SetOnce, SetOnceError};
