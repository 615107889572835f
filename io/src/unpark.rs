//! Requests to interrupt a turn, many of which cost one system call.
//!
//! # Why no request is lost
//! A requester swaps the flag in and, only if it was not set, notifies the
//! selector, which ends the wait in progress or the next one. A turn swaps the
//! flag out *after* its wait. All swaps of one flag are ordered, so a request
//! that finds the flag
//! - clear, notifies, and the wait it ends is followed by a swap that takes the
//!   request along;
//! - set, stands between an earlier request and the swap that takes both along.
//!   That swap comes: the earlier request has notified, or is about to.
//!
//! A turn may take the flag between the swap and the notification of a
//! requester. Then the next wait ends at once for nothing, which is harmless.
//! Clearing *before* the wait would report a request only one turn after the one it
//! ended, and nothing ends that one.

use crate::primitive::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(crate) struct UnparkFlag(AtomicBool);

/// What the requester has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "`Notify` obliges the caller to notify the selector"]
pub(crate) enum Requested {
    /// End the wait in progress, or the next one.
    Notify,
    /// Nothing: an earlier request does.
    Coalesced,
}

impl UnparkFlag {
    pub(crate) fn new() -> UnparkFlag {
        UnparkFlag(AtomicBool::new(false))
    }

    pub(crate) fn request(&self) -> Requested {
        // ORDERING: Release pairs with the Acquire of `take`: what precedes the
        // request is visible when the turn returns. A coalesced request
        // continues the release sequence of the first. The Acquire half orders
        // the notification behind the `take` of the previous turn.
        match self.0.swap(true, Ordering::AcqRel) {
            false => Requested::Notify,
            true => Requested::Coalesced,
        }
    }

    /// Whether there was a request since the last call. Called once a turn,
    /// after the wait.
    pub(crate) fn take(&self) -> bool {
        // ORDERING: see `request`. A swap and not a load first: it is the total
        // order of swaps which rules out that a flag stays set unnoticed.
        self.0.swap(false, Ordering::AcqRel)
    }
}
