//! One wait on an epoll instance, to the nanosecond, on any kernel.
//!
//! - **`epoll_pwait2`** does it in one system call. Linux has it since 5.11;
//!   a container may still forbid it, as filters written before it answer `EPERM`.
//! - **Elsewhere** a wait with a timeout is two: `ppoll`, whose timeouts have
//!   nanoseconds as well, says that the instance has events, `epoll_wait` takes
//!   them without waiting. Other waits are one `epoll_wait`.
//!
//! [`Wait::available`] finds out once which it is, so that no turn has to. A thread
//! that is forbidden the one call later, by a filter of its own, is refused each
//! time and goes on the other way.
//!
//! `epoll_pwait2` is called by number: the C libraries of many systems in use
//! are older than it, and rustix calls it only if it does so for every crate of
//! the program, which then all fail on an older kernel.

#![expect(
    unsafe_code,
    reason = "two system calls, one without a function in every C library"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

use rustix::io::Errno;

/// How instances are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    EpollPwait2,
    PpollThenEpollWait,
}

/// Room for the events of one wait.
pub(super) type Events = Vec<libc::epoll_event>;

/// The kernel's `__kernel_timespec`, of the same size on every architecture.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

impl Wait {
    /// What this kernel lets this process do. Takes an event off `epoll`, if it
    /// has one.
    pub(super) fn available(epoll: BorrowedFd<'_>) -> io::Result<Wait> {
        let mut events = Events::with_capacity(1);
        match epoll_pwait2(epoll, &mut events, Some(Duration::ZERO)) {
            Ok(()) => Ok(Wait::EpollPwait2),
            Err(error) if is_refusal(error) => Ok(Wait::PpollThenEpollWait),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces `events` by what has happened, as many as there is room for. Waits
    /// until something has, for `timeout` at most and never for less if nothing
    /// does, or until a signal handler ran, `Errno::INTR`.
    ///
    /// # Panics
    /// If there is no room for a single event.
    pub(super) fn wait(
        self,
        epoll: BorrowedFd<'_>,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> Result<(), Errno> {
        events.clear();
        // Longer than the kernel can count, 292 billion years, is for ever.
        let timeout = timeout.filter(|timeout| i64::try_from(timeout.as_secs()).is_ok());
        if self == Wait::EpollPwait2 {
            match epoll_pwait2(epoll, events, timeout) {
                Err(error) if is_refusal(error) => {}
                result => return result,
            }
        }
        match timeout {
            None => epoll_wait(epoll, events, FOR_EVER),
            Some(timeout) if timeout.is_zero() => epoll_wait(epoll, events, NOT_AT_ALL),
            Some(timeout) => match has_events(epoll, timeout)? {
                true => epoll_wait(epoll, events, NOT_AT_ALL),
                false => Ok(()),
            },
        }
    }
}

/// Whether this is the answer of a kernel without the call, or that forbids it.
fn is_refusal(error: Errno) -> bool {
    matches!(error, Errno::NOSYS | Errno::PERM)
}

/// Timeouts of `epoll_wait`, in milliseconds.
const FOR_EVER: libc::c_int = -1;
const NOT_AT_ALL: libc::c_int = 0;

/// The most events that the kernel hands out at once.
const MOST: usize = libc::c_int::MAX as usize / size_of::<libc::epoll_event>();

/// Waits for `epoll` to have events to give; `false` if the time is over.
///
/// Not by rustix, which takes the C library's `timespec` for the kernel's where
/// that counts seconds in 32 bits and the library in 64, or the other way round.
fn has_events(epoll: BorrowedFd<'_>, timeout: Duration) -> Result<bool, Errno> {
    let mut epoll = libc::pollfd {
        fd: epoll.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = timespec(timeout);
    let timeout: *const libc::timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `epoll` is one descriptor; `timeout` is null or points to a live one.
    let ready = unsafe { libc::ppoll(&raw mut epoll, 1, timeout, ptr::null()) };
    match ready {
        ..0 => Err(last_error()),
        0 => Ok(false),
        1.. => Ok(true),
    }
}

/// The C library's form; `None` if it cannot say that many seconds, 68 years where
/// it has 32 bits for them.
fn timespec(duration: Duration) -> Option<libc::timespec> {
    // SAFETY: all of it is integers; some libraries have more than the two below.
    let mut timespec: libc::timespec = unsafe { mem::zeroed() };
    timespec.tv_sec = duration.as_secs().try_into().ok()?;
    timespec.tv_nsec = duration.subsec_nanos() as _;
    Some(timespec)
}

fn epoll_wait(
    epoll: BorrowedFd<'_>,
    events: &mut Events,
    milliseconds: libc::c_int,
) -> Result<(), Errno> {
    let (room, limit) = room(events);
    // SAFETY: `limit` events fit behind `room`, which is `events`' own (`room`).
    let found = unsafe { libc::epoll_wait(epoll.as_raw_fd(), room, limit, milliseconds) };
    filled(events, found.into())
}

fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut Events,
    timeout: Option<Duration>,
) -> Result<(), Errno> {
    let timeout = timeout.map(|timeout| Timespec {
        // `wait` has seen that it fits.
        seconds: timeout.as_secs().cast_signed(),
        nanoseconds: timeout.subsec_nanos().into(),
    });
    let timeout: *const Timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let no_signals: *const libc::sigset_t = ptr::null();
    let (room, limit) = room(events);
    // SAFETY: `limit` events fit behind `room`, which is `events`' own (`room`);
    // `timeout` is null or points to a live one of the kernel's layout; a null
    // set of signals is none, whatever size is given for it.
    let found = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            room,
            limit,
            timeout,
            no_signals,
            0_usize,
        )
    };
    filled(events, found)
}

/// Where the kernel may put events, and how many.
fn room(events: &mut Events) -> (*mut libc::epoll_event, libc::c_int) {
    assert!(events.capacity() > 0, "no room for events");
    let limit = events.capacity().min(MOST);
    (events.as_mut_ptr(), limit as libc::c_int)
}

/// Takes over what a system call has put into `events`' room: `found` events, or
/// an error if negative.
fn filled(events: &mut Events, found: libc::c_long) -> Result<(), Errno> {
    let Ok(found) = usize::try_from(found) else {
        return Err(last_error());
    };
    // SAFETY: the kernel has written that many events, and was given room for them.
    unsafe { events.set_len(found) };
    Ok(())
}

fn last_error() -> Errno {
    let error = io::Error::last_os_error();
    Errno::from_io_error(&error).expect("the system's own error has a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::fd::{AsFd, OwnedFd};
    use std::time::Instant;

    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
    use rustix::event::{EventfdFlags, eventfd};

    const KEY: u64 = u64::MAX - 1;
    const SOON: Duration = Duration::from_micros(1500);
    const LONG: Duration = Duration::from_secs(3600);

    /// An instance that watches an event counter, with room for one event.
    struct Instance {
        epoll: OwnedFd,
        counter: OwnedFd,
        events: Events,
    }

    impl Instance {
        fn new() -> Instance {
            let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
            let counter = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
            let flags = EventFlags::IN | EventFlags::ET;
            epoll::add(&epoll, &counter, EventData::new_u64(KEY), flags).unwrap();
            Instance {
                epoll,
                counter,
                events: Events::with_capacity(1),
            }
        }

        fn count(&self) {
            rustix::io::write(&self.counter, &1_u64.to_ne_bytes()).unwrap();
        }

        /// The flags of the event that a wait finds.
        fn wait(&mut self, wait: Wait, timeout: Option<Duration>) -> Option<EventFlags> {
            wait.wait(self.epoll.as_fd(), &mut self.events, timeout)
                .unwrap();
            let event = self.events.first()?;
            assert_eq!({ event.u64 }, KEY);
            Some(EventFlags::from_bits_retain(event.events))
        }
    }

    /// The ways of this kernel.
    fn ways() -> impl Iterator<Item = Wait> {
        let best = Wait::available(Instance::new().epoll.as_fd()).unwrap();
        [Wait::PpollThenEpollWait, Wait::EpollPwait2]
            .into_iter()
            .filter(move |&way| way == Wait::PpollThenEpollWait || way == best)
    }

    #[test]
    fn one_call_is_preferred_where_the_kernel_has_it() {
        let instance = Instance::new();
        instance.count();
        // What rustix makes of a timeout that is too long for any other call.
        let timeout = Duration::from_secs(1 << 32).try_into().ok();
        let mut events = Vec::with_capacity(1);
        let room = spare_capacity(&mut events);
        if epoll::wait(&instance.epoll, room, timeout.as_ref()) == Ok(1) {
            let way = Wait::available(instance.epoll.as_fd()).unwrap();
            assert_eq!(way, Wait::EpollPwait2);
        }
    }

    #[test]
    fn an_event_ends_every_wait_once() {
        for way in ways() {
            let mut instance = Instance::new();
            for timeout in [None, Some(LONG), Some(SOON), Some(Duration::ZERO)] {
                instance.count();
                let found = instance.wait(way, timeout);
                assert_eq!(found, Some(EventFlags::IN), "{way:?} {timeout:?}");
                let again = instance.wait(way, Some(SOON));
                assert_eq!(again, None, "{way:?} {timeout:?}: an edge twice");
            }
        }
    }

    #[test]
    fn an_event_ends_a_wait_in_progress() {
        for way in ways() {
            for timeout in [None, Some(LONG), Some(Duration::MAX)] {
                let mut instance = Instance::new();
                let counter = instance.counter.try_clone().unwrap();
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        std::thread::sleep(SOON);
                        rustix::io::write(&counter, &1_u64.to_ne_bytes()).unwrap();
                    });
                    let found = instance.wait(way, timeout);
                    assert_eq!(found, Some(EventFlags::IN), "{way:?} {timeout:?}");
                });
            }
        }
    }

    #[test]
    fn a_timeout_is_never_cut_short() {
        for way in ways() {
            let mut instance = Instance::new();
            for nanos in [1, 999, 1_000, 999_999, 1_000_001, 2_500_000] {
                let timeout = Duration::from_nanos(nanos);
                let start = Instant::now();
                assert_eq!(instance.wait(way, Some(timeout)), None, "{way:?}");
                assert!(start.elapsed() >= timeout, "{way:?} {timeout:?}");
            }
        }
    }

    #[test]
    fn a_wait_forgets_the_events_of_the_one_before() {
        for way in ways() {
            let mut instance = Instance::new();
            instance.count();
            assert!(instance.wait(way, None).is_some());
            assert!(instance.wait(way, Some(SOON)).is_none());
            assert!(instance.events.is_empty());
        }
    }

    #[test]
    fn what_is_no_instance_is_an_error() {
        let counter = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let mut events = Events::with_capacity(1);
        for way in ways() {
            let result = way.wait(counter.as_fd(), &mut events, Some(Duration::ZERO));
            assert_eq!(result, Err(Errno::INVAL), "{way:?}");
        }
    }

    #[test]
    #[should_panic(expected = "no room for events")]
    fn no_room_panics() {
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        let _ = Wait::PpollThenEpollWait.wait(epoll.as_fd(), &mut Events::new(), None);
    }
}
