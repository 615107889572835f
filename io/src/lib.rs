//! An I/O readiness driver: waits for sockets, pipes and other sources to
//! become ready, and wakes the tasks that wait for them.
//!
//! This is the lowest floor of the `filch` runtime, and usable without it: it
//! knows [`Waker`](std::task::Waker) and nothing of an executor. It reads and
//! writes nothing itself.
//!
//! # Vocabulary
//! - A **source** is what can be waited for; a [`Registered`] owns one.
//! - An **interest** ([`Interest`]) says which events of a source matter.
//! - **Readiness** ([`Ready`], [`Readiness`]) is what a source was found ready
//!   for. It is a hint: an operation may still answer `WouldBlock`.
//! - A **turn** ([`Driver::turn`]) waits for events once and delivers them.
//!
//! # Walk of an event
//! [`Driver::turn`] → selector (one wait) → registry (key → entry) → readiness
//! word (event in, tick up) → wakers, after the unlock → the task's operation →
//! `WouldBlock` → [`Registered::clear`] with the tick it observed.
//!
//! # Platforms
//! On Linux the driver waits on an epoll instance directly, with timeouts in
//! nanoseconds and one system call a turn; a turn with a timeout takes two where
//! there is no `epoll_pwait2`: before Linux 5.11, or where a container forbids
//! it. Elsewhere, and with `--cfg filch_portable`, the driver uses what the
//! `polling` crate offers.
//!
//! # Example
//!
//! A thread turns the driver, this one waits for a datagram.
//!
//! ```
//! use std::future::Future;
//! use std::net::UdpSocket;
//! use std::sync::Arc;
//! use std::task::{Context, Poll, Wake, Waker};
//! use std::thread::{self, Thread};
//!
//! use filch_io::{Driver, Interest, Ready, Registered};
//!
//! struct Unpark(Thread);
//! impl Wake for Unpark {
//!     fn wake(self: Arc<Self>) {
//!         self.0.unpark();
//!     }
//! }
//!
//! fn block_on<F: Future>(future: F) -> F::Output {
//!     let mut future = std::pin::pin!(future);
//!     let waker = Waker::from(Arc::new(Unpark(thread::current())));
//!     let mut cx = Context::from_waker(&waker);
//!     loop {
//!         match future.as_mut().poll(&mut cx) {
//!             Poll::Ready(output) => return output,
//!             Poll::Pending => thread::park(),
//!         }
//!     }
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let mut driver = Driver::new(256)?;
//! let handle = driver.handle().clone();
//! let turning = thread::spawn(move || while !driver.turn(None).unwrap().unparked {});
//!
//! let socket = UdpSocket::bind("127.0.0.1:0")?;
//! socket.set_nonblocking(true)?;
//! let socket = Registered::new(socket, Interest::READABLE, Ready::EMPTY, &handle)?;
//!
//! let peer = UdpSocket::bind("127.0.0.1:0")?;
//! peer.send_to(b"hello", socket.get_ref().local_addr()?)?;
//!
//! let mut buffer = [0; 16];
//! let received = block_on(socket.async_io(Interest::READABLE, || socket.get_ref().recv(&mut buffer)))?;
//! assert_eq!(&buffer[..received], b"hello");
//!
//! handle.unpark();
//! turning.join().unwrap();
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code)]

mod driver;
mod entry;
mod interest;
mod key;
#[cfg(all(test, filch_loom))]
mod loom_support;
#[cfg(filch_loom)]
#[doc(hidden)] // For the models of the crate above, which share its time.
pub mod model_time;
mod primitive;
mod readiness;
mod ready;
mod registered;
mod registry;
mod selector;
mod source;
mod unpark;
mod wake;

pub use crate::driver::{Driver, Handle, Turn};
pub use crate::interest::Interest;
pub use crate::readiness::{Direction, Readiness};
pub use crate::ready::Ready;
pub use crate::registered::Registered;
pub use crate::source::Source;
