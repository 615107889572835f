//! Threads that are no part of the runtime: one wakes who asks for it, another
//! disturbs.

use super::interpret::Context;
use super::ledger::lock;
use super::program::Job;
use filch::runtime::Handle;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A way to the thread that wakes tasks; it ends with the last one.
#[derive(Clone)]
pub(super) struct Outside {
    requests: Sender<(Duration, Arc<Request>)>,
}

#[derive(Default)]
struct Request {
    done: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Outside {
    pub(super) fn start() -> (Self, JoinHandle<()>) {
        let (requests, receiver) = channel::<(Duration, Arc<Request>)>();
        let thread = thread::spawn(move || {
            for (delay, request) in receiver {
                thread::sleep(delay);
                request.done.store(true, SeqCst);
                let waker = lock(&request.waker).take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        });
        (Self { requests }, thread)
    }

    /// Pending until the thread has woken the task.
    pub(super) async fn wakes_me_after(&self, delay: Duration) {
        let request = Arc::new(Request::default());
        if self.requests.send((delay, Arc::clone(&request))).is_err() {
            return;
        }
        poll_fn(|cx| {
            let former = lock(&request.waker).replace(cx.waker().clone());
            drop(former);
            if request.done.load(SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// What a thread outside does to a program.
#[derive(Debug)]
pub(super) enum Disturbance {
    Wait(Duration),
    /// Aborts one of the tasks that are exposed.
    Abort(usize),
    /// Wakes, or drops, every waker that has leaked so far.
    Wake,
    DropWakers,
    /// Spawns a task through the handle, whether or not the runtime still runs.
    Spawn(Arc<Job>),
    SpawnBlocking(usize),
}

/// Disturbs the program on this thread.
pub(super) fn disturb(context: &Context, handle: &Handle, script: &[Disturbance]) {
    for disturbance in script {
        match disturbance {
            Disturbance::Wait(duration) => thread::sleep(*duration),
            Disturbance::Abort(choice) => context.ledger.abort_one(*choice),
            Disturbance::Wake => context
                .ledger
                .take_wakers()
                .into_iter()
                .for_each(Waker::wake),
            Disturbance::DropWakers => drop(context.ledger.take_wakers()),
            Disturbance::Spawn(job) => {
                let child = context.of(format!("task {} from outside", job.name));
                let entry = Arc::clone(&child.entry);
                let task = handle.spawn(child.tracked(Arc::clone(job)));
                context.ledger.leave(entry, task);
            }
            Disturbance::SpawnBlocking(name) => {
                let (entry, closure) = context.closure(*name, Duration::ZERO, false);
                let task = handle.spawn_blocking(move || closure.call());
                context.ledger.leave(entry, task);
            }
        }
    }
}
