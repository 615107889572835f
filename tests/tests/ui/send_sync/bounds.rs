//! Every way to start a task asks for all that its future and its output need to
//! be moved between threads, at any time. Each function leaves out one bound.
use filch::runtime::{Handle, Runtime};
use filch::task::JoinSet;
use std::future::Future;

fn spawn_future<F: Future<Output = u8> + 'static>(future: F) {
    filch::spawn(future);
}

fn spawn_output<T: 'static, F: Future<Output = T> + Send + 'static>(future: F) {
    filch::spawn(future);
}

fn runtime_future<F: Future<Output = u8> + 'static>(runtime: &Runtime, future: F) {
    runtime.spawn(future);
}

fn runtime_output<T: 'static, F: Future<Output = T> + Send + 'static>(
    runtime: &Runtime,
    future: F,
) {
    runtime.spawn(future);
}

fn handle_future<F: Future<Output = u8> + 'static>(handle: &Handle, future: F) {
    handle.spawn(future);
}

fn handle_output<T: 'static, F: Future<Output = T> + Send + 'static>(handle: &Handle, future: F) {
    handle.spawn(future);
}

fn set_future<F: Future<Output = u8> + 'static>(set: &mut JoinSet<u8>, future: F) {
    set.spawn(future);
}

fn set_future_on<F: Future<Output = u8> + 'static>(
    set: &mut JoinSet<u8>,
    future: F,
    handle: &Handle,
) {
    set.spawn_on(future, handle);
}

fn set_output<T: 'static, F: Future<Output = T> + Send + 'static>(set: &mut JoinSet<T>, future: F) {
    set.spawn(future);
}

fn set_output_on<T: 'static, F>(set: &mut JoinSet<T>, future: F, handle: &Handle)
where
    F: Future<Output = T> + Send + 'static,
{
    set.spawn_on(future, handle);
}

fn main() {}
