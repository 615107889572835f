//! What belongs to a thread does not leave it.
use filch::runtime::Handle;
use std::rc::Rc;
use std::thread;

fn guard_across_an_await() {
    filch::spawn(async {
        let handle = Handle::current();
        let _guard = handle.enter();
        filch::task::yield_now().await;
    });
}

fn budget_across_an_await() {
    filch::spawn(async {
        let taken = std::future::poll_fn(filch::task::coop::poll_proceed).await;
        filch::task::yield_now().await;
        taken.made_progress();
    });
}

filch::task_local! {
    static NAME: Rc<str>;
}

fn task_local_value() {
    filch::spawn(NAME.scope(Rc::from("on this thread"), async {}));
}

fn task_local_reference_across_threads() {
    NAME.with(|name| thread::scope(|scope| scope.spawn(|| drop(name.len()))));
}

fn main() {}
