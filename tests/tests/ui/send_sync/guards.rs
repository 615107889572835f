//! Guards, halves and references end before what they were taken from.
use filch::io::Interest;
use filch::io::unix::AsyncFd;
use filch::net::TcpStream;
use filch::runtime::{EnterGuard, Handle, Runtime};
use std::os::fd::OwnedFd;

fn runtime_dropped_while_entered(runtime: Runtime) {
    let guard = runtime.enter();
    drop(runtime);
    drop(guard);
}

fn guard_without_its_handle() -> EnterGuard<'static> {
    let handle = Handle::current();
    handle.enter()
}

fn stream_used_while_split(mut stream: TcpStream) {
    let (_read, write) = stream.split();
    drop(stream);
    drop(write);
}

fn half_lives_on(mut stream: TcpStream) -> filch::net::tcp::ReadHalf<'static> {
    stream.split().0
}

fn split_twice(stream: &mut TcpStream) {
    let first = stream.split();
    let second = stream.split();
    drop((first, second));
}

async fn descriptor_taken_while_guarded(descriptor: AsyncFd<OwnedFd>) {
    let guard = descriptor.readable().await;
    drop(descriptor.into_inner());
    drop(guard);
}

async fn descriptor_changed_while_guarded(mut descriptor: AsyncFd<OwnedFd>) {
    let guard = descriptor.ready(Interest::READABLE).await;
    descriptor.get_mut();
    drop(guard);
}

async fn inner_outlives_an_exclusive_guard(descriptor: &mut AsyncFd<OwnedFd>) {
    let mut guard = descriptor.readable_mut().await.unwrap();
    let inner = guard.get_inner_mut();
    drop(guard);
    drop(inner);
}

filch::task_local! {
    static NAME: String;
}

fn task_local_escapes() -> &'static str {
    NAME.with(|name| name.as_str())
}

fn task_local_borrows() {
    let text = String::from("on this stack");
    filch::spawn(NAME.scope(String::new(), async { text.len() }));
}

fn main() {}
