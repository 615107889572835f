//! The clients that load the servers: plain epoll loops, the same for every contender.

pub mod echo;
pub mod http;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// The buffer that servers and clients read into, in bytes.
pub const MESSAGE_BUFFER: usize = 1024;

/// How long a client waits for a server that has stopped answering; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// An epoll instance whose keys are indices of a client's connections.
struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("epoll", &self.epoll)
            .finish_non_exhaustive()
    }
}

impl Poller {
    fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll,
            events: Vec::with_capacity(256),
        })
    }

    fn add(&self, key: usize, source: impl AsFd) -> io::Result<()> {
        let data = epoll::EventData::new_u64(key as u64);
        Ok(epoll::add(
            &self.epoll,
            source,
            data,
            epoll::EventFlags::IN,
        )?)
    }

    /// Waits until something is readable and returns the keys of what is.
    fn wait(&mut self) -> io::Result<impl Iterator<Item = usize> + use<'_>> {
        let patience = Timespec {
            tv_sec: PATIENCE.as_secs() as i64,
            tv_nsec: 0,
        };
        self.events.clear();
        epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&patience),
        )?;
        if self.events.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server has stopped answering",
            ));
        }
        Ok(self.events.iter().map(|event| event.data.u64() as usize))
    }
}
