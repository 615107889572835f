//! What is left when a runtime ends: nothing.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, within_bounds, workers};
use filch::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use filch::task::{JoinHandle, block_in_place, spawn_blocking, yield_now};
use std::cell::RefCell;
use std::env;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
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

/// The driver is shut down by the last worker to end: one whose thread has not come for it yet, for
/// the program's start hook waits for the driver, ends without its thread.
#[test]
fn the_end_comes_while_a_worker_is_in_its_start_hook() {
    within_bounds("a start hook that waits for the driver", || {
        for workers in [1, 2] {
            let (in_hook, is_in_hook) = channel();
            let in_hook = Mutex::new(Some(in_hook));
            let mut builder = Builder::new_multi_thread();
            let runtime = builder
                .worker_threads(workers)
                .enable_all()
                .on_thread_start(move || {
                    let in_hook = in_hook.lock().unwrap().take();
                    let Some(in_hook) = in_hook else { return };
                    Handle::current().block_on(async {
                        let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                        in_hook.send(()).unwrap();
                        listener.accept().await.unwrap_err();
                    });
                })
                .build()
                .unwrap();
            is_in_hook.recv().unwrap();
            let task = runtime.spawn(pending::<()>());
            drop(runtime);
            assert!(current_thread().block_on(task).unwrap_err().is_cancelled());
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

/// A runtime whose pool has one thread, which waits for `release`, and its worker's core
/// in the pool's queue, for the worker is in `block_in_place` until it is released as well.
/// And a task that has waited before that.
fn with_a_core_in_the_queue() -> (Runtime, JoinHandle<()>, Sender<()>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (release, is_released) = channel();
    let is_released = Arc::new(Mutex::new(is_released));
    let wait = move || {
        let _ = is_released.lock().unwrap().recv();
    };
    let (started, has_started) = channel();
    let waiting = runtime.spawn({
        let started = started.clone();
        async move {
            started.send(()).unwrap();
            pending().await
        }
    });
    has_started.recv().unwrap();
    runtime.spawn_blocking({
        let (wait, started) = (wait.clone(), started.clone());
        move || {
            started.send(()).unwrap();
            wait();
        }
    });
    has_started.recv().unwrap();
    runtime.spawn(async move {
        block_in_place(|| {
            started.send(()).unwrap();
            wait();
        });
    });
    has_started.recv().unwrap();
    (runtime, waiting, release)
}

/// The core of the one that ends is ended by a worker of the other, which has a core of its
/// own.
#[test]
fn a_worker_may_end_another_runtime() {
    within_bounds("ending another runtime", || {
        const WORKERS: usize = 4;
        let others = workers(WORKERS);
        for _ in 0..2 * WORKERS {
            let (runtime, waiting, release) = with_a_core_in_the_queue();
            let ending = others.spawn(async move { runtime.shutdown_background() });
            others.block_on(ending).unwrap();
            let error = others.block_on(waiting).unwrap_err();
            assert!(error.is_cancelled());
            drop(release);
        }
        // All of its workers are there: each of these tasks has one for itself.
        let barrier = Arc::new(Barrier::new(WORKERS));
        let meeting: Vec<_> = (0..WORKERS)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                others.spawn(async move {
                    barrier.wait();
                })
            })
            .collect();
        for handle in meeting {
            others.block_on(handle).unwrap();
        }
    });
}

#[test]
fn a_core_in_the_queue_of_the_pool_keeps_nobody_waiting() {
    within_bounds("a drop", || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (started, has_started) = channel();
        let sleeping = move || {
            started.send(()).unwrap();
            Handle::current().block_on(filch::time::sleep(Duration::from_millis(100)));
        };
        let blocking = sleeping.clone();
        runtime.spawn_blocking(move || catch_unwind(AssertUnwindSafe(blocking)));
        has_started.recv().unwrap();
        let in_place = AssertUnwindSafe(sleeping);
        runtime.spawn(async move { block_in_place(|| catch_unwind(in_place).is_ok()) });
        has_started.recv().unwrap();
        drop(runtime);
    });
}

#[test]
fn a_runtime_may_end_with_its_thread() {
    thread_local! {
        static RUNTIME: Runtime = current_thread();
    }
    let dropped = Arc::<AtomicUsize>::default();
    let bomb = Bomb {
        dropped: Arc::clone(&dropped),
        in_context: Arc::default(),
    };
    within_bounds("the end of a thread", || {
        RUNTIME.with(|runtime| {
            runtime.spawn(async move {
                let _bomb = bomb;
                pending::<()>().await;
            });
            runtime.block_on(yield_now());
        });
    });
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn a_worker_in_block_in_place_may_drop_its_own_runtime() {
    within_bounds("a drop", || {
        let runtime = Arc::new(workers(2));
        let (done, is_done) = channel();
        let own = Arc::clone(&runtime);
        let (give, given) = channel();
        runtime.spawn(async move {
            block_in_place(|| {
                given.recv().unwrap();
                drop(Arc::into_inner(own).expect("the last one"));
                done.send(()).unwrap();
            });
        });
        drop(runtime);
        give.send(()).unwrap();
        is_done.recv().unwrap();
    });
}

/// Tells of the end of a thread that had it first among its thread locals.
struct Last(Sender<()>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

/// One worker, and threads of the pool that end as soon as they have nothing to do.
fn with_threads_that_soon_end() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::from_millis(1))
        .build()
        .unwrap()
}

#[test]
fn a_thread_of_the_pool_may_end_with_its_own_runtime() {
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
        static KEPT: RefCell<Option<Arc<Runtime>>> = const { RefCell::new(None) };
    }
    within_bounds("a thread of the pool", || {
        let runtime = Arc::new(with_threads_that_soon_end());
        let own = Arc::clone(&runtime);
        let (give, given) = channel();
        let (last, is_last) = channel();
        runtime.spawn_blocking(move || {
            given.recv().unwrap();
            LAST.set(Some(Last(last)));
            KEPT.set(Some(own));
        });
        let waiting = runtime.spawn(pending::<()>());
        drop(runtime);
        give.send(()).unwrap();
        is_last.recv().unwrap();
        let error = current_thread().block_on(waiting).unwrap_err();
        assert!(error.is_cancelled());
    });
}

/// Held by a thread local, it keeps its thread from ending.
struct Slow(Receiver<()>);

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.0.recv();
    }
}

#[test]
fn nobody_in_a_hurry_waits_for_the_destructors_of_thread_locals() {
    thread_local! {
        static SLOW: RefCell<Option<Slow>> = const { RefCell::new(None) };
    }
    type End = fn(Runtime);
    let ends: [End; 2] = [Runtime::shutdown_background, |runtime| {
        runtime.shutdown_timeout(Duration::from_millis(20));
    }];
    for end in ends {
        within_bounds("the end of a runtime", move || {
            let runtime = with_threads_that_soon_end();
            let mut kept = Vec::new();
            let mut slow = || {
                let (keep, wait) = channel();
                kept.push(keep);
                move || SLOW.set(Some(Slow(wait)))
            };
            let (on_worker, on_blocking) = (slow(), slow());
            let working = runtime.spawn(async move { on_worker() });
            let blocking = runtime.spawn_blocking(on_blocking);
            runtime.block_on(async {
                working.await.unwrap();
                blocking.await.unwrap();
            });
            while runtime.metrics().num_blocking_threads() > 0 {
                thread::yield_now();
            }
            end(runtime);
            drop(kept);
        });
    }
}

/// The one that ended first drops the runtime while its successor joins it.
#[test]
fn two_threads_of_the_pool_may_end_with_their_runtime() {
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
        static KEPT: RefCell<Option<Arc<Runtime>>> = const { RefCell::new(None) };
    }
    within_bounds("threads of the pool", || {
        let runtime = Arc::new(with_threads_that_soon_end());
        let own = Arc::clone(&runtime);
        let (go, gone) = channel::<()>();
        let (give, given) = channel();
        let (last, is_last) = channel();
        let (close, closed) = channel::<()>();
        runtime.spawn_blocking(move || closed.recv());
        runtime.spawn_blocking(move || {
            given.recv().unwrap();
            LAST.set(Some(Last(last)));
            KEPT.set(Some(own));
            drop(gone);
        });
        drop(runtime);
        give.send(()).unwrap();
        // The drop in the destructor closes the pool, and waits for the other thread.
        while go.send(()).is_ok() {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        drop(close);
        is_last.recv().unwrap();
    });
}

/// A worker waits in the queue of a full pool as the thread ends that has the runtime
/// among its thread locals, from before those of the runtime.
#[test]
fn a_runtime_may_end_with_its_thread_while_a_worker_is_queued() {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
    }
    within_bounds("the end of a thread", || {
        let ending = thread::spawn(|| {
            RUNTIME.with(|runtime| {
                let (arrive, arrived) = channel();
                let (first, second) = (arrive.clone(), arrive.clone());
                let waiting = runtime.spawn(async move {
                    first.send(()).unwrap();
                    pending::<()>().await;
                });
                arrived.recv().unwrap();
                let (keep, wait) = channel::<()>();
                runtime.spawn_blocking(move || {
                    second.send(()).unwrap();
                    let _ = wait.recv_timeout(Duration::from_millis(50));
                });
                arrived.recv().unwrap();
                runtime.spawn(async move {
                    block_in_place(|| {
                        arrive.send(()).unwrap();
                        thread::sleep(Duration::from_millis(50));
                    });
                });
                arrived.recv().unwrap();
                runtime.block_on(async {});
                drop(keep);
                waiting
            })
        });
        let waiting = ending.join().unwrap();
        let error = current_thread().block_on(waiting).unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_current_thread_runtime_runs_while_its_thread_ends() {
    struct Closer(Arc<Runtime>, Sender<u32>);
    impl Drop for Closer {
        fn drop(&mut self) {
            let answer = self.0.block_on(self.0.spawn(async { 7 })).unwrap();
            self.1.send(answer).unwrap();
        }
    }
    thread_local! {
        static CLOSER: RefCell<Option<Closer>> = const { RefCell::new(None) };
    }
    within_bounds("the end of a thread", || {
        let runtime = Arc::new(current_thread());
        let own = Arc::clone(&runtime);
        let (answer, answered) = channel();
        let ending = thread::spawn(move || {
            // The runtime's thread locals are there later, and would be gone sooner.
            CLOSER.set(Some(Closer(Arc::clone(&own), answer)));
            own.block_on(async {});
        });
        ending.join().unwrap();
        assert_eq!(answered.recv().unwrap(), 7);
        assert_eq!(runtime.block_on(runtime.spawn(async { 8 })).unwrap(), 8);
    });
}

/// No thread takes a worker over, and its own waits for a timer: the worker ends as the
/// runtime does, and the timer with it.
#[test]
fn a_worker_that_no_thread_took_over_ends_with_its_runtime() {
    within_bounds("a drop", || {
        let named = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name_fn(move || {
                assert!(named.fetch_add(1, SeqCst) < 2, "only workers get a name");
                "worker".to_owned()
            })
            .enable_all()
            .build()
            .unwrap();
        let (block, blocked) = channel();
        let blocking = runtime.spawn(async move {
            block_in_place(|| {
                block.send(()).unwrap();
                let hour = async { filch::time::sleep(Duration::from_secs(3600)).await };
                Handle::current().block_on(hour);
            });
        });
        blocked.recv().unwrap();
        drop(runtime);
        // The timer is shut down, which is a panic of whoever waits for it.
        assert!(current_thread().block_on(blocking).unwrap_err().is_panic());
    });
}

/// A worker waits in the queue of a full pool as a hook's panic ends the runtime.
#[test]
fn a_queued_worker_ends_with_a_runtime_that_a_panic_ends() {
    within_bounds("a panic", || {
        let trap = Arc::new(AtomicUsize::new(0));
        let set = Arc::clone(&trap);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(1)
            .on_thread_park(move || {
                if set.swap(0, SeqCst) == 1 {
                    resume_unwind(Box::new("a trap"));
                }
            })
            .enable_all()
            .build()
            .unwrap();
        let (arrive, arrived) = channel();
        let (keep, wait) = channel::<()>();
        let at_once = arrive.clone();
        runtime.spawn_blocking(move || {
            at_once.send(()).unwrap();
            let _ = wait.recv();
        });
        arrived.recv().unwrap();
        let (keep_worker, worker_waits) = channel::<()>();
        runtime.spawn(async move {
            block_in_place(|| {
                arrive.send(()).unwrap();
                let _ = worker_waits.recv();
            });
        });
        arrived.recv().unwrap();
        let failed = runtime.block_on(async {
            let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            trap.store(1, SeqCst);
            // Some worker parks after that.
            filch::spawn(async {});
            listener.accept().await
        });
        assert!(failed.is_err());
        drop((keep, keep_worker));
    });
}

const CHILD: &str = "FILCH_TEST_CHILD";

/// `exit` promises that no destructor on the stack runs; that of a future is no less
/// surprised by what the running task holds.
#[test]
fn an_exit_in_a_poll_drops_no_task_in_the_queue() {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "exits_in_a_poll", "--ignored"])
        .env(CHILD, "1")
        .spawn()
        .unwrap();
    within_bounds("an exit", move || {
        assert_eq!(child.wait().unwrap().code(), Some(7));
    });
}

#[test]
#[ignore = "run in a child process by another test"]
fn exits_in_a_poll() {
    static HELD: Mutex<()> = Mutex::new(());
    struct Locks;
    impl Drop for Locks {
        fn drop(&mut self) {
            drop(HELD.lock());
        }
    }
    if env::var_os(CHILD).is_some() {
        current_thread().block_on(async {
            let locks = Locks;
            filch::spawn(async move { drop(locks) });
            let _held = HELD.lock().unwrap();
            std::process::exit(7);
        });
    }
}

#[test]
fn closures_that_never_ran_are_dropped_inside_the_runtime() {
    within_bounds("closures that never ran", || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (release, wait) = channel::<()>();
        let (started, has_started) = channel();
        runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            wait.recv()
        });
        has_started.recv().unwrap();
        let (dropped, in_context) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let bomb = Bomb {
            dropped: dropped.clone(),
            in_context: in_context.clone(),
        };
        let handle = runtime.spawn_blocking(move || drop(bomb));
        runtime.shutdown_background();
        assert_eq!((dropped.load(SeqCst), in_context.load(SeqCst)), (1, 1));
        release.send(()).unwrap();
        let error = current_thread().block_on(handle).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    });
}

/// One worker, which is in a poll until the sender is dropped, and these tasks waiting behind it.
fn with_tasks_behind_a_poll<F: Future<Output = ()> + Send + 'static>(
    builder: &mut Builder,
    tasks: impl Iterator<Item = F>,
) -> (Runtime, Sender<()>) {
    let runtime = builder.worker_threads(1).build().unwrap();
    let (release, wait) = channel::<()>();
    let (started, has_started) = channel();
    runtime.spawn(async move {
        started.send(()).unwrap();
        _ = wait.recv();
    });
    has_started.recv().unwrap();
    for task in tasks {
        runtime.spawn(task);
    }
    (runtime, release)
}

/// Spawns another one when it is dropped, as the connections of a pool do.
struct SpawnsWhenDropped(Sender<()>);

impl Drop for SpawnsWhenDropped {
    fn drop(&mut self) {
        let dropped = self.0.clone();
        filch::spawn(async move { drop(dropped) });
    }
}

#[test]
fn tasks_that_spawn_as_they_are_dropped_do_not_drop_one_another() {
    within_bounds("tasks that spawn as they are dropped", || {
        let (dropped, all_dropped) = channel();
        let tasks = (0..10_000).map(|_| {
            let spawns = SpawnsWhenDropped(dropped.clone());
            async move { drop(spawns) }
        });
        let (runtime, release) = with_tasks_behind_a_poll(
            Builder::new_multi_thread().thread_stack_size(256 << 10),
            tasks,
        );
        drop(dropped);
        runtime.shutdown_background();
        drop(release);
        // Disconnected, for all have gone.
        assert!(all_dropped.recv().is_err());
    });
}

#[test]
fn who_spawns_after_the_end_drops_no_other_task() {
    within_bounds("who spawns after the end", || {
        let (dropped, all_dropped) = channel();
        let (release_drop, wait) = channel::<()>();
        let (in_drop, is_in_drop) = channel();
        let mut first = Some((in_drop, wait));
        let tasks = (0..2).map(|_| {
            let (dropped, first) = (dropped.clone(), first.take());
            let on_drop = OnDrop(Some(move || {
                if let Some((in_drop, wait)) = first {
                    in_drop.send(()).unwrap();
                    _ = wait.recv();
                }
                dropped.send(Handle::try_current().is_ok()).unwrap();
            }));
            async move { drop(on_drop) }
        });
        let (runtime, release) = with_tasks_behind_a_poll(&mut Builder::new_multi_thread(), tasks);
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        drop(release);
        is_in_drop.recv().unwrap();
        handle.spawn(async {});
        assert!(all_dropped.try_recv().is_err());
        drop(release_drop);
        assert_eq!([(); 2].map(|()| all_dropped.recv().unwrap()), [true; 2]);
    });
}

struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Waits as it is dropped, as a connection does that is to say good-bye.
struct Leaving(Sender<(bool, bool)>);

impl Drop for Leaving {
    fn drop(&mut self) {
        let runtime = Handle::current();
        let wait = || {
            let slept = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async { filch::time::sleep(Duration::from_secs(3600)).await });
            }));
            let accepted = runtime.block_on(async {
                let listener = filch::net::TcpListener::bind("127.0.0.1:0").await?;
                listener.accept().await
            });
            self.0.send((slept.is_err(), accepted.is_err())).unwrap();
        };
        match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => wait(),
            _ => block_in_place(wait),
        }
    }
}

#[test]
fn who_waits_while_it_is_dropped_learns_of_the_end() {
    on_every_built_runtime(|runtime| {
        within_bounds("a shutdown", || {
            let (sender, learnt) = channel();
            for _ in 0..4 {
                let leaving = Leaving(sender.clone());
                runtime.spawn(async move {
                    let _leaving = leaving;
                    pending::<()>().await;
                });
            }
            drop(sender);
            runtime.block_on(yield_now());
            drop(runtime);
            let learnt: Vec<_> = learnt.iter().collect();
            assert_eq!(learnt, [(true, true); 4]);
        });
    });
}
