//! Panics and the error that they become.

use super::*;
use std::io;

fn error_of(future: impl Future<Output = ()> + Send + 'static) -> JoinError {
    let model = Model::new();
    let mut handle = model.spawn(future);
    model.run_all();
    result(&mut handle).expect_err("it panics")
}

fn cancelled() -> JoinError {
    let model = Model::new();
    let mut handle = model.spawn(pending::<()>());
    handle.abort();
    model.run_all();
    let error = result(&mut handle).expect_err("aborted");
    assert_eq!(error.id(), handle.id());
    error
}

#[test]
fn a_cancelled_task_says_so() {
    let error = cancelled();
    assert!(error.is_cancelled() && !error.is_panic());
    assert_eq!(
        error.to_string(),
        format!("task {} was cancelled", error.id())
    );
    assert_eq!(
        format!("{error:?}"),
        format!("JoinError::Cancelled({:?})", error.id())
    );
    let error = error.try_into_panic().expect_err("no panic");
    assert_eq!(io::Error::from(error).to_string(), "task was cancelled");
}

#[test]
fn a_panic_keeps_its_message() {
    let literal = error_of(async { resume_unwind(Box::new("a literal")) });
    let formatted = error_of(async { resume_unwind(Box::new(String::from("formatted"))) });
    for (error, message) in [(literal, "a literal"), (formatted, "formatted")] {
        let id = error.id();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(
            error.to_string(),
            format!("task {id} panicked with message {message:?}")
        );
        assert_eq!(
            format!("{error:?}"),
            format!("JoinError::Panic({id:?}, {message:?}, ...)")
        );
        assert_eq!(io::Error::from(error).to_string(), "task panicked");
    }
}

#[test]
fn a_payload_of_any_type_comes_back() {
    let error = error_of(async { resume_unwind(Box::new(42_u8)) });
    let id = error.id();
    assert_eq!(error.to_string(), format!("task {id} panicked"));
    assert_eq!(
        format!("{error:?}"),
        format!("JoinError::Panic({id:?}, ...)")
    );
    assert_eq!(error.into_panic().downcast_ref(), Some(&42_u8));
}

#[test]
#[should_panic(expected = "was cancelled: there is no panic to take")]
fn taking_the_panic_of_a_cancelled_task_panics() {
    drop(cancelled().into_panic());
}

#[test]
fn payloads_that_panic_when_dropped_go_no_further() {
    /// Panics with what it holds.
    struct Throws(Option<Value>);

    impl Drop for Throws {
        fn drop(&mut self) {
            if let Some(payload) = self.0.take() {
                resume_unwind(Box::new(payload));
            }
        }
    }

    let values = Values::default();
    let model = Model::new();
    // The panic of a detached task's output has nobody to go to.
    let output = Throws(Some(values.make(true)));
    drop(model.spawn(async move { output }));
    model.run_all();
    assert_eq!(values.alive(), 0);
    assert_eq!(model.handles(), 1, "a task was not freed");
}
