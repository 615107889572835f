//! Polling a future on a thread that runs no tasks: `block_on` from outside.

use super::parker::Parker;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

struct ThreadWaker(Parker);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0
            .unpark(|| unreachable!("this thread parks in no driver"));
    }
}

/// Polls `future` to its end on this thread, parked between its wake-ups.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let thread = Arc::new(ThreadWaker(Parker::new()));
    let waker = Waker::from(Arc::clone(&thread));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = crate::coop::with_budget(|| future.as_mut().poll(&mut context))
        {
            return output;
        }
        thread.0.park(None);
    }
}
