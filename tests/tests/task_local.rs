//! `task_local!` and `LocalKey`: a value that follows its future.

mod every_runtime;

use every_runtime::on_every_runtime;
use filch::sync::oneshot;
use filch::task::futures::TaskLocalFuture;
use filch::task::{self, LocalKey};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

filch::task_local! {
    static NUMBER: u32;
    /// A key may be documented and public.
    pub static TEXT: String;
    static CELL: Cell<u32>
}

#[test]
fn a_value_follows_its_task_across_yields() {
    on_every_runtime(|| async {
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                filch::spawn(NUMBER.scope(number, async move {
                    for _ in 0..10 {
                        assert_eq!(NUMBER.get(), number);
                        task::yield_now().await;
                    }
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(NUMBER.try_get().is_err());
    });
}

#[test]
fn an_inner_scope_hides_the_outer_value_and_keys_are_separate() {
    on_every_runtime(|| {
        NUMBER.scope(1, async {
            TEXT.scope("one".to_owned(), async {
                task::yield_now().await;
                NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
                assert_eq!(NUMBER.get(), 1);
                assert_eq!(TEXT.with(String::clone), "one");
            })
            .await;
            assert!(TEXT.try_with(|_| ()).is_err());
        })
    });
}

#[test]
fn a_spawned_task_does_not_inherit() {
    on_every_runtime(|| {
        NUMBER.scope(1, async {
            let inherited = filch::spawn(async { NUMBER.try_get() }).await.unwrap();
            assert!(inherited.is_err());
            assert_eq!(NUMBER.get(), 1);
        })
    });
}

#[test]
fn sync_scope_nests_inside_and_outside_of_tasks() {
    let sum = NUMBER.sync_scope(1, || NUMBER.sync_scope(2, || NUMBER.get()) + NUMBER.get());
    assert_eq!(sum, 3);
    on_every_runtime(|| {
        NUMBER.scope(5, async {
            assert_eq!(NUMBER.sync_scope(6, || NUMBER.get()), 6);
            assert_eq!(NUMBER.get(), 5);
        })
    });
}

#[test]
fn a_value_may_change_through_a_cell() {
    let mut counted = pin!(CELL.scope(Cell::new(0), async {
        for _ in 0..3 {
            CELL.with(|cell| cell.set(cell.get() + 1));
        }
    }));
    assert!(poll_once(counted.as_mut()).is_ready());
    assert_eq!(counted.as_mut().take_value().map(Cell::into_inner), Some(3));
    assert!(counted.take_value().is_none());
}

#[test]
fn without_its_value_a_future_runs_on_without() {
    let mut future = pin!(NUMBER.scope(1, async {
        task::yield_now().await;
        NUMBER.try_get()
    }));
    assert!(poll_once(future.as_mut()).is_pending());
    assert_eq!(future.as_mut().take_value(), Some(1));
    match poll_once(future) {
        Poll::Ready(result) => assert!(result.is_err()),
        Poll::Pending => panic!("has yielded already"),
    }
}

/// Reports what `NUMBER` is at the time it is dropped.
struct OnDrop(Option<oneshot::Sender<Option<u32>>>);

impl OnDrop {
    fn new() -> (Self, oneshot::Receiver<Option<u32>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self
            .0
            .take()
            .expect("dropped once")
            .send(NUMBER.try_get().ok());
    }
}

#[test]
fn the_value_is_there_while_the_future_is_dropped() {
    on_every_runtime(|| async {
        // On completion: what the future owns is dropped with it.
        let (on_drop, dropped) = OnDrop::new();
        let mut completes = Some(on_drop);
        NUMBER
            .scope(
                1,
                poll_fn(move |_| {
                    assert!(completes.is_some());
                    let _keep = &mut completes;
                    Poll::Ready(())
                }),
            )
            .await;
        assert_eq!(dropped.await, Ok(Some(1)));

        // On abort.
        let (on_drop, dropped) = OnDrop::new();
        let (started, starts) = oneshot::channel();
        let task = filch::spawn(NUMBER.scope(2, async move {
            let _on_drop = on_drop;
            started.send(()).unwrap();
            pending::<()>().await;
        }));
        starts.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(dropped.await, Ok(Some(2)));

        // Never polled.
        let (on_drop, dropped) = OnDrop::new();
        drop(NUMBER.scope(3, async move {
            let _on_drop = on_drop;
            pending::<()>().await;
        }));
        assert_eq!(dropped.await, Ok(Some(3)));
    });
}

#[test]
fn a_panic_leaves_the_scope() {
    let result = catch_unwind(|| NUMBER.sync_scope(1, || panic!("on purpose")));
    assert!(result.is_err());
    assert!(NUMBER.try_get().is_err());

    let mut future = Box::pin(NUMBER.scope(2, async { panic!("on purpose") }));
    let result = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
    assert!(result.is_err());
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn misuse_panics_with_what_is_wrong() {
    let text = panic_text(|| NUMBER.get());
    assert!(text.contains("task-local"), "{text}");

    let text = panic_text(|| {
        CELL.sync_scope(Cell::new(0), || {
            CELL.with(|_| CELL.sync_scope(Cell::new(1), || ()))
        })
    });
    assert!(text.contains("cannot enter"), "{text}");
    assert!(CELL.try_with(|_| ()).is_err());

    let mut future = Box::pin(NUMBER.scope(1, async {}));
    assert!(poll_once(future.as_mut()).is_ready());
    let text = panic_text(move || poll_once(future.as_mut()).is_ready());
    assert!(text.contains("polled after"), "{text}");
}

#[test]
fn the_panic_names_the_line_of_the_caller() {
    thread_local!(static LOCATION: RefCell<String> = const { RefCell::new(String::new()) });
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Some(location) = info.location() {
            LOCATION.with(|cell| *cell.borrow_mut() = location.file().to_owned());
        }
        previous(info);
    }));
    let _ = catch_unwind(|| NUMBER.with(|number| *number));
    assert!(LOCATION.with(|cell| cell.borrow().ends_with("task_local.rs")));
}

#[test]
fn errors_and_keys_can_be_shown() {
    let error = NUMBER.try_get().unwrap_err();
    assert_eq!(error, NUMBER.try_with(|_| ()).unwrap_err());
    assert!(error.to_string().contains("task-local"));
    assert!(!format!("{error:?}").is_empty());
    assert!(format!("{NUMBER:?}").contains("LocalKey"));
    assert!(format!("{:?}", NUMBER.scope(7, async {})).contains('7'));
}

#[test]
fn futures_in_scope_are_send_when_their_parts_are() {
    fn is_send<T: Send>(_: &T) {}
    fn is_static<T>(_: &'static LocalKey<T>) {}
    fn is_named<T, F>(_: &TaskLocalFuture<T, F>) {}
    is_send(&NUMBER.scope(1, async {}));
    is_static(&NUMBER);
    is_named(&NUMBER.scope(1, async {}));
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f))
        .err()
        .expect("has to panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast_ref::<&str>()
            .expect("panics carry text")
            .to_string(),
    }
}
