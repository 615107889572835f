//! A source together with its registration.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::driver::Handle;
use crate::entry::{Entry, WaiterKey};
use crate::primitive::Arc;
use crate::source::{Source, borrow};
use crate::{Direction, Interest, Readiness, Ready};

/// A source that is registered with a [`Driver`](crate::Driver) for as long as
/// it is in here.
///
/// The pattern of every operation: wait for readiness, try, and if the attempt
/// answers `WouldBlock`, [`clear`](Self::clear) the readiness that was observed
/// and wait again. [`async_io`](Self::async_io), [`poll_io`](Self::poll_io) and
/// [`try_io`](Self::try_io) do just that.
///
/// The source must be in non-blocking mode. Reporting is edge-triggered: after
/// a read that filled its buffer, more may be there and no further event will
/// say so. Read on until `WouldBlock`, or until a read comes back short, after
/// which it is right to [`clear`](Self::clear) at once.
///
/// # Examples
///
/// See the [crate's example](crate).
pub struct Registered<S: Source> {
    /// `None` only after it was taken out, for the rest of a method that
    /// consumes `self`.
    source: Option<S>,
    handle: Handle,
    entry: Arc<Entry>,
}

impl<S: Source> Registered<S> {
    /// Registers `source` for the events of `interest`.
    ///
    /// `assumed` is taken for granted until an attempt answers `WouldBlock`. A
    /// stream that was just accepted can be assumed writable, which spares its
    /// first write the wait for a turn. [`Ready::EMPTY`] assumes nothing.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the source is
    /// registered with this driver already, kind [`Other`](io::ErrorKind::Other)
    /// if the driver was shut down, otherwise what the operating system reports:
    /// for instance that readiness of a regular file cannot be waited for. The
    /// source is dropped; see [`try_new`](Self::try_new).
    pub fn new(
        source: S,
        interest: Interest,
        assumed: Ready,
        handle: &Handle,
    ) -> io::Result<Registered<S>> {
        Registered::try_new(source, interest, assumed, handle).map_err(|(_, error)| error)
    }

    /// Like [`new`](Self::new), giving the source back on failure.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn try_new(
        source: S,
        interest: Interest,
        assumed: Ready,
        handle: &Handle,
    ) -> Result<Registered<S>, (S, io::Error)> {
        match handle.register(borrow(&source), interest, assumed) {
            Ok(entry) => Ok(Registered {
                source: Some(source),
                handle: handle.clone(),
                entry,
            }),
            Err(error) => Err((source, error)),
        }
    }

    /// The source.
    pub fn get_ref(&self) -> &S {
        self.source
            .as_ref()
            .expect("the source is only taken by consuming methods")
    }

    /// The driver it is registered with.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What it is registered for.
    pub fn interest(&self) -> Interest {
        self.entry.interest()
    }

    /// Deregisters the source and gives it back.
    ///
    /// # Errors
    ///
    /// What the operating system reports, in which case the source is dropped;
    /// see [`deregister`](Self::deregister).
    pub fn into_inner(self) -> io::Result<S> {
        let (source, result) = self.deregister();
        result.map(|()| source)
    }

    /// Deregisters the source and gives it back, with the result of
    /// deregistering it. There are no events any more, whatever the result.
    pub fn deregister(mut self) -> (S, io::Result<()>) {
        let source = self
            .source
            .take()
            .expect("the source is only taken by consuming methods");
        let result = self.handle.deregister(borrow(&source), &self.entry);
        (source, result)
    }

    /// Waits until the source is ready in `direction`.
    ///
    /// Each direction has one slot for a waker: only the task that polled last
    /// is woken. For several tasks use [`readiness`](Self::readiness).
    ///
    /// # Errors
    ///
    /// Kind [`Other`](io::ErrorKind::Other) if the driver was shut down.
    #[inline]
    pub fn poll_readiness(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Readiness>> {
        self.entry.poll_readiness(cx, direction)
    }

    /// Waits until the source is ready for any of `interest`. Any number of
    /// tasks may wait at once; an event wakes all that it concerns.
    ///
    /// # Errors
    ///
    /// Kind [`Other`](io::ErrorKind::Other) if the driver was shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: readiness stays until it is cleared.
    pub fn readiness(
        &self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<Readiness>> + Send + use<'_, S> {
        WaitReady {
            entry: &self.entry,
            interest,
            waiter: None,
        }
    }

    /// What the source is known to be ready for among `interest`, if anything.
    #[inline]
    #[must_use]
    pub fn try_readiness(&self, interest: Interest) -> Option<Readiness> {
        self.entry.state().observe(Ready::from_interest(interest))
    }

    /// Withdraws what was only [assumed](Self::new) among `interest`. Whoever waits for readiness then
    /// waits for what the selector says, which reports a source that is ready at its next look.
    #[inline]
    pub fn withdraw_assumed(&self, interest: Interest) {
        if let Some(seen) = self.try_readiness(interest)
            && seen.is_assumed()
        {
            self.clear(seen);
        }
    }

    /// Withdraws readiness, because an attempt made after it was observed
    /// answered `WouldBlock`, or used it up.
    ///
    /// If an event arrived since the observation, nothing happens. The closed
    /// states are never withdrawn.
    #[inline]
    pub fn clear(&self, seen: Readiness) {
        self.handle.clear(&self.entry, seen);
    }

    /// Withdraws readiness, the closed states as well, because the system itself
    /// answered an operation made after the observation with `WouldBlock`: at a
    /// closed end it never does.
    ///
    /// If an event arrived since the observation, nothing happens. An operation
    /// that takes part of what `WouldBlock` means into its own hands, as one that
    /// stops at a short read, must use [`clear`](Self::clear): the end that follows
    /// would be lost.
    #[inline]
    pub fn refute(&self, seen: Readiness) {
        self.handle.refute(&self.entry, seen);
    }

    /// Withdraws the readiness that is in `which`, whether it was waited for or not, and takes it out
    /// of `seen`. For observations of several interests, one of which turned out to be used up, and for
    /// an operation of another interest that was tried meanwhile.
    ///
    /// As with [`clear`](Self::clear), an event that arrived since the observation
    /// stands, and so do the closed states.
    pub fn clear_part(&self, seen: &mut Readiness, which: Ready) {
        self.clear(seen.with_ready(which));
        seen.ready = seen.ready - which;
    }

    /// Tries an operation if the source is known to be ready for any of
    /// `interest`.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the source is not ready;
    /// otherwise what `attempt` returns.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let seen = self
            .try_readiness(interest)
            .ok_or(io::ErrorKind::WouldBlock)?;
        let result = attempt();
        if would_block(&result) {
            self.clear(seen);
        }
        result
    }

    /// Tries an operation whenever the source is ready in `direction`, until
    /// it answers something else than `WouldBlock`.
    ///
    /// As with [`poll_readiness`](Self::poll_readiness), only the task that
    /// polled last is woken.
    ///
    /// # Errors
    ///
    /// Kind [`Other`](io::ErrorKind::Other) if the driver was shut down;
    /// otherwise what `attempt` returns.
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut attempt: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let seen = ready!(self.poll_readiness(cx, direction))?;
            let result = attempt();
            if !would_block(&result) {
                return Poll::Ready(result);
            }
            self.clear(seen);
            if self.is_unchanged(seen, direction.mask()) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Tries an operation whenever the source is ready for any of `interest`,
    /// until it answers something else than `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Kind [`Other`](io::ErrorKind::Other) if the driver was shut down;
    /// otherwise what `attempt` returns.
    ///
    /// # Cancel safety
    ///
    /// The future completes in the poll in which an attempt succeeds. Dropped
    /// before, it leaves nothing done but what failed attempts did.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut attempt: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let seen = self.readiness(interest).await?;
            let result = attempt();
            if !would_block(&result) {
                return result;
            }
            self.clear(seen);
            if self.is_unchanged(seen, Ready::from_interest(interest)) {
                yield_once().await;
            }
        }
    }

    #[cfg(all(test, filch_loom))]
    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Whether a clear left readiness as it was seen, for it is a close. An
    /// attempt that would block contradicts it, and a loop would spin on that.
    fn is_unchanged(&self, seen: Readiness, mask: Ready) -> bool {
        self.entry
            .state()
            .observe(mask)
            .is_some_and(|now| now.tick == seen.tick)
    }
}

impl<S: Source> Drop for Registered<S> {
    fn drop(&mut self) {
        if let Some(source) = &self.source {
            // A failure means that the source is not registered any more.
            let _ = self.handle.deregister(borrow(source), &self.entry);
        }
    }
}

// A panic while a source is borrowed leaves nothing here half-done: the locks
// guard no user code, and readiness is a hint in any state.
impl<S: Source> UnwindSafe for Registered<S> {}
impl<S: Source> RefUnwindSafe for Registered<S> {}

impl<S: Source + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("source", self.get_ref())
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

/// The future of [`Registered::readiness`].
struct WaitReady<'a> {
    entry: &'a Entry,
    interest: Interest,
    /// The extra waiter, from the first wait to the end.
    waiter: Option<WaiterKey>,
}

impl Future for WaitReady<'_> {
    type Output = io::Result<Readiness>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let WaitReady {
            entry,
            interest,
            waiter,
        } = &mut *self;
        entry.poll_waiter(cx, *interest, waiter)
    }
}

impl Drop for WaitReady<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.entry.remove_waiter(waiter);
        }
    }
}

fn would_block<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Lets other tasks run.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(all(test, filch_loom))]
mod loom_operations;
