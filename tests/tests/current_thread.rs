//! A current-thread runtime whose surroundings misbehave: hooks that make work
//! or panic, main futures that panic, wakers that panic. It neither hangs nor
//! leaks, and whoever comes next finds it whole.

mod every_runtime;

use every_runtime::{current_thread, waiting_sleep, within_bounds};
use filch::runtime::{Builder, Handle, Runtime};
use filch::time::sleep;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Waits for the hook before the park to wake it, which happens on the thread
/// that is about to sleep.
#[test]
fn a_main_future_woken_by_the_park_hook_does_not_sleep() {
    within_bounds("a wake by the park hook", || {
        let slot = Arc::new(Mutex::new(None::<Waker>));
        let runtime = Builder::new_current_thread()
            .on_thread_park({
                let slot = Arc::clone(&slot);
                move || {
                    let waker = slot.lock().unwrap().take();
                    waker.into_iter().for_each(Waker::wake);
                }
            })
            .build()
            .unwrap();
        let mut polls = 0;
        runtime.block_on(poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            *slot.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }));
    });
}

#[test]
fn a_park_hook_that_makes_work_starves_no_timer() {
    within_bounds("a timer beside a busy park hook", || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(|| drop(Handle::current().spawn(async {})))
            .build()
            .unwrap();
        runtime.block_on(async { sleep(Duration::from_millis(1)).await });
    });
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// A runtime of which one hook panics when it is armed.
fn with_a_hook_that_panics(set: fn(&mut Builder, Hook)) -> (Runtime, Arc<AtomicBool>) {
    let armed = Arc::new(AtomicBool::new(false));
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    let hook = {
        let armed = Arc::clone(&armed);
        Box::new(move || {
            if armed.swap(false, SeqCst) {
                resume_unwind(Box::new("a hook that panics"));
            }
        })
    };
    set(&mut builder, hook);
    (builder.build().unwrap(), armed)
}

/// Counts the futures that exist.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// The runtime that a panic has passed through still runs what it ran before.
fn is_whole(runtime: Runtime, before: filch::task::JoinHandle<u32>) {
    let alive = Arc::new(AtomicUsize::new(0));
    let waits = Alive::new(&alive);
    let _waiting = runtime.spawn(async move {
        let _waits = waits;
        pending::<()>().await;
    });
    // From this thread, which does not run the tasks any more.
    let after = runtime.spawn(async { 2 });
    let outputs = runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        (before.await.unwrap(), after.await.unwrap())
    });
    assert_eq!(outputs, (1, 2));
    assert_eq!(alive.load(SeqCst), 1);
    drop(runtime);
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn a_hook_that_panics_gives_the_core_back() {
    let hooks: [fn(&mut Builder, Hook); 2] = [
        |builder, hook| {
            builder.on_thread_park(hook);
        },
        |builder, hook| {
            builder.on_thread_unpark(hook);
        },
    ];
    for set in hooks {
        within_bounds("a hook that panics", move || {
            let (runtime, armed) = with_a_hook_that_panics(set);
            let before = runtime.spawn(async {
                sleep(Duration::from_millis(1)).await;
                1
            });
            armed.store(true, SeqCst);
            let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(pending::<()>())));
            let payload = outcome.expect_err("the panic goes on");
            assert_eq!(payload.downcast_ref(), Some(&"a hook that panics"));
            is_whole(runtime, before);
        });
    }
}

#[test]
fn a_main_future_that_panics_gives_the_core_back() {
    within_bounds("a main future that panics", || {
        let runtime = current_thread();
        let before = runtime.spawn(async {
            sleep(Duration::from_millis(1)).await;
            1
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                sleep(Duration::from_millis(2)).await;
                resume_unwind(Box::new("a main future that panics"))
            })
        }));
        let payload: Box<_> = outcome.map(|(): ()| ()).expect_err("the panic goes on");
        assert_eq!(payload.downcast_ref(), Some(&"a main future that panics"));
        is_whole(runtime, before);
    });
}

/// The second caller of `block_on` waits for the core, which its first holder
/// loses by a panic: in the main future, or in a hook.
#[test]
fn a_panic_hands_the_core_to_the_next_caller() {
    for in_hook in [false, true] {
        within_bounds("a panic before another caller", move || {
            let (runtime, armed) = with_a_hook_that_panics(|builder, hook| {
                builder.on_thread_park(hook);
            });
            let runtime = Arc::new(runtime);
            let task = runtime.spawn(async { sleep(Duration::from_millis(1)).await });
            let (waits, waiting) = channel();
            let next = {
                let shared = Arc::clone(&runtime);
                let (go, gone) = channel::<()>();
                let next = thread::spawn(move || {
                    gone.recv().unwrap();
                    let mut task = Box::pin(task);
                    shared.block_on(poll_fn(|cx| {
                        let poll = task.as_mut().poll(cx);
                        // The first time without the core.
                        let _ = waits.send(());
                        poll
                    }))
                });
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(async {
                        go.send(()).unwrap();
                        waiting.recv().unwrap();
                        if !in_hook {
                            resume_unwind(Box::new("a main future that panics"));
                        }
                        armed.store(true, SeqCst);
                        pending::<()>().await;
                    });
                }));
                assert!(outcome.is_err(), "the panic goes on");
                next
            };
            next.join().unwrap().expect("the task has run to its end");
        });
    }
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a waker that panics"));
    }
}

/// A waker that panics as a task ends, and one as a timer fires, on the thread
/// that runs the tasks.
#[test]
fn a_waker_that_panics_gives_the_core_back() {
    within_bounds("a waker that panics", || {
        let runtime = current_thread();
        let waker = Waker::from(Arc::new(Panicking));
        let before = runtime.spawn(async {
            sleep(Duration::from_millis(2)).await;
            1
        });
        let mut joined = runtime.spawn(async {});
        let mut context = Context::from_waker(&waker);
        assert!(
            Box::pin(&mut joined)
                .as_mut()
                .poll(&mut context)
                .is_pending()
        );
        // Nobody but the hook is told of it: a task's end wakes whoever waits.
        runtime.block_on(filch::task::yield_now());
        assert!(joined.is_finished());

        let _timer = {
            let _context = runtime.enter();
            waiting_sleep(Duration::from_millis(1), &waker)
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(pending::<()>())));
        let payload = outcome.expect_err("the panic goes on");
        assert_eq!(payload.downcast_ref(), Some(&"a waker that panics"));
        is_whole(runtime, before);
    });
}

/// The panic of a waker that the shutdown wakes keeps neither tasks nor the blocking
/// pool's threads.
#[test]
fn a_waker_that_panics_at_the_shutdown_keeps_nothing() {
    within_bounds("a shutdown with a waker that panics", || {
        let (stop, stopped) = sync_channel(1);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_keep_alive(Duration::from_secs(3_600))
            .on_thread_stop(move || stop.send(()).unwrap())
            .build()
            .unwrap();
        let waker = Waker::from(Arc::new(Panicking));
        let mut timer = {
            let _context = runtime.enter();
            Box::pin(sleep(Duration::from_secs(3_600)))
        };
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        let poll = timer.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        let held = Arc::new(());
        let by_task = Arc::clone(&held);
        runtime.spawn(async move {
            pending::<()>().await;
            drop(by_task);
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
        assert!(outcome.is_err(), "the panic goes on");
        assert_eq!(Arc::strong_count(&held), 1);
        stopped.recv_timeout(Duration::from_secs(100)).unwrap();
    });
}
