//! The re-exported channels, locks and macros, used across tasks of a filch
//! runtime: a `Waker` is all that connects the two.

mod every_runtime;

use every_runtime::{on_every_built_runtime, on_every_runtime};
use filch::sync::{
    Barrier, Mutex, MutexGuard, Notify, OnceCell, OwnedMutexGuard, OwnedRwLockReadGuard,
    OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore, SetOnce, TryAcquireError,
    broadcast, mpsc, oneshot, watch,
};
use filch::task::{self, JoinSet};
use std::future::{pending, ready};
use std::sync::Arc;

#[test]
fn oneshot_passes_one_value() {
    on_every_runtime(|| async {
        let (sender, receiver) = oneshot::channel();
        filch::spawn(async move { sender.send(1).unwrap() });
        assert_eq!(receiver.await, Ok(1));

        let (sender, receiver) = oneshot::channel::<()>();
        filch::spawn(async move { drop(sender) });
        assert!(receiver.await.is_err());

        let (mut sender, receiver) = oneshot::channel::<()>();
        filch::spawn(async move { drop(receiver) });
        sender.closed().await;
    });
}

#[test]
fn oneshot_is_received_by_a_thread_that_blocks() {
    on_every_built_runtime(|runtime| {
        let (sender, receiver) = oneshot::channel();
        let blocking = runtime.spawn_blocking(|| receiver.blocking_recv());
        sender.send(2).unwrap();
        assert_eq!(runtime.block_on(blocking).unwrap(), Ok(2));
    });
}

#[test]
fn mpsc_gathers_from_many_and_applies_back_pressure() {
    on_every_runtime(|| async {
        const SENDERS: u64 = 8;
        const EACH: u64 = 500;
        let (sender, mut receiver) = mpsc::channel(4);
        for _ in 0..SENDERS {
            let sender = sender.clone();
            filch::spawn(async move {
                for number in 0..EACH {
                    sender.send(number).await.unwrap();
                }
            });
        }
        drop(sender);
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            assert!(receiver.len() <= 4);
            sum += number;
        }
        assert_eq!(sum, SENDERS * (EACH * (EACH - 1) / 2));
    });
}

#[test]
fn mpsc_unbounded_and_its_ends() {
    on_every_runtime(|| async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let received = filch::spawn(async move {
            let mut all = Vec::new();
            receiver.recv_many(&mut all, 10).await;
            receiver.close();
            all
        });
        sender.send("only").unwrap();
        assert_eq!(received.await.unwrap(), ["only"]);
        sender.closed().await;
        assert!(sender.send("too late").is_err());
    });
}

#[test]
fn broadcast_reaches_every_receiver_and_tells_who_lags() {
    on_every_runtime(|| async {
        let (sender, mut slow) = broadcast::channel(2);
        let readers: JoinSet<Vec<i32>> = (0..3)
            .map(|_| {
                let mut receiver = sender.subscribe();
                async move {
                    vec![
                        receiver.recv().await.unwrap(),
                        receiver.recv().await.unwrap(),
                    ]
                }
            })
            .collect();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        for received in readers.join_all().await {
            assert_eq!(received, [1, 2]);
        }
        sender.send(3).unwrap();
        assert_eq!(
            slow.recv().await,
            Err(broadcast::error::RecvError::Lagged(1))
        );
        assert_eq!(slow.recv().await, Ok(2));
        drop(sender);
        assert_eq!(slow.recv().await, Ok(3));
        assert_eq!(slow.recv().await, Err(broadcast::error::RecvError::Closed));
    });
}

#[test]
fn watch_shows_the_latest_value() {
    on_every_runtime(|| async {
        let (sender, mut receiver) = watch::channel(0);
        let watcher = filch::spawn(async move {
            let seen = *receiver.wait_for(|value| *value >= 100).await.unwrap();
            while receiver.changed().await.is_ok() {}
            (seen, *receiver.borrow())
        });
        for value in 1..=100 {
            sender.send(value).unwrap();
        }
        task::yield_now().await;
        sender.send_modify(|value| *value += 1);
        drop(sender);
        let (seen, last) = watcher.await.unwrap();
        assert!(seen >= 100);
        assert_eq!(last, 101);
    });
}

#[test]
fn a_mutex_excludes_across_awaits() {
    on_every_runtime(|| async {
        let count = Arc::new(Mutex::new(0));
        let tasks: JoinSet<()> = (0..20)
            .map(|_| {
                let count = count.clone();
                async move {
                    for _ in 0..50 {
                        let mut count = count.lock().await;
                        let before = *count;
                        task::yield_now().await;
                        *count = before + 1;
                    }
                }
            })
            .collect();
        tasks.join_all().await;

        let guard: OwnedMutexGuard<i32> = count.clone().lock_owned().await;
        assert!(count.try_lock().is_err());
        drop(guard);
        let mapped = MutexGuard::map(count.lock().await, |count| count);
        assert_eq!(*mapped, 1000);
    });
}

#[test]
fn an_rw_lock_shares_reading() {
    on_every_runtime(|| async {
        let lock = Arc::new(RwLock::new(1));
        // Both readers are inside at once.
        let readers = Arc::new(Barrier::new(2));
        let reads: JoinSet<i32> = (0..2)
            .map(|_| {
                let lock = lock.clone();
                let readers = readers.clone();
                async move {
                    let value = lock.read().await;
                    readers.wait().await;
                    *value
                }
            })
            .collect();
        assert_eq!(reads.join_all().await, [1, 1]);
        *lock.write().await += 1;
        let owned: OwnedRwLockWriteGuard<i32> = lock.clone().write_owned().await;
        assert!(lock.try_read().is_err());
        let owned: OwnedRwLockReadGuard<i32> = owned.downgrade();
        assert_eq!(*owned + *lock.read().await, 4);
    });
}

#[test]
fn a_semaphore_bounds_how_many_are_inside() {
    on_every_runtime(|| async {
        let semaphore = Arc::new(Semaphore::new(3));
        let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let tasks: JoinSet<()> = (0..30)
            .map(|_| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                async move {
                    use std::sync::atomic::Ordering::SeqCst;
                    let _permit: OwnedSemaphorePermit = semaphore.acquire_owned().await.unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < 3);
                    task::yield_now().await;
                    inside.fetch_sub(1, SeqCst);
                }
            })
            .collect();
        tasks.join_all().await;

        let permit = semaphore.acquire_many(3).await.unwrap();
        assert_eq!(
            semaphore.try_acquire().unwrap_err(),
            TryAcquireError::NoPermits
        );
        drop(permit);
        semaphore.close();
        assert!(semaphore.acquire().await.is_err());
    });
}

#[test]
fn notify_wakes_one_or_all() {
    on_every_runtime(|| async {
        let notify = Arc::new(Notify::new());
        // A permit given beforehand is kept.
        notify.notify_one();
        notify.notified().await;

        let ready = Arc::new(Barrier::new(4));
        let waiting: JoinSet<()> = (0..3)
            .map(|_| {
                let (notify, ready) = (notify.clone(), ready.clone());
                async move {
                    let notified = notify.notified();
                    ready.wait().await;
                    notified.await;
                }
            })
            .collect();
        ready.wait().await;
        notify.notify_waiters();
        waiting.join_all().await;
    });
}

#[test]
fn a_barrier_has_one_leader() {
    on_every_runtime(|| async {
        let barrier = Arc::new(Barrier::new(10));
        let tasks: JoinSet<bool> = (0..10)
            .map(|_| {
                let barrier = barrier.clone();
                async move { barrier.wait().await.is_leader() }
            })
            .collect();
        let leaders = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|leads| *leads)
            .count();
        assert_eq!(leaders, 1);
    });
}

#[test]
fn cells_are_set_once() {
    on_every_runtime(|| async {
        let cell = Arc::new(OnceCell::new());
        let tasks: JoinSet<usize> = (0..8)
            .map(|number| {
                let cell = cell.clone();
                async move {
                    *cell
                        .get_or_init(|| async {
                            task::yield_now().await;
                            number
                        })
                        .await
                }
            })
            .collect();
        let values = tasks.join_all().await;
        assert!(values.iter().all(|value| *value == values[0]));

        let cell = Arc::new(SetOnce::new());
        let waiting = filch::spawn({
            let cell = cell.clone();
            async move { *cell.wait().await }
        });
        cell.set(5).unwrap();
        assert!(cell.set(6).is_err());
        assert_eq!(waiting.await.unwrap(), 5);
    });
}

#[test]
fn select_takes_the_branch_that_is_ready() {
    on_every_runtime(|| async {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        let (stop, mut stopped) = oneshot::channel::<()>();
        let selecting = filch::spawn(async move {
            let mut sum = 0;
            loop {
                filch::select! {
                    biased;
                    Some(number) = receiver.recv(), if sum < 100 => sum += number,
                    _ = &mut stopped => break sum,
                    () = pending() => unreachable!(),
                }
            }
        });
        for number in 1..=10 {
            sender.send(number).await.unwrap();
        }
        // The channel's end disables its branch.
        drop(sender);
        stop.send(()).unwrap();
        assert_eq!(selecting.await.unwrap(), 55);

        let none_left = filch::select! {
            Some(()) = ready(None) => "matched",
            else => "else",
        };
        assert_eq!(none_left, "else");
    });
}

#[test]
fn select_is_fair_unless_biased() {
    on_every_runtime(|| async {
        let mut counts = [0; 2];
        // That one branch wins all of a thousand fair tosses will not happen.
        for _ in 0..1000 {
            filch::select! {
                () = ready(()) => counts[0] += 1,
                () = ready(()) => counts[1] += 1,
            }
        }
        assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
        for _ in 0..100 {
            filch::select! {
                biased;
                () = ready(()) => {}
                () = ready(()) => panic!("the first one is ready"),
            }
        }
    });
}

#[test]
fn join_and_try_join_run_their_branches_side_by_side() {
    on_every_runtime(|| async {
        let (to_left, mut from_right) = mpsc::channel(1);
        let (to_right, mut from_left) = mpsc::channel(1);
        let (left, right) = filch::join!(
            async {
                to_right.send(1).await.unwrap();
                from_right.recv().await
            },
            async {
                to_left.send(2).await.unwrap();
                from_left.recv().await
            }
        );
        assert_eq!((left, right), (Some(2), Some(1)));

        let both = filch::try_join!(async { Ok::<_, ()>(1) }, async { Ok(2) });
        assert_eq!(both, Ok((1, 2)));
        let first_error = filch::try_join!(pending::<Result<(), _>>(), async { Err::<(), _>(3) });
        assert_eq!(first_error, Err(3));
    });
}

#[test]
fn pin_pins_to_the_stack() {
    on_every_runtime(|| async {
        let future = async {
            task::yield_now().await;
            1
        };
        filch::pin!(future);
        let output = loop {
            filch::select! {
                output = &mut future => break output,
                () = task::yield_now() => {}
            }
        };
        assert_eq!(output, 1);
        filch::pin! {
            let second = async { 2 };
        }
        assert_eq!(second.await, 2);
    });
}
