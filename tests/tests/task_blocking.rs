//! Code that blocks: `spawn_blocking` and `block_in_place`.

mod every_runtime;

use every_runtime::{
    current_thread, on_every_built_runtime, on_every_runtime, waiting_sleep, within_bounds, workers,
};
use filch::runtime::{Builder, Handle};
use filch::sync::oneshot;
use filch::task;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

#[test]
fn a_blocking_function_runs_on_another_thread_and_returns() {
    on_every_runtime(|| async {
        let here = thread::current().id();
        let there = task::spawn_blocking(|| thread::current().id())
            .await
            .unwrap();
        assert_ne!(here, there);
    });
}

#[test]
fn blocking_functions_run_beside_each_other() {
    on_every_runtime(|| async {
        // Each waits for all others.
        let barrier = Arc::new(Barrier::new(10));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let barrier = barrier.clone();
                task::spawn_blocking(move || barrier.wait().is_leader())
            })
            .collect();
        let mut leaders = 0;
        for task in tasks {
            leaders += usize::from(task.await.unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

#[test]
fn a_blocking_function_is_inside_the_runtime() {
    on_every_runtime(|| async {
        let output = task::spawn_blocking(|| {
            let inner = filch::spawn(async { 5 });
            Handle::current().block_on(inner).unwrap()
        });
        assert_eq!(output.await.unwrap(), 5);
        let nested = task::spawn_blocking(|| task::spawn_blocking(|| 6));
        assert_eq!(nested.await.unwrap().await.unwrap(), 6);
    });
}

#[test]
fn a_panic_in_a_blocking_function_is_returned() {
    on_every_runtime(|| async {
        let error = task::spawn_blocking(|| panic!("on purpose"))
            .await
            .unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"on purpose"));
    });
}

#[test]
fn a_started_blocking_function_cannot_be_aborted() {
    on_every_runtime(|| async {
        let (started, is_started) = oneshot::channel();
        let (release, released) = mpsc::channel();
        let task = task::spawn_blocking(move || {
            started.send(()).unwrap();
            released.recv().unwrap()
        });
        is_started.await.unwrap();
        task.abort();
        release.send(7).unwrap();
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_queued_blocking_function_can_be_aborted() {
    within_bounds("one blocking thread", || {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (started, is_started) = oneshot::channel();
            let (release, released) = mpsc::channel::<()>();
            let running = task::spawn_blocking(move || {
                started.send(()).unwrap();
                released.recv().unwrap();
            });
            is_started.await.unwrap();
            let queued = task::spawn_blocking(|| panic!("must not run"));
            queued.abort();
            release.send(()).unwrap();
            running.await.unwrap();
            assert!(queued.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn block_in_place_runs_on_this_thread_and_may_borrow() {
    for count in [1, 2, 8] {
        within_bounds("block_in_place", move || {
            workers(count).block_on(async {
                filch::spawn(async {
                    let here = thread::current().id();
                    let mut text = String::from("borrowed");
                    let there = task::block_in_place(|| {
                        text.push_str(" in place");
                        thread::current().id()
                    });
                    assert_eq!(here, there);
                    assert_eq!(text, "borrowed in place");
                })
                .await
                .unwrap();
            });
        });
    }
}

#[test]
fn other_tasks_run_while_one_blocks_in_place() {
    for count in [1, 2, 8] {
        within_bounds("block_in_place", move || {
            workers(count).block_on(async {
                let blocking = filch::spawn(async {
                    let (sender, receiver) = mpsc::channel();
                    // Queued on this very worker, of which there may be one.
                    filch::spawn(async move { sender.send(8).unwrap() });
                    task::block_in_place(|| receiver.recv().unwrap())
                });
                assert_eq!(blocking.await.unwrap(), 8);
            });
        });
    }
}

#[test]
fn all_workers_may_block_in_place_at_once() {
    for count in [1, 2, 8] {
        within_bounds("block_in_place", move || {
            workers(count).block_on(async move {
                let barrier = Arc::new(Barrier::new(2 * count + 1));
                let tasks: Vec<_> = (0..2 * count)
                    .map(|_| {
                        let barrier = barrier.clone();
                        filch::spawn(async move {
                            task::block_in_place(|| barrier.wait());
                            // Back in async code, without the old worker.
                            task::yield_now().await;
                        })
                    })
                    .collect();
                task::block_in_place(|| barrier.wait());
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
    }
}

/// The thread that takes over a worker stays one. It must not be missing where
/// closures wait for a thread.
#[test]
fn worker_threads_that_were_replaced_take_no_place_in_the_pool() {
    for count in [1, 2, 8] {
        within_bounds("spawn_blocking beside replaced workers", move || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(count)
                .max_blocking_threads(count)
                .enable_all()
                .build()
                .unwrap();
            let all_blocked = Arc::new(Barrier::new(count));
            let (replaced, are_replaced) = mpsc::channel();
            let tasks: Vec<_> = (0..count)
                .map(|_| {
                    let (all_blocked, replaced) = (all_blocked.clone(), replaced.clone());
                    runtime.spawn(async move {
                        task::block_in_place(|| {
                            all_blocked.wait();
                            // Every worker is blocked: this runs on a thread that replaces one.
                            let (ran, has_run) = mpsc::channel();
                            filch::spawn(async move { ran.send(()) });
                            has_run.recv().unwrap();
                            replaced.send(()).unwrap();
                        });
                    })
                })
                .collect();
            for _ in 0..count {
                are_replaced.recv().unwrap();
            }
            // As many as the cap allows, at the same time.
            let together = Arc::new(Barrier::new(count));
            runtime.block_on(async {
                let closures: Vec<_> = (0..count)
                    .map(|_| {
                        let together = together.clone();
                        task::spawn_blocking(move || together.wait())
                    })
                    .collect();
                for closure in closures {
                    closure.await.unwrap();
                }
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
    }
}

#[test]
fn block_on_is_allowed_in_place() {
    for count in [1, 2, 8] {
        within_bounds("block_in_place", move || {
            workers(count).block_on(async {
                let task = filch::spawn(async {
                    task::block_in_place(|| {
                        let inner = filch::spawn(async { 9 });
                        let nested = task::block_in_place(|| Handle::current().block_on(inner));
                        nested.unwrap() + Handle::current().block_on(async { 1 })
                    })
                });
                assert_eq!(task.await.unwrap(), 10);
            });
        });
    }
}

#[test]
fn a_panic_in_place_is_the_tasks() {
    for count in [1, 2] {
        within_bounds("block_in_place", move || {
            workers(count).block_on(async {
                let task = filch::spawn(async { task::block_in_place(|| panic!("on purpose")) });
                let error = task.await.unwrap_err();
                assert_eq!(error.into_panic().downcast_ref(), Some(&"on purpose"));
                assert_eq!(filch::spawn(async { 1 }).await.unwrap(), 1);
            });
        });
    }
}

#[test]
fn in_place_needs_worker_threads() {
    let misused = || current_thread().block_on(async { task::block_in_place(|| ()) });
    let text = panic_text(misused);
    assert!(text.contains("multi-thread"), "{text}");

    let task = current_thread()
        .block_on(async { filch::spawn(async { task::block_in_place(|| ()) }).await });
    assert!(task.unwrap_err().is_panic());
}

#[test]
fn outside_of_a_runtime_in_place_just_calls() {
    assert_eq!(task::block_in_place(|| 3), 3);
    on_every_built_runtime(|runtime| {
        let blocking = runtime.spawn_blocking(|| task::block_in_place(|| 4));
        assert_eq!(runtime.block_on(blocking).unwrap(), 4);
    });
}

#[track_caller]
fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f))
        .err()
        .expect("has to panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast_ref::<&str>()
            .expect("panics carry text")
            .to_string(),
    }
}

/// A waker that blocks in place, as one of an executor of the program's own may. The
/// driver is being turned then, and goes on being so.
#[test]
fn a_waker_may_block_in_place() {
    struct Blocks(mpsc::Sender<()>);
    impl Wake for Blocks {
        fn wake(self: Arc<Self>) {
            task::block_in_place(|| {
                thread::sleep(Duration::from_millis(20));
                self.0.send(()).unwrap();
            });
        }
    }
    for count in [1, 2, 8] {
        within_bounds(&format!("{count} workers"), move || {
            let runtime = workers(count);
            let (woken, is_woken) = mpsc::channel();
            let waker = Waker::from(Arc::new(Blocks(woken)));
            let waiting = runtime.spawn(async move {
                let _sleep = waiting_sleep(Duration::from_millis(1), &waker);
                pending::<()>().await;
            });
            is_woken.recv().unwrap();
            assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).unwrap(), 7);
            assert!(!waiting.is_finished());
        });
    }
}
