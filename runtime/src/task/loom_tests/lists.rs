//! The lists of owned tasks: entered, left and closed at once.

use super::super::model::Model;
use super::{Drops, model, model_fully, result};
use loom::thread;
use std::future::pending;

#[test]
fn loom_binds_in_two_shards_against_shutdown() {
    model_fully(|| {
        let scheduler = Model::with_shards(2);
        let drops = Drops::default();
        let captured = [drops.value(), drops.value()];
        let spawner = thread::spawn({
            let scheduler = scheduler.clone();
            move || {
                // The shard that the shutdown comes to last, then the first.
                let shards = [1, 0].into_iter().zip(captured);
                shards
                    .map(|(shard, captured)| {
                        let (handle, notified) = scheduler.bind_in(shard, async move {
                            let _captured = captured;
                            pending::<()>().await;
                        });
                        drop(notified);
                        handle
                    })
                    .collect::<Vec<_>>()
            }
        });
        scheduler.shutdown_from(0);
        let handles = spawner.join().unwrap();
        assert_eq!(drops.count(), 2);
        assert_eq!(scheduler.alive(), 0);
        for handle in handles {
            assert!(result(handle).unwrap_err().is_cancelled());
        }
    });
}

/// Whoever returns from the shutdown may rely on it that nothing is spawned any
/// more, though another thread may still be dropping what it took out.
#[test]
fn loom_shutdowns_from_two_shards_against_bind() {
    model(|| {
        let scheduler = Model::with_shards(2);
        let drops = Drops::default();
        let captured = drops.value();
        let spawner = thread::spawn({
            let scheduler = scheduler.clone();
            move || {
                let (handle, notified) = scheduler.bind_in(1, async move {
                    let _captured = captured;
                    pending::<()>().await;
                });
                drop(notified);
                handle
            }
        });
        let closer = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.shutdown_from(1)
        });
        scheduler.shutdown_from(0);
        closer.join().unwrap();
        let handle = spawner.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

/// Two tasks end at once, next to each other in the list, and a third stays.
#[test]
fn loom_neighbours_leave_their_list_together() {
    model_fully(|| {
        let scheduler = Model::new();
        let (first, second) = (scheduler.spawn(async {}), scheduler.spawn(async {}));
        let (stays, _) = scheduler.bind(pending::<()>());
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || assert!(scheduler.run_one())
        });
        assert!(scheduler.run_one());
        runner.join().unwrap();
        assert!(first.is_finished() && second.is_finished());
        assert_eq!(scheduler.alive(), 1);
        scheduler.shutdown();
        assert_eq!(scheduler.alive(), 0);
        assert!(result(stays).unwrap_err().is_cancelled());
    });
}

/// The shutdown takes tasks out of the list, oldest first, one of which ends at
/// this moment: it leaves the list once, its neighbours stay whole.
#[test]
fn loom_neighbour_completes_against_shutdown() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = [drops.value(), drops.value()];
        let completes = scheduler.spawn(async {});
        let others = captured.map(|captured| {
            scheduler.bind(async move {
                let _captured = captured;
                pending::<()>().await;
            })
        });
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_one()
        });
        scheduler.shutdown();
        runner.join().unwrap();
        assert_eq!((drops.count(), scheduler.alive()), (2, 0));
        assert!(
            result(completes)
                .err()
                .is_none_or(|error| error.is_cancelled())
        );
        for (handle, _) in others {
            assert!(result(handle).unwrap_err().is_cancelled());
        }
    });
}
