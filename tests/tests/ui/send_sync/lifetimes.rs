//! Tasks outlive whoever starts them, so they borrow nothing.
use filch::runtime::{Handle, Runtime};
use filch::task::{JoinSet, spawn_blocking};
use std::future::Future;

fn spawn_future<F: Future<Output = u8> + Send>(future: F) {
    filch::spawn(future);
}

fn spawn_output<T: Send, F: Future<Output = T> + Send + 'static>(future: F) {
    filch::spawn(future);
}

fn runtime_future<F: Future<Output = u8> + Send>(runtime: &Runtime, future: F) {
    runtime.spawn(future);
}

fn handle_future<F: Future<Output = u8> + Send>(handle: &Handle, future: F) {
    handle.spawn(future);
}

fn set_future<F: Future<Output = u8> + Send>(set: &mut JoinSet<u8>, future: F) {
    set.spawn(future);
}

fn set_future_on<F: Future<Output = u8> + Send>(set: &mut JoinSet<u8>, future: F, handle: &Handle) {
    set.spawn_on(future, handle);
}

fn closure<F: FnOnce() -> u8 + Send>(f: F) {
    spawn_blocking(f);
}

fn output<T: Send, F: FnOnce() -> T + Send + 'static>(f: F) {
    spawn_blocking(f);
}

fn runtime_closure<F: FnOnce() -> u8 + Send>(runtime: &Runtime, f: F) {
    runtime.spawn_blocking(f);
}

fn handle_closure<F: FnOnce() -> u8 + Send>(handle: &Handle, f: F) {
    handle.spawn_blocking(f);
}

fn set_closure<F: FnOnce() -> u8 + Send>(set: &mut JoinSet<u8>, f: F) {
    set.spawn_blocking(f);
}

fn borrowed_local() {
    let text = String::from("on this stack");
    let borrowed = &text;
    filch::spawn(async move { borrowed.len() });
}

fn main() {}
