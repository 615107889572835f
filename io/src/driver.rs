//! The driver: one turn waits for events and delivers them.
//!
//! A [`Driver`] has one owner, who turns it. Everyone else has a [`Handle`], to
//! register sources and to interrupt a turn. What both share lives as long as
//! the last of them and of the sources registered; sources that outlive the
//! driver are told that it was shut down.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::Duration;

use crate::entry::Entry;
use crate::primitive::Arc;
use crate::readiness::{Cleared, shut_down_error};
use crate::registry::Registry;
use crate::selector::{Buffer, Selector};
use crate::source::BorrowedSource;
use crate::unpark::{Requested, UnparkFlag};
use crate::{Interest, Readiness, Ready, wake};

/// Waits for events and wakes the tasks they concern.
///
/// # Examples
///
/// ```
/// use filch_io::Driver;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let mut driver = Driver::new(64)?;
/// driver.handle().unpark();
/// let turn = driver.turn(Some(Duration::from_secs(5)))?;
/// assert!(turn.unparked);
/// assert_eq!(turn.events, 0);
/// # Ok(())
/// # }
/// ```
pub struct Driver {
    handle: Handle,
    buffer: Buffer,
    is_shut_down: bool,
}

/// What a turn brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Turn {
    /// How many events were delivered to sources.
    pub events: usize,
    /// Whether [`Handle::unpark`] was called since the previous turn.
    pub unparked: bool,
    /// Whether as many events were fetched as a turn fetches at most: the operating
    /// system may have more.
    pub is_full: bool,
}

impl Driver {
    /// Makes a driver that fetches at most `events_per_turn` events in one
    /// turn. What does not fit stays with the operating system until the next.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `events_per_turn` is
    /// zero or does not fit 31 bits; [`Unsupported`](io::ErrorKind::Unsupported)
    /// if the kernel lacks what the driver is built on; otherwise what the
    /// operating system reports, for instance a full table of file descriptors.
    pub fn new(events_per_turn: usize) -> io::Result<Driver> {
        let capacity = NonZeroUsize::new(events_per_turn)
            .filter(|capacity| i32::try_from(capacity.get()).is_ok())
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!(
                        "a turn must fetch 1 to {} events, not {events_per_turn}",
                        i32::MAX
                    ),
                )
            })?;
        Ok(Driver::with_selector(Selector::new()?, capacity))
    }

    pub(crate) fn with_selector(selector: Selector, events_per_turn: NonZeroUsize) -> Driver {
        let shared = Shared {
            selector,
            registry: Registry::new(),
            unpark: UnparkFlag::new(),
        };
        Driver {
            handle: Handle {
                shared: Arc::new(shared),
            },
            buffer: Buffer::new(events_per_turn),
            is_shut_down: false,
        }
    }

    /// What sources are registered with.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until there are events, until `timeout` has passed, or until
    /// [unparked](Handle::unpark); then wakes the tasks that the events concern.
    ///
    /// A timeout of zero does not block, `None` waits for as long as it takes.
    /// Timeouts count in nanoseconds, are never cut short, and are exceeded by
    /// what the operating system adds. A turn that a signal interrupts, and now
    /// and then another one, returns early with nothing to show.
    ///
    /// # Errors
    ///
    /// What the operating system reports about the wait. After
    /// [`shutdown`](Self::shutdown) an error of kind
    /// [`Other`](io::ErrorKind::Other).
    ///
    /// # Panics
    ///
    /// If waking a task panics. By then all events have been delivered and
    /// everyone else has been woken. Whether the turn was
    /// [unparked](Turn::unparked) is lost: take it that it was.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        if self.is_shut_down {
            return Err(shut_down_error());
        }
        let Shared {
            selector,
            registry,
            unpark,
        } = &*self.handle.shared;
        selector.wait(&mut self.buffer, timeout)?;
        let unparked = unpark.take();
        let (events, is_full) = match self.buffer.is_empty() {
            true => (0, false),
            false => (
                registry.deliver(selector, self.buffer.events()),
                self.buffer.is_full(),
            ),
        };
        Ok(Turn {
            events,
            unparked,
            is_full,
        })
    }

    /// Wakes every task that waits for a source and lets it, and every later
    /// wait or registration, fail with an error of kind
    /// [`Other`](io::ErrorKind::Other). Dropping the driver does the same.
    ///
    /// # Panics
    ///
    /// If waking a task panics. By then everyone else has been woken.
    pub fn shutdown(&mut self) {
        if !std::mem::replace(&mut self.is_shut_down, true) {
            self.handle.shared.registry.shut_down();
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if thread::panicking() {
            // A waker that panics as well would end the process. The panic hook
            // has reported it.
            wake::swallow(|| self.shutdown());
        } else {
            self.shutdown();
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("handle", &self.handle)
            .field("is_shut_down", &self.is_shut_down)
            .finish_non_exhaustive()
    }
}

/// A reference to a driver, for any number of threads.
///
/// [`Registered::new`](crate::Registered::new) registers a source with it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    selector: Selector,
    registry: Registry,
    unpark: UnparkFlag,
}

impl Handle {
    /// Makes the turn in progress, or else the next one, return.
    ///
    /// What the caller wrote before is visible to the owner of the driver when
    /// that turn returns with [`unparked`](Turn::unparked) set. Calls that
    /// precede the return of one turn share one system call.
    ///
    /// # Panics
    ///
    /// If the operating system refuses the notification, which would otherwise
    /// be a lost wake-up.
    pub fn unpark(&self) {
        match self.shared.unpark.request() {
            Requested::Coalesced => {}
            Requested::Notify => {
                self.shared
                    .selector
                    .notify()
                    .expect("the selector's notifier must stay writable");
            }
        }
    }

    /// How many sources were registered since the driver was created.
    #[must_use]
    pub fn registered_count(&self) -> u64 {
        self.shared.registry.counters().registered
    }

    /// How many sources were deregistered since the driver was created.
    #[must_use]
    pub fn deregistered_count(&self) -> u64 {
        self.shared.registry.counters().deregistered
    }

    /// How many events were delivered to sources since the driver was created.
    #[must_use]
    pub fn ready_count(&self) -> u64 {
        self.shared.registry.counters().ready
    }

    pub(crate) fn register(
        &self,
        source: BorrowedSource<'_>,
        interest: Interest,
        assumed: Ready,
    ) -> io::Result<Arc<Entry>> {
        let Shared {
            selector, registry, ..
        } = &*self.shared;
        let entry = registry.insert(interest, assumed)?;
        match selector.add(source, entry.key(), interest, assumed) {
            Ok(()) => Ok(entry),
            Err(error) => {
                registry.remove(entry.key());
                Err(error)
            }
        }
    }

    pub(crate) fn deregister(&self, source: BorrowedSource<'_>, entry: &Entry) -> io::Result<()> {
        let Shared {
            selector, registry, ..
        } = &*self.shared;
        let deleted = selector.delete(source, entry.key());
        registry.remove(entry.key());
        deleted
    }

    /// Withdraws readiness and has it reported again.
    pub(crate) fn clear(&self, entry: &Entry, seen: Readiness) {
        self.report_again(entry, entry.clear(seen));
    }

    /// Withdraws readiness, a close included, and has it reported again.
    pub(crate) fn refute(&self, entry: &Entry, seen: Readiness) {
        self.report_again(entry, entry.refute(seen));
    }

    fn report_again(&self, entry: &Entry, cleared: Cleared) {
        match cleared {
            Cleared::Withdrawn => {
                self.shared
                    .selector
                    .rearm(entry.key(), || entry.state().ready());
            }
            Cleared::Outdated | Cleared::Nothing => {}
        }
    }

    #[cfg(all(test, filch_loom))]
    pub(crate) fn selector(&self) -> &Selector {
        &self.shared.selector
    }
}

// The locks guard no user code, so that a panic leaves nothing half-done.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("registry", &self.shared.registry)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, filch_loom))]
mod loom_turn;
