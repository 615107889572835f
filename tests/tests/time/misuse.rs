//! What is refused, and how clearly.

use super::every_runtime::{on_every_built_runtime, within_bounds, workers};
use super::{by_hand, ms};
use filch::runtime::{Builder, Runtime};
use filch::time::{self, Duration, Instant};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `body` panics with.
#[track_caller]
fn panic_of(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("it should have panicked");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast_ref::<&str>().expect("a message")).to_owned(),
    }
}

#[track_caller]
fn panics_with(part: &str, body: impl FnOnce()) {
    let message = panic_of(body);
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn outside_of_a_runtime_there_are_no_timers() {
    let now = Instant::now();
    panics_with("filch runtime", || drop(time::sleep(ms(1))));
    panics_with("filch runtime", || drop(time::sleep_until(now)));
    panics_with("filch runtime", || {
        drop(time::timeout(ms(1), pending::<()>()))
    });
    panics_with("filch runtime", || {
        drop(time::timeout_at(now, pending::<()>()))
    });
    panics_with("filch runtime", || drop(time::interval(ms(1))));
    panics_with("filch runtime", || drop(time::interval_at(now, ms(1))));
}

#[test]
fn outside_of_a_runtime_there_is_no_clock_to_stop() {
    panics_with("outside the filch runtime", time::pause);
    panics_with("outside the filch runtime", time::resume);
    panics_with("outside the filch runtime", || {
        assert!(by_hand(time::advance(ms(1))).poll().is_ready())
    });
}

#[test]
fn timers_must_be_enabled() {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.enable_io().build().unwrap();
        panics_with("enable_time", || {
            runtime.block_on(async { time::sleep(ms(1)).await })
        });
    }
}

#[test]
fn a_period_of_zero_is_refused() {
    let runtime = paused();
    let _context = runtime.enter();
    panics_with("`period` must be non-zero", || {
        drop(time::interval(Duration::ZERO))
    });
    panics_with("`period` must be non-zero", || {
        drop(time::interval_at(Instant::now(), Duration::ZERO))
    });
}

#[test]
fn several_workers_have_no_clock_to_stop() {
    within_bounds("pause", || {
        let runtime = workers(2);
        panics_with("current_thread", || {
            runtime.block_on(async { time::pause() })
        });
        let spawned = runtime.spawn(async { time::pause() });
        assert!(runtime.block_on(spawned).unwrap_err().is_panic());
        panics_with("not frozen", || runtime.block_on(async { time::resume() }));
        panics_with("not frozen", || runtime.block_on(time::advance(ms(1))));
    });
}

#[test]
fn the_clock_is_stopped_and_started_alternately() {
    let runtime = paused();
    let _context = runtime.enter();
    panics_with("already frozen", time::pause);
    time::resume();
    panics_with("not frozen", time::resume);
    panics_with("not frozen", || runtime.block_on(time::advance(ms(1))));
    time::pause();
}

#[test]
fn the_clock_cannot_leave_its_range() {
    let runtime = paused();
    let before = runtime.block_on(async { Instant::now() });
    panics_with("overflow", || {
        runtime.block_on(time::advance(Duration::MAX))
    });
    assert_eq!(runtime.block_on(async { Instant::now() }), before);
    runtime.block_on(async { time::sleep(ms(1)).await });
}

fn sleep_in(runtime: &Runtime) -> super::ByHand<time::Sleep> {
    let _context = runtime.enter();
    by_hand(time::sleep(Duration::from_secs(60)))
}

#[test]
fn a_sleep_whose_runtime_is_gone_says_so() {
    on_every_built_runtime(|runtime| {
        let mut registered = sleep_in(&runtime);
        assert!(registered.poll().is_pending());
        let mut fresh = sleep_in(&runtime);
        drop(runtime);
        panics_with("shut down", || assert!(registered.poll().is_ready()));
        panics_with("shut down", || assert!(fresh.poll().is_ready()));
    });
}

fn listener() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

#[test]
fn misuse_is_reported_where_it_happened() {
    let location = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = location.clone();
    let test_thread = std::thread::current().id();
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == test_thread {
            *seen.lock().unwrap() = info.location().map(|location| location.file().to_owned());
        } else {
            previous(info);
        }
    }));
    for misuse in [
        || drop(time::sleep(ms(1))),
        || drop(time::timeout(ms(1), pending::<()>())),
        || drop(time::interval(Duration::ZERO)),
        || {
            time::pause();
            unreachable!("there is no clock");
        },
        || {
            let runtime = Builder::new_current_thread().build().unwrap();
            let _entered = runtime.enter();
            drop(time::sleep(ms(1)));
        },
        || {
            let runtime = Builder::new_current_thread().build().unwrap();
            let _entered = runtime.enter();
            drop(filch::net::TcpListener::from_std(listener()));
        },
    ] {
        panic_of(misuse);
        let file = location
            .lock()
            .unwrap()
            .take()
            .expect("the hook was called");
        assert!(file.ends_with("misuse.rs"), "{file}");
    }
}
