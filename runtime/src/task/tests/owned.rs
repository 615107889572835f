//! The list of owned tasks.

use super::super::Schedule;
use super::*;
use std::sync::Mutex;

/// Notes its number when it is dropped.
struct Notes(usize, Arc<Mutex<Vec<usize>>>);

impl Drop for Notes {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

fn spawn_noting(model: &Model, number: usize, notes: &Arc<Mutex<Vec<usize>>>) -> JoinHandle<()> {
    let noting = Notes(number, notes.clone());
    model.spawn(async move {
        let _noting = noting;
        pending::<()>().await;
    })
}

#[test]
fn a_shutdown_drops_every_future_in_the_order_of_places() {
    let model = Model::new();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let handles: Vec<_> = (0..5)
        .map(|number| spawn_noting(&model, number, &notes))
        .collect();
    assert_eq!(model.alive(), 5);
    model.run_all();
    model.shutdown();
    assert_eq!(*notes.lock().unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!(model.alive(), 0);
    for mut handle in handles {
        assert!(result(&mut handle).unwrap_err().is_cancelled());
    }
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn tasks_leave_from_anywhere_in_the_list() {
    // All orders of three departures.
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let model = Model::new();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let handles: Vec<_> = (0..3)
            .map(|number| spawn_noting(&model, number, &notes))
            .collect();
        model.run_all();
        for (gone, number) in order.into_iter().enumerate() {
            assert_eq!(model.alive(), 3 - gone);
            handles[number].abort();
            model.run_all();
        }
        assert_eq!(*notes.lock().unwrap(), order);
        assert_eq!(model.alive(), 0);
        // The list is usable from its state after the last departure.
        drop(spawn_noting(&model, 3, &notes));
        assert_eq!(model.alive(), 1);
        drop(handles);
        model.shutdown();
        assert_eq!(model.handles(), 1, "a task was not freed");
    }
}

#[test]
fn a_closed_collection_keeps_no_task_and_drops_its_future() {
    let model = Model::new();
    let values = Values::default();
    let value = values.make(false);
    let (mut handle, notified) = model.create(async move {
        let _value = value;
        pending::<()>().await;
    });
    model.shutdown();
    assert!(model.is_closed());
    assert_eq!(values.alive(), 1, "it has not waited yet");
    notified.run();
    assert_eq!(values.alive(), 0);
    assert!(result(&mut handle).unwrap_err().is_cancelled());
    drop(handle);
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn only_a_task_that_waits_is_kept() {
    let model = Model::new();
    let mut handle = model.spawn(async { 42 });
    model.run_all();
    assert_eq!(result(&mut handle).unwrap(), 42);
    drop(handle);
    assert_eq!(model.kept(), 0);
    for (task, waits) in [true, false].into_iter().enumerate() {
        let mut yields = 3;
        let handle = model.spawn(poll_fn(move |cx| match yields {
            0 if waits => Poll::Pending,
            0 => Poll::Ready(()),
            _ => {
                yields -= 1;
                assert!(yield_current(cx));
                Poll::Pending
            }
        }));
        drop(handle);
        assert_eq!(model.run_all(), 4);
        assert_eq!(model.kept(), 1, "after task {task}");
    }
    model.shutdown();
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_future_dropped_by_the_shutdown_may_spawn() {
    struct Spawns(Model, Values);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let value = self.1.make(false);
            drop(self.0.spawn(async move { drop(value) }));
        }
    }
    let model = Model::new();
    let values = Values::default();
    let spawns = Spawns(model.clone(), values.clone());
    drop(model.spawn(async move { drop(spawns) }));
    model.shutdown();
    assert_eq!(values.made.load(Relaxed), 1);
    assert_eq!(values.alive(), 0);
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn shards_are_taken_modulo_their_number() {
    let model = Model::with_shards(3);
    let handles: Vec<_> = (0..10).map(|_| model.spawn(pending::<()>())).collect();
    assert_eq!(model.run_all(), 10);
    assert_eq!(model.alive(), 10);
    // From a shard that is not the first, and beyond the last.
    model.close_from(usize::MAX);
    assert_eq!(model.alive(), 0);
    for mut handle in handles {
        assert!(result(&mut handle).unwrap_err().is_cancelled());
    }
    model.shutdown();
}

#[test]
fn a_full_shard_passes_tasks_on_to_the_next() {
    let model = Model::with_places(2, 3);
    let handles: Vec<_> = (0..6).map(|_| model.spawn(pending::<()>())).collect();
    assert_eq!(model.run_all(), 6);
    handles[4].abort();
    model.run_all();
    let another = model.spawn(pending::<()>());
    model.run_all();
    model.close_from(1);
    for mut handle in handles.into_iter().chain([another]) {
        assert!(result(&mut handle).unwrap_err().is_cancelled());
    }
    assert_eq!(model.handles(), 1, "a task was not freed");
}

#[test]
fn a_task_is_not_found_in_another_collection() {
    let (model, other) = (Model::new(), Model::new());
    let handle = model.spawn(pending::<()>());
    let decoy = other.spawn(pending::<()>());
    assert_eq!((model.run_all(), other.run_all()), (1, 1));
    handle.abort();
    let task = model.pop().expect("it was aborted").add_reference();
    assert!(other.release(&task).is_none(), "the task is not its own");
    assert!(model.release(&task).is_some());
    drop((handle, decoy, task));
    model.shutdown();
    other.shutdown();
    assert_eq!(
        (model.handles(), other.handles()),
        (1, 1),
        "a task was not freed"
    );
}
