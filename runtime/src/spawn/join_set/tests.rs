use super::*;
use crate::runtime::Builder;
use std::future::pending;

#[test]
fn a_stale_key_does_not_remove_a_running_task() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut set = JoinSet::new();
    set.spawn_on(pending::<()>(), runtime.handle());
    // That of a task detached earlier, and one past the end.
    set.completions.push(0);
    set.completions.push(7);
    assert!(set.try_join_next().is_none());
    assert_eq!(set.len(), 1);

    // The task's own wake-up still arrives.
    set.abort_all();
    assert!(
        runtime
            .block_on(set.join_next())
            .unwrap()
            .unwrap_err()
            .is_cancelled()
    );
    assert!(set.is_empty());
}

#[test]
fn a_task_that_is_over_when_added_keeps_its_output() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(async { 5 });
    let id = task.id();
    runtime.block_on(async {
        while !task.is_finished() {
            crate::task::yield_now().await;
        }
    });
    let mut set = JoinSet::new();
    let abort = set.insert(task);
    // Nothing is left to abort, neither by the set nor by its handle.
    abort.abort();
    set.abort_all();
    assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (id, 5));
    assert!(set.is_empty());
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("as it should");
    }
}

#[test]
fn an_output_that_panics_is_dropped_in_its_task_if_that_was_over_when_added_too() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(async { PanicsOnDrop });
    runtime.block_on(async {
        while !task.is_finished() {
            crate::task::yield_now().await;
        }
    });
    let mut set = JoinSet::new();
    set.insert(task);
    set.detach_all();
    assert!(set.is_empty());
    assert!(runtime.block_on(set.join_next()).is_none());
    set.spawn_on(pending(), runtime.handle());
    assert_eq!(set.len(), 1);
}

#[test]
fn a_thousand_tasks_leave_nothing_in_the_list() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut set = JoinSet::new();
    for number in 0..1000 {
        set.spawn_on(async move { number }, runtime.handle());
    }
    let completions = set.completions.clone();
    let outputs = runtime.block_on(set.join_all());
    assert_eq!(outputs.len(), 1000);
    assert_eq!(completions.pop(), None);
    // Neither do the wakers: the list's last owner is this test.
    assert_eq!(Arc::strong_count(&completions), 1);
}
