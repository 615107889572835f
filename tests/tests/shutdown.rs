//! What is left when a runtime ends: nothing.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, within_bounds, workers};
use filch::runtime::Handle;
use filch::task::{block_in_place, spawn_blocking, yield_now};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// Counts how often it is dropped, and where.
struct Bomb {
    dropped: Arc<AtomicUsize>,
    in_context: Arc<AtomicUsize>,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, SeqCst);
        if Handle::try_current().is_ok() {
            self.in_context.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn every_future_is_dropped_inside_the_context() {
    on_every_built_runtime(|runtime| {
        let (dropped, in_context): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let mut handles = Vec::new();
        for index in 0..100 {
            let bomb = Bomb {
                dropped: dropped.clone(),
                in_context: in_context.clone(),
            };
            handles.push(runtime.spawn(async move {
                let _bomb = bomb;
                match index % 4 {
                    0 => pending::<()>().await,
                    1 => filch::time::sleep(Duration::from_secs(3600)).await,
                    2 => loop {
                        yield_now().await;
                    },
                    _ => {
                        let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                        let _ = listener.accept().await;
                    }
                }
            }));
        }
        runtime.block_on(async { filch::time::sleep(Duration::from_millis(1)).await });
        drop(runtime);
        assert_eq!(dropped.load(SeqCst), 100);
        assert_eq!(in_context.load(SeqCst), 100);
        for handle in handles {
            assert!(
                current_thread()
                    .block_on(handle)
                    .unwrap_err()
                    .is_cancelled()
            );
        }
    });
}

#[test]
fn spawning_through_a_handle_after_the_end_is_cancelled() {
    on_every_built_runtime(|runtime| {
        let handle = runtime.handle().clone();
        drop(runtime);
        let task = handle.spawn(async { 1 });
        assert!(task.is_finished());
        let blocking = handle.spawn_blocking(|| 1);
        let other = current_thread();
        assert!(other.block_on(task).unwrap_err().is_cancelled());
        assert!(other.block_on(blocking).unwrap_err().is_cancelled());
    });
}

#[test]
fn tasks_behind_a_poll_that_does_not_end_are_cancelled_without_it() {
    within_bounds("a stuck worker", || {
        let runtime = workers(2);
        let (sender, stuck) = channel();
        let (release, released) = channel::<()>();
        runtime.spawn(async move {
            let behind: Vec<_> = (0..100).map(|_| filch::spawn(pending::<()>())).collect();
            sender.send(behind).unwrap();
            released.recv().unwrap();
        });
        let behind = stuck.recv().unwrap();
        runtime.shutdown_background();
        for task in behind {
            assert!(current_thread().block_on(task).unwrap_err().is_cancelled());
        }
        release.send(()).unwrap();
    });
}

#[test]
fn tasks_that_spawn_and_wake_while_they_are_dropped() {
    struct SpawnsOnDrop(Arc<Mutex<Vec<Waker>>>);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let task = filch::spawn(async { unreachable!("spawned during shutdown") });
            drop(task);
            for waker in self.0.lock().unwrap().drain(..) {
                waker.wake();
            }
        }
    }
    on_every_built_runtime(|runtime| {
        let wakers = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..20 {
            let (on_drop, wakers) = (SpawnsOnDrop(wakers.clone()), wakers.clone());
            runtime.spawn(poll_fn(move |cx| {
                let _keep = &on_drop;
                wakers.lock().unwrap().push(cx.waker().clone());
                Poll::<()>::Pending
            }));
        }
        runtime.block_on(yield_now());
        drop(runtime);
    });
}

#[test]
fn wakers_outlive_the_runtime() {
    on_every_built_runtime(|runtime| {
        let (send, receive) = channel();
        runtime.spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }));
        runtime.block_on(async { filch::time::sleep(Duration::from_micros(100)).await });
        let waker = receive.recv().unwrap();
        drop(runtime);
        waker.wake_by_ref();
        drop(waker.clone());
        waker.wake();
    });
}

#[test]
fn wakes_race_with_the_end() {
    on_every_built_runtime(|_| {
        for count in 0..30 {
            let runtime = if count % 2 == 0 {
                current_thread()
            } else {
                workers(2)
            };
            let (send, receive) = channel::<Waker>();
            for _ in 0..10 {
                let send = send.clone();
                runtime.spawn(poll_fn(move |cx| {
                    let _ = send.send(cx.waker().clone());
                    Poll::<()>::Pending
                }));
            }
            drop(send);
            runtime.block_on(yield_now());
            let waking = thread::spawn(move || {
                for waker in receive {
                    waker.wake();
                }
            });
            drop(runtime);
            waking.join().unwrap();
        }
    });
}

#[test]
fn dropping_a_runtime_inside_async_code_says_what_to_do() {
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            for inner in [current_thread(), workers(1)] {
                let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(inner))) else {
                    panic!("dropping a runtime here blocks the thread")
                };
                let message = payload
                    .downcast::<&str>()
                    .map(|m| m.to_string())
                    .unwrap_or_else(|p| *p.downcast::<String>().unwrap());
                assert!(message.contains("Cannot drop a runtime"), "{message}");
                assert!(message.contains("shutdown_background"), "{message}");
            }
            current_thread().shutdown_background();
            workers(2).shutdown_background();
            let inner = workers(1);
            spawn_blocking(move || drop(inner)).await.unwrap();
        });
    });
}

#[test]
fn dropping_a_runtime_waits_for_blocking_work_and_timeouts_do_not() {
    within_bounds("blocking work", || {
        let runtime = workers(1);
        let (release, wait) = channel::<()>();
        let (started, has_started) = channel();
        let finished = Arc::new(AtomicUsize::new(0));
        let finishes = finished.clone();
        runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            finishes.store(1, SeqCst);
        });
        has_started.recv().unwrap();
        runtime.shutdown_timeout(Duration::from_millis(1));
        assert_eq!(finished.load(SeqCst), 0);
        release.send(()).unwrap();

        let runtime = workers(1);
        let finished = Arc::new(AtomicUsize::new(0));
        let (finishes, (started, has_started)) = (finished.clone(), channel());
        let (release, wait) = channel::<()>();
        runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            finishes.store(1, SeqCst);
        });
        has_started.recv().unwrap();
        release.send(()).unwrap();
        drop(runtime);
        assert_eq!(finished.load(SeqCst), 1);
    });
}

#[test]
fn the_end_comes_while_a_worker_is_blocked_in_place() {
    within_bounds("block_in_place", || {
        for _ in 0..20 {
            let runtime = workers(2);
            let (started, has_started) = channel();
            let (release, wait) = channel::<()>();
            let task = runtime.spawn(async move {
                block_in_place(|| {
                    started.send(()).unwrap();
                    wait.recv().unwrap();
                });
                yield_now().await;
                unreachable!("the runtime ends at this await");
            });
            has_started.recv().unwrap();
            let ending = thread::spawn(move || drop(runtime));
            release.send(()).unwrap();
            ending.join().unwrap();
            assert!(current_thread().block_on(task).is_err());
        }
    });
}

/// Nobody can take the worker over when the pool has been closed. What is
/// waited for in place must be told of the end all the same.
#[test]
fn a_wait_in_place_that_begins_after_the_end_is_over() {
    within_bounds("a sleep in block_in_place", || {
        for patience in [Duration::ZERO, Duration::from_millis(1)] {
            let runtime = workers(1);
            let (started, has_started) = channel();
            let (release, wait) = channel::<()>();
            let task = runtime.spawn(async move {
                started.send(()).unwrap();
                // An error is a release as well.
                let _ = wait.recv();
                block_in_place(|| {
                    let long = async { filch::time::sleep(Duration::from_secs(3600)).await };
                    Handle::current().block_on(long);
                });
            });
            let waits = runtime.spawn(pending::<()>());
            has_started.recv().unwrap();
            runtime.shutdown_timeout(patience);
            release.send(()).unwrap();
            let other = current_thread();
            assert!(other.block_on(task).is_err());
            assert!(other.block_on(waits).unwrap_err().is_cancelled());
        }
    });
}
