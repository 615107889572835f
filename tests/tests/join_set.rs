//! `JoinSet`: many tasks, joined in the order in which they complete.

mod every_runtime;

use every_runtime::{current_thread, on_every_built_runtime, on_every_runtime, workers};
use filch::sync::{Semaphore, oneshot};
use filch::task::{self, JoinSet};
use filch::time::{Duration, sleep};
use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[test]
fn every_output_is_returned_once() {
    on_every_runtime(|| async {
        const TASKS: usize = 3000;
        let mut set = JoinSet::new();
        for number in 0..TASKS {
            assert_eq!(set.len(), number);
            set.spawn(async move {
                if number % 3 == 0 {
                    task::yield_now().await;
                }
                number
            });
        }
        let mut seen = vec![false; TASKS];
        while let Some(number) = set.join_next().await {
            assert!(!std::mem::replace(&mut seen[number.unwrap()], true));
        }
        assert!(seen.into_iter().all(|seen| seen));
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn outputs_come_in_the_order_of_completion() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let mut gates = Vec::new();
        for number in 0..8 {
            let (gate, opened) = oneshot::channel::<()>();
            gates.push(Some(gate));
            set.spawn(async move {
                opened.await.unwrap();
                number
            });
        }
        // Joined one by one: each is the one whose gate was opened.
        for number in [3, 0, 7, 5] {
            assert!(set.try_join_next().is_none());
            gates[number].take().unwrap().send(()).unwrap();
            assert_eq!(set.join_next().await.unwrap().unwrap(), number);
        }
    });
}

#[test]
fn the_order_of_completion_is_kept_until_tasks_are_joined() {
    // On one thread, where the order of completion is known.
    current_thread().block_on(async {
        let mut set = JoinSet::new();
        let mut tasks = Vec::new();
        for number in 0..4 {
            let (gate, opened) = oneshot::channel::<()>();
            let handle = set.spawn(async move {
                opened.await.unwrap();
                number
            });
            tasks.push((Some(gate), handle));
        }
        let order = [2, 0, 3, 1];
        for number in order {
            tasks[number].0.take().unwrap().send(()).unwrap();
            while !tasks[number].1.is_finished() {
                task::yield_now().await;
            }
        }
        for number in order {
            assert_eq!(set.join_next().await.unwrap().unwrap(), number);
        }
    });
}

#[test]
fn a_completed_task_is_found_without_waiting() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        assert!(set.try_join_next().is_none());
        let (gate, opened) = oneshot::channel::<()>();
        let handle = set.spawn(async move { opened.await.is_ok() });
        assert!(set.try_join_next().is_none());
        assert!(set.try_join_next_with_id().is_none());
        assert_eq!(set.len(), 1);
        gate.send(()).unwrap();
        while !handle.is_finished() {
            task::yield_now().await;
        }
        let (id, output) = loop {
            match set.try_join_next_with_id() {
                Some(result) => break result.unwrap(),
                // Finished, but on the way to telling the set.
                None => task::yield_now().await,
            }
        };
        assert_eq!(id, handle.id());
        assert!(output);
        assert!(set.is_empty());
    });
}

#[test]
fn ids_are_those_of_the_tasks() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let mut ids = HashSet::new();
        for number in 0..20 {
            let handle = set.spawn(async move {
                assert!(number % 4 != 0, "on purpose");
                task::id()
            });
            assert!(ids.insert(handle.id()));
        }
        let mut panics = 0;
        while let Some(result) = set.join_next_with_id().await {
            let id = match result {
                Ok((id, output)) => {
                    assert_eq!(id, output);
                    id
                }
                Err(error) => {
                    assert!(error.is_panic());
                    panics += 1;
                    error.id()
                }
            };
            assert!(ids.remove(&id));
        }
        assert_eq!(panics, 5);
        assert!(ids.is_empty());
    });
}

#[test]
fn tasks_are_aborted_one_by_one_or_all() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let handles: Vec<_> = (0..10).map(|_| set.spawn(pending::<()>())).collect();
        for handle in handles.iter().step_by(2) {
            handle.abort();
        }
        for _ in 0..5 {
            assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        }
        assert_eq!(set.len(), 5);
        set.abort_all();
        assert_eq!(set.len(), 5);
        for _ in 0..5 {
            assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        }
        assert!(set.join_next().await.is_none());
        // An aborted set is as good as new.
        set.spawn(async {});
        assert!(set.join_next().await.unwrap().is_ok());
    });
}

#[test]
fn abort_all_keeps_the_outputs_of_completed_tasks() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let done = set.spawn(async { 1 });
        while !done.is_finished() {
            task::yield_now().await;
        }
        set.spawn(pending());
        set.abort_all();
        let mut outputs = 0;
        let mut cancelled = 0;
        while let Some(result) = set.join_next().await {
            match result {
                Ok(output) => outputs += output,
                Err(error) => cancelled += usize::from(error.is_cancelled()),
            }
        }
        assert_eq!((outputs, cancelled), (1, 1));
    });
}

/// Tells when it is dropped.
fn witness() -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
    oneshot::channel()
}

#[test]
fn dropping_the_set_drops_its_tasks() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let mut dropped = Vec::new();
        for _ in 0..16 {
            let (held, released) = witness();
            dropped.push(released);
            set.spawn(async move {
                pending::<()>().await;
                drop(held);
            });
        }
        drop(set);
        for released in dropped {
            assert!(released.await.is_err());
        }
    });
}

#[test]
fn shutdown_waits_until_the_tasks_are_gone() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let mut dropped = Vec::new();
        for _ in 0..16 {
            let (held, released) = witness();
            dropped.push(released);
            set.spawn(async move {
                pending::<()>().await;
                drop(held);
            });
        }
        set.spawn(async { panic!("on purpose") });
        set.shutdown().await;
        assert!(set.is_empty());
        for mut released in dropped {
            assert!(matches!(
                released.try_recv(),
                Err(oneshot::error::TryRecvError::Closed)
            ));
        }
    });
}

#[test]
fn detached_tasks_run_on_and_do_not_disturb_the_set() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        let (gate, opened) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        set.spawn(async move {
            opened.await.unwrap();
            done.send(()).unwrap();
        });
        set.detach_all();
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());

        // Takes the detached task's place, while that one completes.
        let (second_gate, second_opened) = oneshot::channel::<()>();
        set.spawn(async move { second_opened.await.unwrap() });
        gate.send(()).unwrap();
        is_done.await.unwrap();
        assert!(set.try_join_next().is_none());
        assert_eq!(set.len(), 1);
        second_gate.send(()).unwrap();
        set.join_next().await.unwrap().unwrap();
    });
}

#[test]
fn join_all_returns_outputs_or_panics_with_the_task() {
    on_every_runtime(|| async {
        let set: JoinSet<_> = (0..100).map(|number| async move { number }).collect();
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert!(outputs.into_iter().eq(0..100));

        let mut set = JoinSet::new();
        let (held, released) = witness();
        set.spawn(async move {
            pending::<()>().await;
            drop(held);
        });
        set.spawn(async { panic!("on purpose") });
        let error = filch::spawn(set.join_all()).await.unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"on purpose"));
        // The panic dropped the set and so aborted the other task.
        assert!(released.await.is_err());

        let mut set = JoinSet::new();
        set.spawn(pending::<()>()).abort();
        assert!(filch::spawn(set.join_all()).await.unwrap_err().is_panic());
    });
}

#[test]
fn sets_are_collected_extended_and_shown() {
    on_every_runtime(|| async {
        let mut set: JoinSet<_> = (0..5).map(|number| async move { number }).collect();
        set.extend((5..10).map(|number| {
            let task: std::pin::Pin<Box<dyn Future<Output = i32> + Send>> =
                Box::pin(async move { number });
            task
        }));
        assert_eq!(format!("{set:?}"), "JoinSet { len: 10 }");
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert!(outputs.into_iter().eq(0..10));
        assert!(JoinSet::<()>::default().is_empty());
    });
}

#[test]
fn blocking_functions_are_members_like_any_other() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        for number in 0..8_u32 {
            set.spawn_blocking(move || number);
            set.spawn(async move { number });
        }
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert!(outputs.into_iter().eq((0..16).map(|index| index / 2)));
    });
}

#[test]
fn tasks_may_be_spawned_on_another_runtime() {
    on_every_built_runtime(|runtime| {
        let mut set = JoinSet::new();
        set.spawn_on(async { 1 }, runtime.handle());
        set.spawn_blocking_on(|| 2, runtime.handle());
        let sum: i32 = current_thread().block_on(async {
            // The other runtime's main thread does not drive its tasks here.
            if runtime.metrics().num_workers() == 1 {
                runtime_driver(&runtime);
            }
            set.join_all().await.iter().sum()
        });
        assert_eq!(sum, 3);

        /// A current-thread runtime runs its tasks inside `block_on` only.
        fn runtime_driver(runtime: &filch::runtime::Runtime) {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    runtime.block_on(async {
                        for _ in 0..10 {
                            task::yield_now().await;
                        }
                    })
                });
            });
        }
    });
}

#[test]
fn a_runtime_that_is_gone_cancels_its_tasks() {
    on_every_built_runtime(|runtime| {
        let mut set = JoinSet::new();
        set.spawn_on(pending::<()>(), runtime.handle());
        drop(runtime);
        let joined = current_thread().block_on(set.join_next());
        assert!(joined.unwrap().unwrap_err().is_cancelled());
        assert!(set.is_empty());
    });
}

#[test]
fn joining_is_cancel_safe() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        for _ in 0..50 {
            let (gate, opened) = oneshot::channel::<()>();
            set.spawn(async move { opened.await.is_ok() });
            filch::select! {
                biased;
                _ = set.join_next() => panic!("the gate is closed"),
                () = task::yield_now() => {}
            }
            assert_eq!(set.len(), 1);
            gate.send(()).unwrap();
            assert!(set.join_next().await.unwrap().unwrap());
        }
    });
}

#[test]
fn joining_takes_budget_but_loses_nothing() {
    on_every_runtime(|| async {
        const TASKS: usize = 1000;
        static DONE: Semaphore = Semaphore::const_new(0);
        let mut set: JoinSet<()> = (0..TASKS).map(|_| async { DONE.add_permits(1) }).collect();
        DONE.acquire_many(TASKS as u32).await.unwrap().forget();
        let mut joined = 0;
        let mut forced_yields = 0;
        poll_fn(|cx| {
            loop {
                match set.poll_join_next(cx) {
                    Poll::Ready(Some(result)) => {
                        result.unwrap();
                        joined += 1;
                    }
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => {
                        forced_yields += usize::from(!task::coop::has_budget_remaining());
                        return Poll::Pending;
                    }
                }
            }
        })
        .await;
        assert_eq!(joined, TASKS);
        assert!(forced_yields > 0, "a thousand joins in one poll");
    });
}

#[derive(Default)]
struct CountWakes(AtomicUsize);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn polling_returns_the_id_and_wakes_the_last_waker() {
    on_every_built_runtime(|runtime| {
        let _entered = runtime.enter();
        let mut set = JoinSet::new();
        let (gate, opened) = oneshot::channel::<()>();
        let id = set.spawn(async move { opened.await.is_ok() }).id();
        let (first, last) = (Arc::<CountWakes>::default(), Arc::<CountWakes>::default());
        for count in [&first, &last] {
            let waker = Waker::from(count.clone());
            assert!(
                set.poll_join_next(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        gate.send(()).unwrap();
        // Drives a current-thread runtime until the waker is called.
        runtime.block_on(async {
            while last.0.load(Ordering::SeqCst) == 0 {
                task::yield_now().await;
            }
        });
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
        match set.poll_join_next_with_id(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok((joined, true)))) => assert_eq!(joined, id),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            set.poll_join_next_with_id(&mut Context::from_waker(Waker::noop())),
            Poll::Ready(None)
        ));
    });
}

#[test]
fn a_set_refilled_while_joined_stays_the_same_size() {
    on_every_runtime(|| async {
        let mut set = JoinSet::new();
        for number in 0..4 {
            set.spawn(async move { number });
        }
        for number in 4..500 {
            let done: usize = set.join_next().await.unwrap().unwrap();
            assert!(done < number);
            set.spawn(async move {
                if number % 7 == 0 {
                    sleep(Duration::from_micros(1)).await;
                }
                number
            });
            assert_eq!(set.len(), 4);
        }
        assert_eq!(set.join_all().await.len(), 4);
    });
}

#[test]
fn spawning_outside_of_a_runtime_panics_and_leaves_the_set_usable() {
    let mut set = JoinSet::new();
    let result = catch_unwind(AssertUnwindSafe(|| set.spawn(async {})));
    assert!(result.is_err());
    assert!(set.is_empty());
    let runtime = workers(1);
    set.spawn_on(async {}, runtime.handle());
    assert_eq!(set.len(), 1);
    runtime.block_on(set.join_next()).unwrap().unwrap();
}

#[test]
fn a_set_is_send_and_sync_where_its_outputs_are_send() {
    fn is_send_and_sync<T: Send + Sync>() {}
    fn is_unpin<T: Unpin>() {}
    is_send_and_sync::<JoinSet<()>>();
    is_send_and_sync::<JoinSet<std::cell::Cell<u8>>>();
    is_unpin::<JoinSet<std::marker::PhantomPinned>>();
}
