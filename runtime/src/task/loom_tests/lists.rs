//! The lists of tasks that wait: entered, left and closed at once.

use super::super::model::Model;
use super::{Drops, Slot, model, model_fully, result};
use crate::task::JoinHandle;
use loom::thread;
use std::future::{pending, poll_fn};
use std::task::Poll;

/// A task that has waited, and is therefore in the list, and is queued again: it
/// completes at its next poll.
fn about_to_leave(scheduler: &Model) -> JoinHandle<()> {
    let waker = Slot::default();
    let handle = scheduler.spawn({
        let waker = waker.clone();
        poll_fn(move |cx| {
            if waker.store(cx.waker()) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
    });
    assert!(scheduler.run_one());
    let stored = waker.take();
    waker.store(&stored);
    stored.wake();
    handle
}

#[test]
fn loom_first_waits_in_two_shards_against_shutdown() {
    model_fully(|| {
        let scheduler = Model::with_shards(2);
        let drops = Drops::default();
        let tasks = [drops.value(), drops.value()].map(|captured| {
            scheduler.create(async move {
                let _captured = captured;
                pending::<()>().await;
            })
        });
        let (handles, notified): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
        let runner = thread::spawn(move || notified.into_iter().for_each(|task| task.run()));
        // The first task is kept in the shard that the shutdown comes to last.
        scheduler.shutdown_from(1);
        runner.join().unwrap();
        assert_eq!(drops.count(), 2);
        assert_eq!(scheduler.alive(), 0);
        for handle in handles {
            assert!(result(handle).unwrap_err().is_cancelled());
        }
    });
}

/// Whoever returns from the shutdown may rely on it that no task is kept any
/// more, though another thread may still be dropping what it took out.
#[test]
fn loom_shutdowns_from_two_shards_against_first_wait() {
    model(|| {
        let scheduler = Model::with_shards(2);
        let drops = Drops::default();
        let captured = drops.value();
        let (handle, notified) = scheduler.create(async move {
            let _captured = captured;
            pending::<()>().await;
        });
        let runner = thread::spawn(move || notified.run());
        let closer = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.shutdown_from(1)
        });
        scheduler.shutdown_from(0);
        closer.join().unwrap();
        runner.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

/// Two tasks end at once, next to each other in the list, and a third stays. The two
/// are freed along with their handles, and the shutdown finds the third only.
#[test]
fn loom_neighbours_leave_their_list_together() {
    model_fully(|| {
        let scheduler = Model::new();
        let stays = scheduler.spawn(pending::<()>());
        assert!(scheduler.run_one());
        let first = about_to_leave(&scheduler);
        // The one before it stays in the queue until then.
        let queued = scheduler.pop().expect("it was woken");
        let second = about_to_leave(&scheduler);
        let runner = thread::spawn(move || queued.run());
        assert!(scheduler.run_one());
        runner.join().unwrap();
        assert!(first.is_finished() && second.is_finished());
        assert_eq!((scheduler.alive(), scheduler.handles()), (1, 1 + 3));
        drop((first, second));
        assert_eq!(
            scheduler.handles(),
            1 + 1,
            "the list keeps a task that left"
        );
        scheduler.shutdown();
        assert_eq!(scheduler.alive(), 0);
        assert!(result(stays).unwrap_err().is_cancelled());
    });
}

/// The shutdown takes tasks out of the list, one by one, one of which ends at
/// this moment: it leaves the list once, its neighbours stay whole.
#[test]
fn loom_neighbour_completes_against_shutdown() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let completes = about_to_leave(&scheduler);
        let queued = scheduler.pop().expect("it was woken");
        let others = [drops.value(), drops.value()].map(|captured| {
            let handle = scheduler.spawn(async move {
                let _captured = captured;
                pending::<()>().await;
            });
            assert!(scheduler.run_one());
            handle
        });
        let runner = thread::spawn(move || queued.run());
        scheduler.shutdown();
        runner.join().unwrap();
        assert_eq!((drops.count(), scheduler.alive()), (2, 0));
        assert!(
            result(completes)
                .err()
                .is_none_or(|error| error.is_cancelled())
        );
        for handle in others {
            assert!(result(handle).unwrap_err().is_cancelled());
        }
    });
}
