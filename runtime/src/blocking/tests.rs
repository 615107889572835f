//! The pool with real threads.
//!
//! Nothing here sleeps to let things settle: jobs tell what they do over
//! channels, and [`eventually`] is left by a hang alone.

mod accounts;
mod failure;
mod shutdown;
mod threads;
mod transitions;

use super::{Job, Pool, PoolConfig};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Reached only by a hang.
const HANG: Duration = Duration::from_secs(60);

/// A closure that is told whether it is run or discarded.
struct Work(Box<dyn FnOnce(Fate) + Send>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Run,
    Discarded,
}

impl Job for Work {
    fn run(self) {
        (self.0)(Fate::Run);
    }

    fn discard(self) {
        (self.0)(Fate::Discarded);
    }
}

fn job(f: impl FnOnce(Fate) + Send + 'static) -> Work {
    Work(Box::new(f))
}

/// A job that sends its fate.
fn report(to: &Sender<Fate>) -> Work {
    let to = to.clone();
    job(move |fate| to.send(fate).expect("the test waits for its jobs"))
}

/// A job that says it has started and then waits to be released.
fn held() -> (Work, Receiver<Fate>, Sender<()>) {
    let (started, has_started) = channel();
    let (release, released) = channel::<()>();
    let work = job(move |fate| {
        started.send(fate).expect("the test waits for its jobs");
        if fate == Fate::Run {
            // An error means that the test is over, which is a release too.
            assert_ne!(released.recv_timeout(HANG), Err(RecvTimeoutError::Timeout));
        }
    });
    (work, has_started, release)
}

fn config(max_threads: usize) -> PoolConfig {
    PoolConfig {
        max_threads,
        keep_alive: Duration::MAX,
        thread_name: Arc::new(|| "pool-test".to_owned()),
        stack_size: None,
        wrap: Arc::new(|life| life()),
        has_start_hook: false,
    }
}

fn submit(pool: &Pool<Work>, work: Work) {
    pool.submit(work).expect("the pool takes jobs");
}

fn recv<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(HANG).expect("the pool hangs")
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANG, "never: {what}");
        thread::yield_now();
    }
}
