//! What a task is called, and where it says it is.

use super::super::current;
use super::*;
use std::sync::Mutex;

/// Notes which task the thread is in when it is dropped.
struct NotesTask(Arc<Mutex<Vec<Option<Id>>>>);

impl Drop for NotesTask {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(current::try_id());
    }
}

#[test]
fn the_current_task_is_the_one_polled() {
    let model = Model::new();
    assert_eq!(current::try_id(), None);
    let inner_model = Model::new();
    let mut handle = model.spawn(async move {
        let outer = current::try_id();
        let mut inner = inner_model.spawn(async { current::try_id() });
        inner_model.run_all();
        assert_eq!(result(&mut inner).unwrap(), Some(inner.id()));
        assert_eq!(current::try_id(), outer, "the outer task is back");
        outer
    });
    model.run_all();
    assert_eq!(current::try_id(), None);
    assert_eq!(result(&mut handle).unwrap(), Some(handle.id()));
}

#[test]
fn the_current_task_is_set_while_future_and_output_are_dropped() {
    let model = Model::new();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let note = || NotesTask(notes.clone());
    let take = || std::mem::take(&mut *notes.lock().unwrap());

    // The future, as it completes; the output, along with the handle.
    let (future, output) = (note(), note());
    let handle = model.spawn(async move {
        let _future = future;
        output
    });
    let id = Some(handle.id());
    model.run_all();
    assert_eq!(take(), [id]);
    drop(handle);
    assert_eq!(take(), [id]);

    // The output, when there is no handle.
    let output = note();
    let handle = model.spawn(async move { output });
    let id = Some(handle.id());
    drop(handle);
    model.run_all();
    assert_eq!(take(), [id]);

    // The future, aborted before it ran.
    let future = note();
    let handle = model.spawn(async move { drop(future) });
    handle.abort();
    model.run_all();
    assert_eq!(take(), [Some(handle.id())]);

    // The future, shut down.
    let future = note();
    let handle = model.spawn(async move { drop(future) });
    model.shutdown();
    assert_eq!(take(), [Some(handle.id())]);
    assert_eq!(current::try_id(), None);
}

#[test]
fn every_view_of_a_task_has_its_id_and_origin() {
    let model = Model::new();
    let line = line!() + 1;
    let (handle, notified) = model.create(async {});
    assert_eq!(notified.id(), handle.id());
    assert_eq!(handle.abort_handle().id(), handle.id());
    assert_eq!(notified.location().file(), file!());
    assert_eq!(notified.location().line(), line);
    let id = handle.id();
    assert_eq!(
        format!("{handle:?}"),
        format!("JoinHandle {{ id: {id:?} }}")
    );
    assert_eq!(
        format!("{:?}", handle.abort_handle()),
        format!("AbortHandle {{ id: {id:?} }}")
    );
    notified.run();
}

#[test]
fn polls_are_counted() {
    let model = Model::new();
    let (mut handle, mut notified) = model.create(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    for polls in 0..5 {
        assert!(
            format!("{notified:?}").contains(&format!("polls: {polls},")),
            "{notified:?}"
        );
        notified.run();
        notified = model.pop().expect("it wakes itself");
    }
    drop(notified);
    model.shutdown();
    assert!(result(&mut handle).unwrap_err().is_cancelled());
}
