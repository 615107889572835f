//! Building, entering and asking a runtime, and what bad use of it answers.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, within_bounds, workers};
use filch::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use filch::sync::oneshot;
use filch::task::{block_in_place, spawn_blocking};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// The message of the panic in `f`.
#[track_caller]
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("expected a panic")
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("a message").to_string(),
    }
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "expected {part:?} in {message:?}");
    }
}

#[test]
fn bad_settings_are_refused_with_advice() {
    assert_says(
        &panic_of(|| _ = Builder::new_multi_thread().worker_threads(0)),
        &["Worker threads cannot be set to 0", "new_current_thread"],
    );
    assert_says(
        &panic_of(|| _ = Builder::new_multi_thread().worker_threads(70_000)),
        &["70000", "65535"],
    );
    assert_says(
        &panic_of(|| _ = Builder::new_multi_thread().max_blocking_threads(0)),
        &["Max blocking threads cannot be set to 0"],
    );
    for name in ["", "  ", "a\0b"] {
        assert_says(
            &panic_of(|| _ = Builder::new_multi_thread().thread_name(name)),
            &["thread name must not"],
        );
    }
    assert_says(
        &panic_of(|| _ = Builder::new_multi_thread().event_interval(0)),
        &["event_interval must be greater than 0"],
    );
    assert_says(
        &panic_of(|| _ = Builder::new_multi_thread().global_queue_interval(0)),
        &["global_queue_interval must be greater than 0"],
    );
    assert_says(
        &panic_of(|| _ = Builder::new_multi_thread().max_io_events_per_tick(0)),
        &["max_io_events_per_tick must be greater than 0"],
    );
    assert_says(
        &panic_of(|| Builder::new_multi_thread().start_paused(true).build()),
        &["start_paused", "current-thread"],
    );
}

#[test]
fn an_unusable_thread_name_function_is_an_error_of_build() {
    within_bounds("build", || {
        let named = AtomicUsize::new(0);
        let result = Builder::new_multi_thread()
            .worker_threads(3)
            .thread_name_fn(move || {
                if named.fetch_add(1, SeqCst) < 2 {
                    "good".into()
                } else {
                    String::new()
                }
            })
            .build();
        let error = result.expect_err("the third name is blank");
        assert_says(&error.to_string(), &["thread name must not be blank"]);
    });
}

#[test]
fn a_thread_name_function_that_panics_leaves_no_worker_behind() {
    within_bounds("build", || {
        let (named, running) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (started, stopped) = (Arc::clone(&running), Arc::clone(&running));
        let message = panic_of(|| {
            Builder::new_multi_thread()
                .worker_threads(3)
                .on_thread_start(move || _ = started.fetch_add(1, SeqCst))
                .on_thread_stop(move || _ = stopped.fetch_sub(1, SeqCst))
                .thread_name_fn(move || match named.fetch_add(1, SeqCst) {
                    0 | 1 => "good".into(),
                    _ => panic!("no third name"),
                })
                .build()
        });
        assert_says(&message, &["no third name"]);
        assert_eq!(running.load(SeqCst), 0, "a worker runs on");
        assert_eq!(Arc::strong_count(&running), 1, "a runtime is left");
    });
}

#[test]
fn a_thread_that_cannot_be_created_is_an_error_of_build() {
    within_bounds("build", || {
        let error = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_stack_size(1 << 50)
            .build();
        error.expect_err("no machine has a stack of a pebibyte");
    });
}

#[test]
fn a_thread_for_blocking_work_that_cannot_be_created_says_what_to_do() {
    within_bounds("spawn_blocking", || {
        let runtime = Builder::new_current_thread()
            .thread_stack_size(1 << 50)
            .enable_all()
            .build()
            .unwrap();
        let message = panic_of(|| runtime.spawn_blocking(|| ()));
        assert_says(
            &message,
            &["could not create a thread", "max_blocking_threads"],
        );
        // The runtime goes on.
        assert_eq!(
            runtime.block_on(async { filch::spawn(async { 3 }).await.unwrap() }),
            3
        );
    });
}

#[test]
fn use_outside_a_runtime_says_what_to_do() {
    let advice = ["no filch runtime", "#[filch::main]"];
    assert_says(&panic_of(|| filch::spawn(async {})), &advice);
    assert_says(&panic_of(|| spawn_blocking(|| ())), &advice);
    assert_says(&panic_of(Handle::current), &advice);
    assert_says(&panic_of(|| filch::time::sleep(Duration::ZERO)), &advice);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_says(
        &panic_of(|| filch::net::TcpListener::from_std(listener)),
        &advice,
    );
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context());
    assert_says(&error.to_string(), &advice);
    // Without a runtime nothing is held up: it just runs.
    assert_eq!(block_in_place(|| 4), 4);
}

#[test]
fn parts_that_were_not_enabled_say_so() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    assert_says(
        &panic_of(|| filch::time::sleep(Duration::ZERO)),
        &["enable_time"],
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_says(
        &panic_of(|| filch::net::TcpListener::from_std(listener)),
        &["enable_io"],
    );
}

#[test]
fn a_nested_block_on_says_what_to_do() {
    on_every_built_runtime(|runtime| {
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let advice = [
                "Cannot start a runtime from within a runtime",
                "spawn_blocking",
            ];
            assert_says(&panic_of(|| handle.block_on(async {})), &advice);
            let other = current_thread();
            assert_says(&panic_of(|| other.block_on(async {})), &advice);
            other.shutdown_background();
            // On a thread that may block it is fine.
            let inner = handle.clone();
            assert_eq!(
                spawn_blocking(move || inner.block_on(async { 8 }))
                    .await
                    .unwrap(),
                8
            );
        });
    });
}

#[test]
fn block_in_place_on_a_current_thread_runtime_says_what_to_do() {
    let runtime = current_thread();
    runtime.block_on(async {
        assert_says(
            &panic_of(|| block_in_place(|| ())),
            &["multi-threaded runtime", "spawn_blocking"],
        );
    });
    // A thread of its blocking pool may block in any way.
    assert_eq!(
        runtime.block_on(spawn_blocking_in(&runtime, || block_in_place(|| 6))),
        6
    );
}

async fn spawn_blocking_in<R: Send + 'static>(
    runtime: &Runtime,
    f: impl FnOnce() -> R + Send + 'static,
) -> R {
    runtime.spawn_blocking(f).await.unwrap()
}

#[test]
fn guards_dropped_out_of_order_panic() {
    let (first, second) = (current_thread(), current_thread());
    let outer = first.enter();
    let inner = second.enter();
    assert_says(
        &panic_of(|| drop(outer)),
        &["dropped out of order", "reverse order"],
    );
    // The outer one has left the inner one's runtime as well.
    assert!(Handle::try_current().is_err());
    drop(inner);
    assert!(Handle::try_current().is_err());
}

#[test]
fn guards_dropped_out_of_order_leave_a_worker_in_its_runtime() {
    let (own, first, second) = (workers(1), current_thread(), current_thread());
    let (first_handle, second_handle) = (first.handle().clone(), second.handle().clone());
    let misuse = own.spawn(async move {
        let (outer, inner) = (first_handle.enter(), second_handle.enter());
        panic_of(|| drop(outer));
        drop(inner);
    });
    own.block_on(misuse).unwrap();
    let flavor = own.spawn(async { Handle::current().runtime_flavor() });
    assert_eq!(own.block_on(flavor).unwrap(), RuntimeFlavor::MultiThread);
}

#[test]
fn guards_nest() {
    let (first, second) = (current_thread(), workers(1));
    assert!(Handle::try_current().is_err());
    {
        let _outer = first.enter();
        assert_eq!(
            Handle::current().runtime_flavor(),
            RuntimeFlavor::CurrentThread
        );
        {
            let _inner = second.enter();
            assert_eq!(
                Handle::current().runtime_flavor(),
                RuntimeFlavor::MultiThread
            );
        }
        assert_eq!(
            Handle::current().runtime_flavor(),
            RuntimeFlavor::CurrentThread
        );
    }
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_panic_in_block_on_leaves_the_runtime_usable() {
    on_every_built_runtime(|runtime| {
        assert_eq!(
            panic_of(|| runtime.block_on(async { panic!("root") })),
            "root"
        );
        assert!(Handle::try_current().is_err());
        assert_eq!(
            runtime.block_on(async { filch::spawn(async { 2 }).await.unwrap() }),
            2
        );
    });
}

#[test]
fn several_threads_may_block_on_one_runtime() {
    on_every_built_runtime(|runtime| {
        thread::scope(|scope| {
            for number in 0..4 {
                let runtime = &runtime;
                scope.spawn(move || {
                    for _ in 0..100 {
                        let got = runtime.block_on(async move {
                            let (send, receive) = oneshot::channel();
                            filch::spawn(async move { send.send(number).unwrap() });
                            filch::time::sleep(Duration::from_micros(20)).await;
                            receive.await.unwrap()
                        });
                        assert_eq!(got, number);
                    }
                });
            }
        });
    });
}

#[test]
fn a_root_is_woken_by_its_own_tasks_and_by_threads() {
    on_every_built_runtime(|runtime| {
        for _ in 0..200 {
            runtime.block_on(async {
                let (send, receive) = oneshot::channel();
                thread::spawn(move || send.send(1).unwrap());
                assert_eq!(receive.await.unwrap(), 1);
                let (send, receive) = oneshot::channel();
                filch::spawn(async move { send.send(2).unwrap() });
                assert_eq!(receive.await.unwrap(), 2);
            });
        }
    });
}

#[test]
fn a_handle_spawns_from_anywhere() {
    on_every_built_runtime(|runtime| {
        let handle = runtime.handle().clone();
        let task = thread::spawn(move || {
            handle.spawn(async { Handle::current().spawn(async { 11 }).await.unwrap() })
        });
        assert_eq!(runtime.block_on(task.join().unwrap()).unwrap(), 11);
    });
}

#[test]
fn hooks_are_called_on_the_runtime_s_threads() {
    within_bounds("hooks", || {
        let counts: [Arc<AtomicUsize>; 4] = Default::default();
        let count = |index: usize| {
            let count = counts[index].clone();
            move || _ = count.fetch_add(1, SeqCst)
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("hooked")
            .on_thread_start(count(0))
            .on_thread_stop(count(1))
            .on_thread_park(count(2))
            .on_thread_unpark(count(3))
            .enable_all()
            .build()
            .unwrap();
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(
            runtime
                .block_on(runtime.spawn(async move { name() }))
                .unwrap()
                .as_deref(),
            Some("hooked")
        );
        assert_eq!(
            runtime
                .block_on(runtime.spawn_blocking(name))
                .unwrap()
                .as_deref(),
            Some("hooked")
        );
        runtime.block_on(async { filch::time::sleep(Duration::from_millis(2)).await });
        drop(runtime);
        let [started, stopped, parked, unparked] = counts.map(|count| count.load(SeqCst));
        assert_eq!(started, 3, "two workers and a thread for blocking work");
        assert_eq!(stopped, 3);
        assert!(
            parked > 0 && parked == unparked,
            "{parked} parks, {unparked} unparks"
        );
    });
}

#[test]
fn metrics_count() {
    on_every_built_runtime(|runtime| {
        let metrics = runtime.metrics();
        let polls = || {
            (0..metrics.num_workers())
                .map(|worker| metrics.worker_poll_count(worker))
                .sum::<u64>()
        };
        let before = polls();
        runtime.block_on(async {
            let (send, receive) = oneshot::channel::<()>();
            let task = filch::spawn(receive);
            assert_eq!(metrics.num_alive_tasks(), 1);
            drop(send);
            task.await.unwrap().unwrap_err();
            spawn_blocking(|| ()).await.unwrap();
        });
        assert_eq!(metrics.num_alive_tasks(), 0);
        assert!(polls() > before);
        assert_eq!(metrics.num_blocking_threads(), 1);
        assert_eq!(
            metrics.global_queue_depth() + metrics.blocking_queue_depth(),
            0
        );
        assert_says(
            &panic_of(|| metrics.worker_poll_count(100)),
            &["no worker 100"],
        );
    });
}

const VARIABLE: &str = "FILCH_WORKER_THREADS";
const TOKIOS_VARIABLE: &str = "TOKIO_WORKER_THREADS";
const CHILD: &str = "FILCH_TEST_CHILD";

/// Runs this test binary's child test with these variables set.
fn workers_of_child(set: &[(&str, &str)]) -> Result<usize, String> {
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "prints_its_default_worker_count",
            "--nocapture",
            "--ignored",
        ])
        .env_remove(VARIABLE)
        .env_remove(TOKIOS_VARIABLE)
        .envs(set.iter().copied())
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let number = text
        .split("workers: ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or(text)
}

#[test]
#[ignore = "run in a child process by another test"]
fn prints_its_default_worker_count() {
    if env::var_os(CHILD).is_some() {
        let runtime = Runtime::new().unwrap();
        println!("workers: {} ", runtime.metrics().num_workers());
    }
}

#[test]
fn the_environment_sets_the_default_worker_count() {
    assert_eq!(workers_of_child(&[(VARIABLE, "3")]), Ok(3));
    assert_eq!(workers_of_child(&[(TOKIOS_VARIABLE, "3")]), Ok(3));
    assert_eq!(
        workers_of_child(&[(VARIABLE, "3"), (TOKIOS_VARIABLE, "5")]),
        Ok(3)
    );
    for variable in [VARIABLE, TOKIOS_VARIABLE] {
        for bad in ["0", "many", "-1", "65536"] {
            let said = workers_of_child(&[(variable, bad)]).unwrap_err();
            assert_says(&said, &[variable, "must be a number from 1 to 65535", bad]);
        }
    }
}

#[test]
fn spawns_and_wakes_from_outside_are_counted() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        within_bounds("wake", move || {
            let runtime = builder
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime");
            let (sender, receiver) = oneshot::channel::<()>();
            let (waits, waiting) = channel();
            let task = runtime.spawn(async move {
                waits.send(()).expect("the test listens");
                receiver.await.expect("the test sends");
            });
            let outside = thread::spawn(move || {
                waiting.recv().expect("the task waits");
                sender.send(()).expect("the task listens");
            });
            runtime.block_on(task).expect("the task ends");
            outside.join().expect("no panic");
            // The wake is not one if it came before the wait.
            let schedules = runtime.metrics().remote_schedule_count();
            assert!((1..=2).contains(&schedules), "{schedules}");
            let spawns = (0..5).map(|_| runtime.spawn(async {})).collect::<Vec<_>>();
            assert_eq!(runtime.metrics().remote_schedule_count(), schedules + 5);
            drop(spawns);
        });
    }
}

#[test]
fn a_runtime_that_cannot_be_built_inside_of_a_task_is_an_error_there_too() {
    let runtime = workers(2);
    let building = runtime.spawn(async {
        let mut builder = Builder::new_multi_thread();
        builder.thread_name_fn(|| "with a\0 in it".to_owned());
        builder.build().map(drop).unwrap_err().kind()
    });
    let kind = runtime.block_on(building).unwrap();
    assert_eq!(kind, std::io::ErrorKind::InvalidInput);
}

#[test]
fn hooks_of_threads_run_inside_the_runtime() {
    within_bounds("hooks inside the runtime", || {
        let (started, has_started) = channel();
        let (stopped, has_stopped) = channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || {
                let started = started.clone();
                Handle::current().spawn(async move { started.send(()).unwrap() });
            })
            .on_thread_stop(move || stopped.send(Handle::try_current().is_ok()).unwrap())
            .build()
            .unwrap();
        for _ in 0..2 {
            has_started.recv().unwrap();
        }
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        has_started.recv().unwrap();
        drop(runtime);
        assert_eq!(has_stopped.iter().collect::<Vec<_>>(), [true; 3]);
    });
}
