//! Spawning: from a task, from outside, in a chain, and as a tree.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};

use tokio::sync::oneshot;

use super::Setting;
use crate::measure::{Pass, Stopwatch};
use crate::runtimes::{Runtime, Tasks};

/// One task spawns trivial tasks, then joins them in order.
pub fn join<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let mut joins = Vec::with_capacity(count);
            let watch = Stopwatch::start();
            for number in 0..count {
                joins.push(tasks.spawn(async move { black_box(number) }));
            }
            for join in joins {
                black_box(join.await);
            }
            watch.stop(count)
        })
    })
}

/// A plain thread spawns trivial tasks and waits until the last of them has run.
pub fn from_outside<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    setting.repeat(|| {
        let done = Arc::new(Countdown::new(count));
        let watch = Stopwatch::start();
        for _ in 0..count {
            let done = done.clone();
            R::Tasks::detach(runtime.spawn_from_outside(async move { done.count_one() }));
        }
        done.wait();
        watch.stop(count)
    })
}

/// Lets the thread that made it wait for a number of events.
#[derive(Debug)]
struct Countdown {
    missing: AtomicUsize,
    waiter: Thread,
}

impl Countdown {
    fn new(count: usize) -> Self {
        Self {
            missing: AtomicUsize::new(count),
            waiter: thread::current(),
        }
    }

    fn count_one(&self) {
        // ORDERING: AcqRel and the Acquire in `wait` order every counted task before the
        // return of `wait`.
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waiter.unpark();
        }
    }

    fn wait(&self) {
        while self.missing.load(Ordering::Acquire) > 0 {
            thread::park();
        }
    }
}

/// Every task spawns the next one and ends; the last reports to the first.
pub fn chained<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let depth = setting.size(1_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let (done, last) = oneshot::channel();
            let watch = Stopwatch::start();
            spawn_next(tasks, depth, done);
            last.await.expect("the last task reports");
            watch.stop(depth)
        })
    })
}

fn spawn_next<T: Tasks>(tasks: T, depth: usize, done: oneshot::Sender<()>) {
    T::detach(tasks.spawn(async move {
        if depth > 1 {
            spawn_next(tasks, depth - 1, done);
        } else {
            done.send(()).expect("the first task waits");
        }
    }));
}

/// Computes a Fibonacci number by a task for every node of the call tree.
pub fn fork_join<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let index = if setting.smoke { 8 } else { 18 };
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            let number = tasks.spawn(fibonacci(tasks, index)).await;
            let pass = watch.stop(nodes(index));
            assert_eq!(number, fibonacci_number(index));
            pass
        })
    })
}

#[expect(
    clippy::manual_async_fn,
    reason = "the recursion needs the `Send` of the signature"
)]
fn fibonacci<T: Tasks>(tasks: T, index: u32) -> impl Future<Output = u64> + Send {
    async move {
        if index < 2 {
            return u64::from(index);
        }
        let left = tasks.spawn(fibonacci(tasks, index - 1));
        let right = tasks.spawn(fibonacci(tasks, index - 2));
        left.await + right.await
    }
}

/// The same tree with rayon's `join`, which runs one branch on the caller's stack.
pub fn fork_join_rayon(setting: &Setting) -> Vec<Pass> {
    let index = if setting.smoke { 8 } else { 18 };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(setting.workers)
        .build();
    let pool = pool.expect("a thread pool can be built");
    setting.repeat(|| {
        pool.install(|| {
            let watch = Stopwatch::start();
            let number = fibonacci_rayon(index);
            let pass = watch.stop(nodes(index));
            assert_eq!(number, fibonacci_number(index));
            pass
        })
    })
}

fn fibonacci_rayon(index: u32) -> u64 {
    if index < 2 {
        return black_box(u64::from(index));
    }
    let (left, right) = rayon::join(|| fibonacci_rayon(index - 1), || fibonacci_rayon(index - 2));
    left + right
}

fn fibonacci_number(index: u32) -> u64 {
    (0..index)
        .fold((0, 1), |(low, high), _| (high, low + high))
        .0
}

/// The calls that a naive Fibonacci makes for `index`.
fn nodes(index: u32) -> usize {
    2 * fibonacci_number(index + 1) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_counted_right() {
        fn count(index: u32) -> usize {
            if index < 2 {
                1
            } else {
                1 + count(index - 1) + count(index - 2)
            }
        }
        for index in 0..15 {
            assert_eq!(nodes(index), count(index));
        }
        assert_eq!(fibonacci_number(10), 55);
    }
}
