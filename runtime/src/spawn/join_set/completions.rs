//! The keys of tasks that have completed, in that order.

use crate::primitive::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// A queue of keys, filled by wakers and emptied by one joining task.
#[derive(Debug, Default)]
pub(super) struct Completions {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    keys: VecDeque<usize>,
    /// Who waits for a key; `None` unless the queue was empty when last polled.
    joiner: Option<Waker>,
}

impl Completions {
    /// Returns a waker that pushes `key` whenever it is woken.
    pub(super) fn waker(this: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Completion {
            list: this.clone(),
            key,
        }))
    }

    pub(super) fn push(&self, key: usize) {
        let joiner = {
            let mut queue = self.queue.lock();
            queue.keys.push_back(key);
            queue.joiner.take()
        };
        // Outside the lock: waking may run any code.
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }

    pub(super) fn pop(&self) -> Option<usize> {
        self.queue.lock().keys.pop_front()
    }

    /// Takes the first key, or has `cx` woken by the next one.
    pub(super) fn poll_pop(&self, cx: &Context<'_>) -> Poll<usize> {
        if let Some(key) = self.pop() {
            return Poll::Ready(key);
        }
        // Cloning and dropping wakers may run any code as well; a key pushed
        // meanwhile is found by the second look.
        let joiner = cx.waker().clone();
        let (polled, unused) = {
            let mut queue = self.queue.lock();
            match queue.keys.pop_front() {
                Some(key) => (Poll::Ready(key), Some(joiner)),
                None => (Poll::Pending, queue.joiner.replace(joiner)),
            }
        };
        drop(unused);
        polled
    }

    /// Forgets all keys.
    pub(super) fn clear(&self) {
        self.queue.lock().keys.clear();
    }
}

/// What stands behind a task's join waker.
struct Completion {
    list: Arc<Completions>,
    key: usize,
}

impl Wake for Completion {
    fn wake(self: Arc<Self>) {
        self.list.push(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.push(self.key);
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn keys_come_out_in_the_order_of_the_wakes() {
        let list = Arc::default();
        for key in [2, 0, 1] {
            Completions::waker(&list, key).wake();
        }
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(list.poll_pop(&cx), Poll::Ready(2));
        assert_eq!(list.pop(), Some(0));
        assert_eq!(list.pop(), Some(1));
        assert_eq!(list.pop(), None);
    }

    #[test]
    fn the_last_waiting_joiner_is_woken_once() {
        let (first, last) = (Arc::<Count>::default(), Arc::<Count>::default());
        let list = Arc::default();
        for joiner in [&first, &last] {
            let waker = Waker::from(joiner.clone());
            assert!(Completions::poll_pop(&list, &Context::from_waker(&waker)).is_pending());
        }
        let waker = Completions::waker(&list, 0);
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
        assert_eq!(last.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nothing_is_registered_when_there_is_a_key() {
        let joiner = Arc::<Count>::default();
        let list = Completions::default();
        list.push(7);
        let waker = Waker::from(joiner.clone());
        assert_eq!(list.poll_pop(&Context::from_waker(&waker)), Poll::Ready(7));
        list.push(8);
        assert_eq!(joiner.0.load(Ordering::Relaxed), 0);
        list.clear();
        assert_eq!(list.pop(), None);
    }
}
