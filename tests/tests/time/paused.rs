//! The paused clock: it stands still, and jumps from deadline to deadline.

use super::every_runtime::within_bounds;
use super::{by_hand, ms};
use filch::net::{TcpListener, TcpStream};
use filch::runtime::Builder;
use filch::sync::mpsc;
use filch::task::{spawn_blocking, yield_now};
use filch::time::{self, Duration, Instant, sleep, sleep_until, timeout};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

#[filch::test(start_paused = true)]
async fn sleeps_end_at_exactly_their_deadlines() {
    let start = Instant::now();
    for nanos in [1, 999, 1_000_000, 123_456_789, 86_400_000_000_001] {
        let before = Instant::now();
        sleep(Duration::from_nanos(nanos)).await;
        assert_eq!(before.elapsed(), Duration::from_nanos(nanos));
    }
    sleep_until(start + Duration::from_secs(200_000)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(200_000));
}

#[filch::test(start_paused = true)]
async fn time_stands_still_while_there_is_work() {
    let start = Instant::now();
    let other = filch::spawn(async { sleep(ms(1)).await });
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    other.await.unwrap();
    assert_eq!(start.elapsed(), ms(1));
}

#[filch::test(start_paused = true)]
async fn tasks_wake_in_the_order_of_their_deadlines() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let start = Instant::now();
    for nanos in [50_000, 3, 2_000_000_000, 50_001, 4, 1] {
        let sender = sender.clone();
        filch::spawn(async move {
            sleep(Duration::from_nanos(nanos)).await;
            sender.send((nanos, start.elapsed())).unwrap();
        });
    }
    drop(sender);
    let mut order = Vec::new();
    while let Some((nanos, elapsed)) = receiver.recv().await {
        assert_eq!(elapsed, Duration::from_nanos(nanos));
        order.push(nanos);
    }
    assert_eq!(order, [1, 3, 4, 50_000, 50_001, 2_000_000_000]);
}

#[filch::test(start_paused = true)]
async fn a_year_of_ticks_takes_no_time() {
    let start = Instant::now();
    let mut interval = time::interval(Duration::from_secs(3_600));
    for _ in 0..=365 * 24 {
        interval.tick().await;
    }
    assert_eq!(start.elapsed(), Duration::from_secs(365 * 24 * 3_600));
}

#[filch::test(start_paused = true)]
async fn the_longest_sleep_ends() {
    let start = Instant::now();
    sleep(Duration::MAX).await;
    assert!(start.elapsed() >= Duration::from_secs(86_400 * 365 * 29));
    sleep(ms(1)).await;
}

/// The timers count nanoseconds, in 64 bits; what is further ahead than those is due with the last.
#[filch::test(start_paused = true)]
async fn a_deadline_beyond_the_last_tick_is_jumped_to() {
    let Some(deadline) = Instant::now().checked_add(Duration::from_secs(86_400 * 365 * 600)) else {
        return;
    };
    sleep_until(deadline).await;
}

#[filch::test(start_paused = true)]
async fn a_cancelled_timeout_does_not_move_the_clock() {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    timeout(ms(10), async { yield_now().await }).await.unwrap();
    // The connection is none of the clock's business, and takes real time.
    let connecting = thread::spawn(move || {
        thread::sleep(ms(20));
        std::net::TcpStream::connect(address).unwrap()
    });
    listener.accept().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    connecting.join().unwrap();
}

#[filch::test(start_paused = true)]
async fn a_ready_socket_comes_before_a_deadline() {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let accepting = filch::spawn(async move {
        let (accepted, _) = listener.accept().await.unwrap();
        accepted.readable().await.unwrap();
        start.elapsed()
    });
    stream.writable().await.unwrap();
    assert_eq!(stream.try_write(b"now").unwrap(), 3);
    sleep(ms(100)).await;
    assert_eq!(accepting.await.unwrap(), Duration::ZERO);
    assert_eq!(start.elapsed(), ms(100));
}

#[filch::test(start_paused = true)]
async fn the_clock_waits_for_blocking_tasks() {
    let start = Instant::now();
    let sleeping = filch::spawn(async move {
        sleep(ms(5)).await;
        start.elapsed()
    });
    let before = spawn_blocking(move || thread::sleep(ms(20))).await;
    before.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(sleeping.await.unwrap(), ms(5));
}

/// Runs `change` on a thread of the pool, which keeps the clock from jumping, as the
/// runtime is about to wait for a sleep of 10 ms and for that thread.
fn changed_while_the_runtime_waits(change: fn(&filch::runtime::Handle)) {
    for _ in 0..20 {
        within_bounds("a change of the clock", move || {
            let (parked, has_parked) = std::sync::mpsc::channel();
            let runtime = Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .on_thread_park(move || {
                    let _ = parked.send(());
                })
                .build()
                .unwrap();
            runtime.block_on(async {
                let handle = filch::runtime::Handle::current();
                let changing = spawn_blocking(move || {
                    has_parked.recv().unwrap();
                    change(&handle);
                    // Nobody else ends the runtime's wait.
                    has_parked.into_iter().take(1).for_each(drop);
                });
                sleep(ms(10)).await;
                changing.await.unwrap();
            });
        });
    }
}

#[test]
fn a_clock_resumed_elsewhere_is_noticed_by_who_waits() {
    changed_while_the_runtime_waits(|_| time::resume());
}

#[test]
fn a_clock_advanced_elsewhere_is_noticed_by_who_waits() {
    changed_while_the_runtime_waits(|handle| handle.block_on(time::advance(ms(10))));
}

/// More timers than fire at a time are due at once, and the first task to run keeps the
/// clock from jumping until the last has run.
#[test]
fn what_is_due_fires_although_the_clock_must_not_jump() {
    const SLEEPS: usize = 1_100;
    within_bounds("many sleeps", || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .event_interval(10_000)
            .build()
            .unwrap();
        let (last, has_last_run) = std::sync::mpsc::channel();
        let mut blocking = Some(move || has_last_run.recv().unwrap());
        let ended = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..SLEEPS)
            .map(|_| {
                let (ended, last) = (Arc::clone(&ended), last.clone());
                let mut blocking = blocking.take();
                runtime.spawn(async move {
                    sleep(Duration::from_secs(1)).await;
                    if ended.fetch_add(1, SeqCst) + 1 == SLEEPS {
                        last.send(()).unwrap();
                    }
                    if let Some(blocking) = blocking.take() {
                        spawn_blocking(blocking).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

#[filch::test(start_paused = true)]
async fn a_sleep_on_a_foreign_thread_is_served_as_well() {
    let handle = filch::runtime::Handle::current();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let start = Instant::now();
    let foreign = thread::spawn(move || {
        thread::sleep(ms(5));
        let _context = handle.enter();
        let mut sleep = by_hand(sleep(ms(70)));
        let is_pending = sleep.poll().is_pending();
        while is_pending && sleep.wakes() == 0 {
            thread::yield_now();
        }
        sender.send(Instant::now()).unwrap();
    });
    // The runtime waits without any deadline of its own.
    let ended = receiver.recv().await.unwrap();
    assert_eq!(ended - start, ms(70));
    foreign.join().unwrap();
}

#[filch::test]
async fn pausing_in_the_middle_keeps_what_was_registered() {
    let mut before = by_hand(sleep(Duration::from_secs(3_600)));
    assert!(before.poll().is_pending());
    let deadline = before.future.deadline();
    time::pause();
    before.future.as_mut().await;
    // It was rounded as on a running clock.
    assert!(Instant::now() >= deadline && Instant::now() < deadline + ms(1));
}

#[filch::test(start_paused = true)]
async fn a_resumed_clock_runs_on_from_where_it_stood() {
    let start = Instant::now();
    sleep(Duration::from_secs(3_600)).await;
    time::resume();
    let resumed = Instant::now();
    assert!(resumed - start >= Duration::from_secs(3_600));
    sleep(ms(2)).await;
    assert!(resumed.elapsed() >= ms(2));
    time::pause();
    let paused = Instant::now();
    sleep(ms(3)).await;
    assert_eq!(paused.elapsed(), ms(3));
}

#[test]
fn clocks_of_two_runtimes_are_independent() {
    within_bounds("two clocks", || {
        let paused = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let running = Builder::new_current_thread().enable_all().build().unwrap();
        let start = paused.block_on(async {
            let start = Instant::now();
            sleep(Duration::from_secs(86_400)).await;
            start
        });
        assert!(running.block_on(async { start.elapsed() }) < Duration::from_secs(86_400));
        assert!(
            start.elapsed() < Duration::from_secs(86_400),
            "outside it is real time"
        );
        assert!(paused.block_on(async { start.elapsed() }) >= Duration::from_secs(86_400));
        // The paused runtime's clock is also that of a foreign thread in its context.
        let context = paused.enter();
        assert!(start.elapsed() >= Duration::from_secs(86_400));
        drop(context);
    });
}

#[test]
fn the_same_program_sees_the_same_times_again() {
    let run = || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let start = Instant::now();
            let mut seed = 0x2545_f491_4f6c_dd1d_u64;
            let mut times = Vec::new();
            for _ in 0..1_000 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                sleep(Duration::from_nanos(seed % 1_000_000_000)).await;
                times.push(start.elapsed());
            }
            times
        })
    };
    assert_eq!(run(), run());
}
