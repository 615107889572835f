//! Starting single tasks, awaiting, aborting and identifying them.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, on_every_runtime, workers};
use filch::runtime::Handle;
use filch::sync::oneshot;
use filch::task;
use std::collections::HashSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn a_task_returns_its_output() {
    on_every_runtime(|| async {
        assert_eq!(filch::spawn(async { "output" }).await.unwrap(), "output");
        assert_eq!(task::spawn(async { vec![1, 2] }).await.unwrap(), [1, 2]);
        let nested = filch::spawn(async { filch::spawn(async { 3 }).await.unwrap() });
        assert_eq!(nested.await.unwrap(), 3);
    });
}

#[test]
fn tasks_run_without_being_awaited() {
    on_every_runtime(|| async {
        let (sender, receiver) = oneshot::channel();
        // Dropping the handle detaches.
        drop(filch::spawn(async move {
            task::yield_now().await;
            sender.send(1).unwrap();
        }));
        assert_eq!(receiver.await, Ok(1));
    });
}

#[test]
fn many_tasks_spawn_many_tasks() {
    on_every_runtime(|| async {
        let outer: Vec<_> = (0..100)
            .map(|outer| {
                filch::spawn(async move {
                    let inner: Vec<_> = (0..20)
                        .map(|inner| filch::spawn(async move { outer * inner }))
                        .collect();
                    let mut sum = 0;
                    for task in inner {
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for task in outer {
            sum += task.await.unwrap();
        }
        assert_eq!(sum, 4950 * 190);
    });
}

#[test]
fn tasks_can_be_spawned_from_anywhere() {
    on_every_built_runtime(|runtime| {
        // From a thread that has entered the runtime.
        let entered = runtime.enter();
        let first = filch::spawn(async { 1 });
        drop(entered);
        // Through a handle, from a foreign thread.
        let handle = runtime.handle().clone();
        let second = thread::spawn(move || handle.spawn(async { 2 }))
            .join()
            .unwrap();
        // From a blocking function.
        let third = runtime.spawn_blocking(|| filch::spawn(async { 3 }));
        let sum = runtime.block_on(async move {
            first.await.unwrap() + second.await.unwrap() + third.await.unwrap().await.unwrap()
        });
        assert_eq!(sum, 6);
    });
}

#[test]
fn a_panic_is_returned_to_who_awaits() {
    on_every_runtime(|| async {
        let why = String::from("purpose");
        let task = filch::spawn(async move { panic!("on {why}") });
        let id = task.id();
        let error: task::JoinError = task.await.unwrap_err();
        assert!(error.is_panic());
        assert!(!error.is_cancelled());
        assert_eq!(error.id(), id);
        let text = error.to_string();
        assert!(
            text.contains("panic") && text.contains("on purpose"),
            "{text}"
        );
        assert!(text.contains(&id.to_string()), "{text}");
        assert_eq!(
            error.into_panic().downcast_ref::<String>().unwrap(),
            "on purpose"
        );

        let error = filch::spawn(async { std::panic::panic_any(7_u8) }).await;
        let error = error.unwrap_err();
        assert_eq!(error.try_into_panic().unwrap().downcast_ref(), Some(&7_u8));

        // The runtime goes on.
        assert_eq!(filch::spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn an_aborted_task_is_dropped_and_says_so() {
    on_every_runtime(|| async {
        let (held, dropped) = oneshot::channel::<()>();
        let task = filch::spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        let id = task.id();
        let abort = task.abort_handle();
        assert_eq!(abort.id(), id);
        assert!(!abort.is_finished() && !task.is_finished());
        abort.clone().abort();
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!(error.id(), id);
        assert!(error.to_string().contains("cancelled"), "{error}");
        assert!(error.try_into_panic().is_err());
        assert!(abort.is_finished());
        assert!(dropped.await.is_err());
        // Once more does nothing.
        abort.abort();
    });
}

#[test]
fn aborting_is_too_late_for_a_finished_task() {
    on_every_runtime(|| async {
        let task = filch::spawn(async { 1 });
        while !task.is_finished() {
            task::yield_now().await;
        }
        task.abort();
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn a_task_that_never_ran_can_be_aborted() {
    // On one thread the task cannot have run between the two statements.
    current_thread().block_on(async {
        let (held, dropped) = oneshot::channel::<()>();
        let task = filch::spawn(async move {
            drop(held);
            panic!("must not run");
        });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(dropped.await.is_err());
    });
}

#[test]
fn a_task_may_abort_itself() {
    on_every_runtime(|| async {
        let (sender, receiver) = oneshot::channel::<task::AbortHandle>();
        let task = filch::spawn(async move {
            receiver.await.unwrap().abort();
            // The poll in progress goes on; the next suspension is the last.
            task::yield_now().await;
            panic!("must not run");
        });
        sender.send(task.abort_handle()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_handle_may_be_moved_to_another_runtime() {
    on_every_built_runtime(|runtime| {
        let task = runtime.spawn(async { 5 });
        let other = workers(2);
        let forwarded = other.spawn(async move { task.await.unwrap() });
        // Runs the task where the runtime has no workers of its own.
        let output = runtime.block_on(forwarded).unwrap();
        assert_eq!(output, 5);
    });
}

#[test]
fn ids_tell_tasks_apart() {
    on_every_runtime(|| async {
        let handles: Vec<_> = (0..100)
            .map(|_| filch::spawn(async { task::id() }))
            .collect();
        let mut ids = HashSet::new();
        for handle in handles {
            let id = handle.id();
            assert_eq!(handle.await.unwrap(), id);
            assert!(ids.insert(id));
        }
        let blocking = task::spawn_blocking(task::try_id);
        let id = blocking.id();
        assert_eq!(blocking.await.unwrap(), Some(id));
    });
}

#[test]
fn the_id_is_known_while_future_and_output_are_dropped() {
    struct TellsId(Option<oneshot::Sender<Option<task::Id>>>);
    impl Drop for TellsId {
        fn drop(&mut self) {
            let _ = self.0.take().expect("dropped once").send(task::try_id());
        }
    }
    on_every_runtime(|| async {
        let (sender, dropped) = oneshot::channel();
        let on_drop = TellsId(Some(sender));
        let handle = filch::spawn(async move {
            let _on_drop = on_drop;
            pending::<()>().await;
        });
        handle.abort();
        assert_eq!(dropped.await.unwrap(), Some(handle.id()));

        // The output of a task that nobody awaits is dropped in the task.
        let (sender, dropped) = oneshot::channel();
        let on_drop = TellsId(Some(sender));
        let (gate, opened) = oneshot::channel::<()>();
        let handle = filch::spawn(async move {
            opened.await.unwrap();
            on_drop
        });
        let id = handle.id();
        drop(handle);
        gate.send(()).unwrap();
        assert_eq!(dropped.await.unwrap(), Some(id));
    });
}

#[test]
fn outside_of_a_task_there_is_no_id() {
    assert!(task::try_id().is_none());
    let text = panic_text(task::id);
    assert!(text.contains("task"), "{text}");
    on_every_built_runtime(|runtime| {
        assert!(runtime.block_on(async { task::try_id() }).is_none());
    });
}

#[test]
fn spawning_outside_of_a_runtime_panics_with_advice() {
    let spawn = || filch::spawn(async {});
    let spawn_blocking = || task::spawn_blocking(|| ());
    for text in [panic_text(spawn), panic_text(spawn_blocking)] {
        assert!(text.contains("runtime"), "{text}");
    }
}

#[test]
fn yielding_lets_others_run_first() {
    current_thread().block_on(async {
        let ran = Arc::new(AtomicBool::new(false));
        let other = filch::spawn({
            let ran = ran.clone();
            async move { ran.store(true, Ordering::Relaxed) }
        });
        task::yield_now().await;
        assert!(ran.load(Ordering::Relaxed));
        other.await.unwrap();
    });
}

#[test]
fn a_yielding_task_does_not_starve_others() {
    on_every_runtime(|| async {
        let stop = Arc::new(AtomicBool::new(false));
        let spinner = filch::spawn({
            let stop = stop.clone();
            async move {
                while !stop.load(Ordering::Relaxed) {
                    task::yield_now().await;
                }
            }
        });
        filch::spawn(async move { stop.store(true, Ordering::Relaxed) })
            .await
            .unwrap();
        spinner.await.unwrap();
    });
}

#[test]
fn yielding_works_under_foreign_wakers() {
    use std::pin::pin;
    use std::task::{Context, Wake, Waker};

    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let poll_by_hand = {
        let woken = woken.clone();
        move || {
            let waker = Waker::from(woken.clone());
            let mut cx = Context::from_waker(&waker);
            let mut future = pin!(task::yield_now());
            assert!(future.as_mut().poll(&mut cx).is_pending());
            assert!(woken.0.swap(false, Ordering::Relaxed));
            assert!(future.poll(&mut cx).is_ready());
            assert!(!woken.0.load(Ordering::Relaxed));
        }
    };
    // Outside of any runtime, and inside a task under a waker of its own.
    poll_by_hand();
    on_every_runtime(move || {
        let poll_by_hand = poll_by_hand.clone();
        async move { poll_by_hand() }
    });
}

#[test]
fn tasks_interleave_with_select_and_join() {
    on_every_runtime(|| async {
        let (sender, receiver) = oneshot::channel();
        let (sent, received) = filch::join!(
            async {
                task::yield_now().await;
                sender.send(4)
            },
            receiver
        );
        assert_eq!((sent, received), (Ok(()), Ok(4)));
    });
}

#[test]
fn panics_carry_the_line_of_the_caller() {
    use std::sync::Mutex;
    static FILES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    thread_local!(static LISTENING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if LISTENING.get() {
            let file = info.location().expect("panics have a location").file();
            FILES.lock().unwrap().push(file.to_owned());
        } else {
            previous(info);
        }
    }));
    LISTENING.set(true);
    let _ = catch_unwind(|| drop(filch::spawn(async {})));
    let _ = catch_unwind(|| drop(task::spawn_blocking(|| ())));
    let _ = catch_unwind(|| drop(Handle::current()));
    let _ = catch_unwind(|| task::id());
    LISTENING.set(false);
    let files = FILES.lock().unwrap();
    assert_eq!(files.len(), 4);
    assert!(
        files.iter().all(|file| file.ends_with("task.rs")),
        "{files:?}"
    );
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
