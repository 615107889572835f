//! As `bounds.rs`, for closures that run on the threads for blocking work.
use filch::runtime::{Handle, Runtime};
use filch::task::{JoinSet, spawn_blocking};

fn closure<F: FnOnce() -> u8 + 'static>(f: F) {
    spawn_blocking(f);
}

fn output<T: 'static, F: FnOnce() -> T + Send + 'static>(f: F) {
    spawn_blocking(f);
}

fn runtime_closure<F: FnOnce() -> u8 + 'static>(runtime: &Runtime, f: F) {
    runtime.spawn_blocking(f);
}

fn runtime_output<T: 'static, F: FnOnce() -> T + Send + 'static>(runtime: &Runtime, f: F) {
    runtime.spawn_blocking(f);
}

fn handle_closure<F: FnOnce() -> u8 + 'static>(handle: &Handle, f: F) {
    handle.spawn_blocking(f);
}

fn handle_output<T: 'static, F: FnOnce() -> T + Send + 'static>(handle: &Handle, f: F) {
    handle.spawn_blocking(f);
}

fn set_closure<F: FnOnce() -> u8 + 'static>(set: &mut JoinSet<u8>, f: F) {
    set.spawn_blocking(f);
}

fn set_closure_on<F: FnOnce() -> u8 + 'static>(set: &mut JoinSet<u8>, f: F, handle: &Handle) {
    set.spawn_blocking_on(f, handle);
}

fn set_output<T: 'static, F: FnOnce() -> T + Send + 'static>(set: &mut JoinSet<T>, f: F) {
    set.spawn_blocking(f);
}

fn main() {}
