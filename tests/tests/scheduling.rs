//! Who runs when: nothing waits behind a long poll while a worker is idle, and
//! nothing starves.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, within_bounds, workers};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::runtime::Builder;
use filch::sync::mpsc::unbounded_channel;
use filch::task::{block_in_place, yield_now};
use filch::time::sleep;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `body` as a task on runtimes with several workers. It blocks its worker
/// until something else has run, and so hangs if nobody else runs it.
fn on_several_workers(body: impl Fn() + Clone + Send + 'static) {
    for count in [2, 3, 8] {
        let body = body.clone();
        within_bounds(&format!("{count} workers"), move || {
            let runtime = workers(count);
            for _ in 0..50 {
                let body = body.clone();
                runtime
                    .block_on(runtime.spawn(async move { body() }))
                    .unwrap();
            }
        });
    }
}

/// Blocks until ten tasks of the caller's have run, elsewhere.
fn others_run_ten_tasks() {
    let (done, wait) = channel();
    for _ in 0..10 {
        let done = done.clone();
        filch::spawn(async move { done.send(()).unwrap() });
    }
    for _ in 0..10 {
        wait.recv().unwrap();
    }
}

#[test]
fn a_task_in_the_lifo_slot_does_not_wait_behind_a_long_poll() {
    on_several_workers(|| {
        let (done, wait) = channel();
        filch::spawn(async move { done.send(()).unwrap() });
        wait.recv().unwrap();
    });
}

#[test]
fn tasks_in_the_local_queue_do_not_wait_behind_a_long_poll() {
    on_several_workers(others_run_ten_tasks);
}

/// As many polls block as there are processors, so that nobody is woken for a
/// backlog any more; yet the rest is run, by the one worker that is left.
#[test]
fn more_workers_than_processors_make_up_for_polls_that_block() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    within_bounds("all processors blocked", move || {
        let runtime = workers(processors + 2);
        let (blocked, is_blocked) = channel();
        let (release, released) = channel::<()>();
        let released = Arc::new(std::sync::Mutex::new(released));
        let spawner = runtime.spawn(async move {
            for _ in 0..processors {
                let (blocked, released) = (blocked.clone(), released.clone());
                filch::spawn(async move {
                    blocked.send(()).unwrap();
                    released.lock().unwrap().recv().unwrap();
                });
            }
            for _ in 0..processors {
                is_blocked.recv().unwrap();
            }
            others_run_ten_tasks();
            for _ in 0..processors {
                release.send(()).unwrap();
            }
        });
        runtime.block_on(spawner).unwrap();
    });
}

/// Each poll blocks until a task has run that waits behind it, which blocks in turn:
/// whoever leaves its sleep for one of them leaves somebody behind that watches it.
#[test]
fn polls_that_block_on_one_another_find_a_worker_each() {
    fn block(depth: usize) {
        if depth > 0 {
            let (done, wait) = channel();
            for _ in 0..4 {
                let done = done.clone();
                filch::spawn(async move { done.send(()).unwrap() });
            }
            filch::spawn(async move {
                block(depth - 1);
                done.send(()).unwrap();
            });
            for _ in 0..5 {
                wait.recv().unwrap();
            }
        }
    }
    for count in [2, 3, 4, 8] {
        within_bounds(&format!("{count} workers"), move || {
            let runtime = workers(count);
            for _ in 0..50 {
                let body = async move { block(count - 1) };
                runtime.block_on(runtime.spawn(body)).unwrap();
            }
        });
    }
}

#[test]
fn a_timer_does_not_wait_behind_a_long_poll() {
    on_several_workers(|| {
        let (done, wait) = channel();
        filch::spawn(async move {
            sleep(Duration::from_micros(200)).await;
            done.send(()).unwrap();
        });
        wait.recv().unwrap();
    });
}

#[test]
fn a_socket_does_not_wait_behind_a_long_poll() {
    on_several_workers(|| {
        let (done, wait) = channel();
        filch::spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = filch::spawn(async move {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(b"x").await.unwrap();
                client.read_u8().await.unwrap()
            });
            let (mut server, _) = listener.accept().await.unwrap();
            let byte = server.read_u8().await.unwrap();
            server.write_u8(byte).await.unwrap();
            assert_eq!(client.await.unwrap(), b'x');
            done.send(()).unwrap();
        });
        wait.recv().unwrap();
    });
}

#[test]
fn a_task_woken_by_a_thread_does_not_wait_behind_a_long_poll() {
    on_several_workers(|| {
        let (done, wait) = channel();
        let (send, mut receive) = unbounded_channel();
        filch::spawn(async move {
            receive.recv().await.unwrap();
            done.send(()).unwrap();
        });
        thread::spawn(move || send.send(()).unwrap());
        wait.recv().unwrap();
    });
}

#[test]
fn tasks_of_an_idle_runtime_do_not_wait_behind_a_long_poll() {
    // After a pause long enough for every worker to sleep without a limit.
    within_bounds("2 workers after a pause", || {
        let runtime = workers(2);
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(30));
            runtime
                .block_on(runtime.spawn(async {
                    let (done, wait) = channel();
                    filch::spawn(async move { done.send(()).unwrap() });
                    wait.recv().unwrap();
                }))
                .unwrap();
        }
    });
}

#[test]
fn tasks_of_a_deadline_do_not_wait_behind_a_long_poll() {
    // A wait long enough for every other worker to rest until after the deadline, one
    // that is too short for that, and an event in between.
    within_bounds("2 workers after a sleep", || {
        let runtime = workers(2);
        let far = runtime.spawn(async { sleep(Duration::from_millis(300)).await });
        for pause in [20_000, 100, 20_000, 500] {
            let body = async move {
                sleep(Duration::from_micros(pause)).await;
                others_run_ten_tasks();
            };
            runtime.block_on(runtime.spawn(body)).unwrap();
            thread::sleep(Duration::from_millis(20));
            let body = async { others_run_ten_tasks() };
            runtime.block_on(runtime.spawn(body)).unwrap();
        }
        runtime.block_on(far).unwrap();
    });
}

#[test]
fn block_in_place_hands_the_worker_over() {
    for count in [1, 2] {
        within_bounds(&format!("{count} workers"), move || {
            let runtime = workers(count);
            for _ in 0..50 {
                runtime
                    .block_on(runtime.spawn(async {
                        let (done, wait) = channel();
                        filch::spawn(async move {
                            yield_now().await;
                            sleep(Duration::from_micros(50)).await;
                            done.send(7).unwrap();
                        });
                        assert_eq!(block_in_place(|| wait.recv().unwrap()), 7);
                        yield_now().await;
                    }))
                    .unwrap();
            }
        });
    }
}

#[test]
fn block_in_place_may_be_nested_and_block_on() {
    within_bounds("1 worker", || {
        let runtime = workers(1);
        let handle = runtime.handle().clone();
        let sum = runtime
            .block_on(runtime.spawn(async move {
                block_in_place(|| {
                    let inner = handle.block_on(async { filch::spawn(async { 1 }).await.unwrap() });
                    inner + block_in_place(|| handle.block_on(async { 2 }))
                })
            }))
            .unwrap();
        assert_eq!(sum, 3);
    });
}

#[test]
fn a_panic_in_block_in_place_ends_the_task_alone() {
    within_bounds("1 worker", || {
        let runtime = workers(1);
        for _ in 0..20 {
            let task = runtime.spawn(async { block_in_place(|| panic!("in place")) });
            assert!(runtime.block_on(task).unwrap_err().is_panic());
            assert_eq!(runtime.block_on(runtime.spawn(async { 5 })).unwrap(), 5);
        }
    });
}

#[test]
fn a_worker_survives_a_thread_name_that_panics_in_block_in_place() {
    within_bounds("1 worker", || {
        let named = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name_fn(move || {
                assert_eq!(named.fetch_add(1, SeqCst), 0, "only the worker gets a name");
                "worker".to_owned()
            })
            .enable_all()
            .build()
            .unwrap();
        // Whether the task ends by the panic or blocks in place is not the point.
        let _ = runtime.block_on(runtime.spawn(async { block_in_place(|| 1) }));
        assert_eq!(runtime.block_on(runtime.spawn(async { 5 })).unwrap(), 5);
    });
}

#[test]
fn two_tasks_that_wake_each_other_starve_nobody() {
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let (to_right, mut from_left) = unbounded_channel();
            let (to_left, mut from_right) = unbounded_channel();
            to_right.send(()).unwrap();
            let (left_stops, right_stops) = (stop.clone(), stop.clone());
            let left = filch::spawn(async move {
                while from_right.recv().await.is_some() && !left_stops.load(SeqCst) {
                    let _ = to_right.send(());
                }
            });
            let right = filch::spawn(async move {
                while from_left.recv().await.is_some() && !right_stops.load(SeqCst) {
                    let _ = to_left.send(());
                }
            });
            let third = filch::spawn(async move {
                for _ in 0..100 {
                    yield_now().await;
                }
                sleep(Duration::from_millis(1)).await;
                stop.store(true, SeqCst);
            });
            for task in [left, right, third] {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn busy_tasks_starve_neither_timers_nor_sockets_nor_foreign_wakes() {
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let busy: Vec<_> = (0..16)
                .map(|_| {
                    let stop = stop.clone();
                    filch::spawn(async move {
                        while !stop.load(SeqCst) {
                            yield_now().await;
                        }
                    })
                })
                .collect();
            for _ in 0..3 {
                sleep(Duration::from_millis(1)).await;
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = filch::spawn(async move {
                TcpStream::connect(address)
                    .await
                    .unwrap()
                    .read_u8()
                    .await
                    .unwrap()
            });
            let (mut server, _) = listener.accept().await.unwrap();
            server.write_u8(9).await.unwrap();
            assert_eq!(client.await.unwrap(), 9);
            let (send, mut receive) = unbounded_channel();
            let thread = thread::spawn(move || send.send(()).unwrap());
            receive.recv().await.unwrap();
            thread.join().unwrap();
            stop.store(true, SeqCst);
            for task in busy {
                task.await.unwrap();
            }
        });
    });
}

/// A worker whose polls were short does not take them to be short still after a sleep.
#[test]
fn long_polls_after_a_sleep_delay_a_timer_by_few_of_them() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let work = async {
        for _ in 0..10_000 {
            yield_now().await;
        }
        sleep(Duration::from_millis(1)).await;
        let polls = Arc::new(AtomicUsize::new(0));
        let timer = filch::spawn({
            let polls = polls.clone();
            async move {
                sleep(Duration::from_millis(2)).await;
                polls.load(SeqCst)
            }
        });
        let busy: Vec<_> = (0..300)
            .map(|_| {
                let polls = polls.clone();
                filch::spawn(async move {
                    let start = Instant::now();
                    while start.elapsed() < Duration::from_micros(200) {}
                    polls.fetch_add(1, SeqCst);
                })
            })
            .collect();
        let before_the_timer = timer.await.unwrap();
        for task in busy {
            task.await.unwrap();
        }
        before_the_timer
    };
    let before_the_timer = runtime.block_on(async { filch::spawn(work).await.unwrap() });
    assert!(before_the_timer < 72, "{before_the_timer} polls came first");
}

#[test]
fn every_task_of_a_storm_from_many_threads_runs_once() {
    const THREADS: usize = 4;
    const TASKS: usize = 5_000;
    on_every_built_runtime(|runtime| {
        let ran = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let spawned: Vec<_> = (0..TASKS)
                        .map(|index| {
                            let ran = ran.clone();
                            runtime.spawn(async move {
                                if index % 3 == 0 {
                                    yield_now().await;
                                }
                                ran.fetch_add(1, SeqCst);
                            })
                        })
                        .collect();
                    runtime.block_on(async {
                        for task in spawned {
                            task.await.unwrap();
                        }
                    });
                });
            }
        });
        assert_eq!(ran.load(SeqCst), THREADS * TASKS);
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    });
}

#[test]
fn nested_spawns_all_end() {
    fn tree(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 1;
            }
            let left = filch::spawn(tree(depth - 1));
            let right = filch::spawn(tree(depth - 1));
            left.await.unwrap() + right.await.unwrap()
        })
    }
    on_every_built_runtime(|runtime| {
        assert_eq!(
            runtime.block_on(async { filch::spawn(tree(11)).await.unwrap() }),
            1 << 11
        );
    });
}

/// The context switches of this process's threads named `name`, one each time
/// a thread went to sleep.
#[cfg(target_os = "linux")]
fn sleeps(name: &str) -> u64 {
    let mut sum = 0;
    for thread in fs::read_dir("/proc/self/task").unwrap() {
        let Ok(status) = fs::read_to_string(thread.unwrap().path().join("status")) else {
            continue;
        };
        let field = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or("")
                .trim()
                .to_owned()
        };
        if field("Name:") == name {
            sum += field("voluntary_ctxt_switches:").parse::<u64>().unwrap();
        }
    }
    sum
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_runtime_makes_no_wake_ups() {
    const WINDOW: Duration = Duration::from_millis(300);
    within_bounds("2 workers", || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("at-rest")
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            // Cancelled timers must not wake anybody either, more than once.
            for _ in 0..10 {
                let long = filch::spawn(sleep(Duration::from_secs(3600)));
                sleep(Duration::from_micros(100)).await;
                long.abort();
            }
        });
        // The workers go to rest after some milliseconds; how many is not the point.
        let mut before = sleeps("at-rest");
        loop {
            thread::sleep(WINDOW);
            let now = sleeps("at-rest");
            if now == before {
                break;
            }
            before = now;
        }
    });
}

#[test]
fn a_ticker_among_busy_tasks_keeps_its_pace_on_one_thread() {
    within_bounds("current thread", || {
        current_thread().block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let stops = stop.clone();
            let busy = filch::spawn(async move {
                while !stops.load(SeqCst) {
                    yield_now().await;
                }
            });
            let start = Instant::now();
            let mut ticker = filch::time::interval(Duration::from_millis(1));
            for _ in 0..20 {
                ticker.tick().await;
            }
            assert!(
                start.elapsed() >= Duration::from_millis(19),
                "a tick is never early"
            );
            stop.store(true, SeqCst);
            busy.await.unwrap();
        });
    });
}

#[test]
fn a_spin_without_end_ends() {
    within_bounds("a worker that spins", || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .spin_before_sleep(Duration::MAX)
            .build()
            .unwrap();
        for _ in 0..20 {
            runtime.block_on(runtime.spawn(async {})).unwrap();
            runtime.block_on(async { sleep(Duration::from_micros(100)).await });
        }
    });
}

/// Nobody sleeps who could look after the worker that blocks, and nobody runs dry.
#[test]
fn busy_workers_take_over_what_waits_behind_a_poll_that_blocks() {
    for count in [2, 3, 8] {
        within_bounds(&format!("{count} workers"), move || {
            let runtime = workers(count);
            let stop = Arc::new(AtomicBool::new(false));
            let busy: Vec<_> = (1..count)
                .map(|_| {
                    let stop = Arc::clone(&stop);
                    runtime.spawn(async move {
                        while !stop.load(SeqCst) {
                            yield_now().await;
                        }
                    })
                })
                .collect();
            for _ in 0..20 {
                let blocking = runtime.spawn(async {
                    let (done, wait) = channel();
                    filch::spawn(async move { done.send(()).unwrap() });
                    wait.recv().unwrap();
                });
                runtime.block_on(blocking).unwrap();
            }
            stop.store(true, SeqCst);
            for task in busy {
                runtime.block_on(task).unwrap();
            }
        });
    }
}
