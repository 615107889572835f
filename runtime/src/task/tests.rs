//! Tests of tasks on one thread; races are the business of the loom models.

use super::model::Model;
use std::future::{pending, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[test]
fn plain() {
    let model = Model::new();
    let handle = model.spawn(async { 42 });
    assert_eq!(model.alive(), 1);
    assert_eq!(model.run_all(), 1);
    assert_eq!(model.alive(), 0);
    let mut handle = pin!(handle);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(42)) = handle.as_mut().poll(&mut cx) else {
        panic!()
    };
}
