//! Every handle resolves, whatever becomes of its closure: with the services that
//! ship around the pool, and the tasks that its jobs are.

use super::{check, pool_with_spawner, refuse};
use crate::blocking::worker::{Spawner, spawn_thread};
use crate::driver::clock::Clock;
use crate::driver::{self, Driver};
use crate::primitive::Arc;
use crate::rng::SeedSource;
use crate::scheduler::services::{Enabled, Hooks, Services};
use crate::task::{Id, JoinError, JoinHandle};
use loom::thread::{self, Thread};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// The services of a runtime whose pool has at most one thread. The driver is
/// never turned: it is where time is.
struct Model {
    services: Arc<Services>,
    _driver: Driver,
}

impl Model {
    fn new(spawner: StdArc<Spawner>) -> Self {
        let clock = Arc::new(Clock::new(false));
        let (driver, handle) = driver::new(1, 1, clock).expect("a model's selector");
        let services = Services {
            driver: handle,
            enabled: Enabled {
                io: false,
                time: false,
            },
            blocking: pool_with_spawner(1, Duration::MAX, spawner),
            hooks: Hooks::default(),
            seeds: SeedSource::with_seed(0),
        };
        Self {
            services: Arc::new(services),
            _driver: driver,
        }
    }

    fn shut_down(&self) {
        assert!(self.services.blocking.shutdown(None));
        assert_eq!(self.services.blocking.threads(), 0);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

/// What the handle resolves to; one that never does is a deadlock.
fn join<T>(handle: JoinHandle<T>) -> Result<T, JoinError> {
    let mut handle = pin!(handle);
    let waker = Waker::from(StdArc::new(Unpark(thread::current())));
    loop {
        match handle.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A closure that panics, and another queued behind it.
#[test]
fn loom_a_panic_reaches_its_handle_and_no_other() {
    check(3, || {
        let model = Model::new(StdArc::new(spawn_thread));
        let panicking = model.services.spawn_blocking(
            || -> usize { resume_unwind(Box::new("a closure that panics")) },
            Id::next(),
        );
        let other = model.services.spawn_blocking(|| 7, Id::next());
        assert!(join(panicking).is_err_and(|error| error.is_panic()));
        assert_eq!(join(other).ok(), Some(7));
        model.shut_down();
    });
}

/// The pool shuts down while closures are submitted: each handle has the output, or
/// learns that its closure was given up.
#[test]
fn loom_every_handle_resolves_at_shutdown() {
    check(3, || {
        let model = Model::new(StdArc::new(spawn_thread));
        let submitting = {
            let services = Arc::clone(&model.services);
            thread::spawn(move || {
                let handles = [1, 2].map(|n| services.spawn_blocking(move || n, Id::next()));
                handles.map(join)
            })
        };
        model.shut_down();
        let outcomes = submitting.join().unwrap();
        for (n, outcome) in [1, 2].into_iter().zip(outcomes) {
            match outcome {
                Ok(output) => assert_eq!(output, n),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
    });
}

/// The only thread is refused while another submitter relies on it: both handles
/// resolve, that of the refused one as cancelled.
#[test]
fn loom_every_handle_resolves_without_a_thread() {
    check(3, || {
        let model = Model::new(refuse(0));
        let submit = |services: &Services| {
            let (handle, submitted) = services.try_spawn_blocking(|| 7, Id::next());
            match join(handle) {
                Ok(output) => assert!(submitted.is_ok() && output == 7),
                // Refused, or given up with the thread that the other one asked for.
                Err(error) => assert!(error.is_cancelled()),
            }
            submitted.is_err()
        };
        let other = {
            let services = Arc::clone(&model.services);
            thread::spawn(move || submit(&services))
        };
        let refused = [submit(&model.services), other.join().unwrap()];
        assert!(refused[0] != refused[1], "one of them was refused a thread");
        model.shut_down();
    });
}

/// A closure is aborted while a thread comes for it: it is run or given up, and its
/// handle says which.
#[test]
fn loom_abort_against_the_thread_that_comes() {
    check(3, || {
        let model = Model::new(StdArc::new(spawn_thread));
        let runs = StdArc::new(AtomicUsize::new(0));
        let handle = {
            let runs = StdArc::clone(&runs);
            let run = move || runs.fetch_add(1, Relaxed);
            model.services.spawn_blocking(run, Id::next())
        };
        handle.abort();
        let outcome = join(handle);
        model.shut_down();
        let ran = runs.load(Relaxed) == 1;
        assert_eq!(outcome.is_ok(), ran);
        assert!(outcome.map_or_else(|error| error.is_cancelled(), |before| before == 0));
    });
}
