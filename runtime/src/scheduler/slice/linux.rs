#![expect(unsafe_code, reason = "system calls that no library wraps")]
//! How long the system lets a thread run while others wait for its processor: its
//! *time slice*.
//!
//! The watcher looks after workers in long polls, and may have to do so on the very
//! processor that one of them keeps busy. There it would wait for the end of that
//! one's slice, some milliseconds. But a thread that wakes with a shorter slice than
//! the running one has is let in at once, and a thread may choose its slice freely:
//! that changes nothing about its share of the processor (EEVDF with `sched_runtime`
//! of `sched_setattr`, Linux 6.12; older systems have no such choice, and nothing is
//! asked of them). For the same reason a worker that runs tasks has the slice it was
//! started with.

use std::cell::Cell;
use std::mem;

/// The shortest that the system grants.
const SHORT_NANOS: u64 = 100_000;

/// The calling thread's time slice, given back when dropped.
#[derive(Debug)]
pub(in crate::scheduler) struct TimeSlice(Cell<Slice>);

#[derive(Clone, Copy, Debug)]
enum Slice {
    AsFound,
    Shortened {
        previous_nanos: u64,
    },
    /// The system has refused, or knows no slices.
    Fixed,
}

impl TimeSlice {
    /// The slice that the calling thread has.
    pub(in crate::scheduler) fn of_this_thread() -> Self {
        Self(Cell::new(Slice::AsFound))
    }

    /// From here on the thread is let in soon when it wakes.
    pub(in crate::scheduler) fn shorten(&self) {
        if let Slice::AsFound = self.0.get() {
            let previous = replace(SHORT_NANOS);
            self.0.set(match previous {
                Some(previous_nanos) => Slice::Shortened { previous_nanos },
                None => Slice::Fixed,
            });
        }
    }

    /// Takes [`shorten`](Self::shorten) back.
    pub(in crate::scheduler) fn restore(&self) {
        if let Slice::Shortened { previous_nanos } = self.0.get() {
            replace(previous_nanos);
            self.0.set(Slice::AsFound);
        }
    }
}

impl Drop for TimeSlice {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Gives the calling thread a slice of `nanos` and returns the one it had; `None` if
/// that cannot be changed. What else the program has set about the thread stays.
fn replace(nanos: u64) -> Option<u64> {
    let mut attributes = attributes().filter(|found| {
        found.sched_policy == libc::SCHED_OTHER as u32 && found.sched_runtime != 0
    })?;
    attributes.sched_flags &= libc::SCHED_FLAG_RESET_ON_FORK as u64;
    let previous = mem::replace(&mut attributes.sched_runtime, nanos);
    // SAFETY: the system call reads `attributes`, whose size is in it.
    let status =
        unsafe { libc::syscall(libc::SYS_sched_setattr, THIS_THREAD, &attributes, NO_FLAGS) };
    (status == 0).then_some(previous)
}

/// How the calling thread is scheduled.
fn attributes() -> Option<libc::sched_attr> {
    let mut attributes = libc::sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the system call writes at most `SIZE` bytes to `attributes`.
    let status = unsafe {
        libc::syscall(
            libc::SYS_sched_getattr,
            THIS_THREAD,
            &mut attributes,
            SIZE,
            NO_FLAGS,
        )
    };
    (status == 0).then_some(attributes)
}

const THIS_THREAD: libc::pid_t = 0;
const NO_FLAGS: libc::c_uint = 0;
const SIZE: u32 = size_of::<libc::sched_attr>() as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_shortened_and_given_back() {
        let nanos = || attributes().map(|attributes| attributes.sched_runtime);
        let before = nanos();
        let slice = TimeSlice::of_this_thread();
        slice.shorten();
        slice.shorten();
        match slice.0.get() {
            Slice::Shortened { previous_nanos } => {
                assert_eq!(Some(previous_nanos), before);
                assert_eq!(nanos(), Some(SHORT_NANOS));
            }
            Slice::Fixed => assert_eq!(nanos(), before),
            Slice::AsFound => panic!("nothing was asked for"),
        }
        slice.restore();
        assert_eq!(nanos(), before);
        slice.shorten();
        drop(slice);
        assert_eq!(nanos(), before);
    }

    #[test]
    fn nothing_else_about_the_thread_is_touched() {
        std::thread::spawn(|| {
            // SAFETY: changes the calling thread alone, which ends with this test.
            let status = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 7) };
            assert_eq!(status, 0, "anybody may be nicer");
            let nice = || attributes().map(|attributes| attributes.sched_nice);
            // `None` where the system does not say, as under valgrind.
            let before = nice();
            assert!(before.is_none_or(|nice| nice == 7), "{before:?}");
            let slice = TimeSlice::of_this_thread();
            slice.shorten();
            assert_eq!(nice(), before);
            slice.restore();
            assert_eq!(nice(), before);
        })
        .join()
        .unwrap();
    }
}
