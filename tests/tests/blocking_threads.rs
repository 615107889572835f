//! Threads of the blocking pool whose hooks panic, wait, or end the runtime: no closure's handle
//! is left waiting, and no shutdown.

use filch::runtime::{Builder, Handle, Runtime};
use filch::task::{JoinHandle, block_in_place};
use filch::time::sleep;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Reached only by a hang.
const HANG: Duration = Duration::from_secs(60);

/// Runs `body` on a thread of its own, which has to come to an end.
#[track_caller]
fn within_bounds(body: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let running = thread::spawn(move || {
        body();
        // The test may have given up.
        let _ = done.send(());
    });
    match is_done.recv_timeout(HANG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a handle or a shutdown hangs"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {}
    }
    if let Err(panic) = running.join() {
        resume_unwind(panic);
    }
}

/// Only the threads of the pool have hooks to call here: the tasks run on the
/// thread of the test.
fn builder() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

fn join<T>(runtime: &Runtime, handle: JoinHandle<T>) -> Result<T, filch::task::JoinError> {
    runtime.block_on(handle)
}

#[test]
fn a_start_hook_that_panics_gives_the_closures_up() {
    within_bounds(|| {
        let broken = Arc::new(AtomicBool::new(true));
        let hook = Arc::clone(&broken);
        let runtime = builder()
            .on_thread_start(move || {
                if hook.load(Ordering::SeqCst) {
                    resume_unwind(Box::new("a start hook that panics"));
                }
            })
            .build()
            .unwrap();
        let handles: Vec<_> = (0..50).map(|n| runtime.spawn_blocking(move || n)).collect();
        for handle in handles {
            assert!(join(&runtime, handle).unwrap_err().is_cancelled());
        }
        // The pool tries again for the next one.
        broken.store(false, Ordering::SeqCst);
        let handle = runtime.spawn_blocking(|| 7);
        assert_eq!(join(&runtime, handle).unwrap(), 7);
    });
}

#[test]
fn a_start_hook_that_panics_now_and_then_strands_no_handle() {
    within_bounds(|| {
        let starts = AtomicUsize::new(0);
        let runtime = builder()
            .max_blocking_threads(3)
            .thread_keep_alive(Duration::from_micros(1))
            .on_thread_start(move || {
                if starts.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
                    resume_unwind(Box::new("a start hook that panics now and then"));
                }
            })
            .build()
            .unwrap();
        let mut run = 0;
        for _ in 0..50 {
            let handles: Vec<_> = (0..8).map(|n| runtime.spawn_blocking(move || n)).collect();
            for (n, handle) in handles.into_iter().enumerate() {
                match join(&runtime, handle) {
                    Ok(output) => {
                        assert_eq!(output, n);
                        run += 1;
                    }
                    Err(error) => assert!(error.is_cancelled()),
                }
            }
        }
        assert!(run > 0);
    });
}

#[test]
fn a_stop_hook_that_panics_keeps_nobody_waiting() {
    within_bounds(|| {
        let stops = Arc::new(AtomicUsize::new(0));
        let hook = Arc::clone(&stops);
        let runtime = builder()
            .thread_keep_alive(Duration::from_micros(1))
            .on_thread_stop(move || {
                hook.fetch_add(1, Ordering::SeqCst);
                resume_unwind(Box::new("a stop hook that panics"));
            })
            .build()
            .unwrap();
        for n in 0..50 {
            let handle = runtime.spawn_blocking(move || n);
            assert_eq!(join(&runtime, handle).unwrap(), n);
        }
        drop(runtime);
        assert!(stops.load(Ordering::SeqCst) > 0);
    });
}

#[test]
fn a_closure_that_panics_takes_no_other_with_it() {
    within_bounds(|| {
        let runtime = builder().max_blocking_threads(1).build().unwrap();
        let handles: Vec<_> = (0..100)
            .map(|n| {
                runtime.spawn_blocking(move || {
                    if n % 2 == 0 {
                        resume_unwind(Box::new(n));
                    }
                    n
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            match join(&runtime, handle) {
                Ok(output) => assert_eq!((output, n % 2), (n, 1)),
                Err(error) => {
                    let payload = error.into_panic();
                    assert_eq!(payload.downcast_ref(), Some(&n));
                }
            }
        }
    });
}

#[test]
fn a_start_hook_may_wait_for_closures() {
    within_bounds(|| {
        let waited = AtomicBool::new(false);
        let runtime = builder()
            .on_thread_start(move || {
                if !waited.swap(true, Ordering::SeqCst) {
                    let runtime = Handle::current();
                    runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
                }
            })
            .build()
            .unwrap();
        let handle = runtime.spawn_blocking(|| 7);
        assert_eq!(join(&runtime, handle).unwrap(), 7);
    });
}

/// The hook waits for a closure of its own, and so does the closure that its thread was made for.
#[test]
fn closures_may_wait_for_one_that_a_start_hook_waits_for() {
    within_bounds(|| {
        let (finish, is_finished) = mpsc::channel();
        let finish = Mutex::new(Some(finish));
        let runtime = builder()
            .on_thread_start(move || {
                let first = finish.lock().unwrap().take();
                if let Some(finish) = first {
                    let runtime = Handle::current();
                    let closure = runtime.spawn_blocking(move || finish.send(()).unwrap());
                    runtime.block_on(closure).unwrap();
                }
            })
            .build()
            .unwrap();
        let handle = runtime.spawn_blocking(move || is_finished.recv().unwrap());
        join(&runtime, handle).unwrap();
    });
}

#[test]
fn no_hook_is_called_when_the_runtime_is_gone() {
    within_bounds(|| {
        let outside = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let hook = {
                let outside = Arc::clone(&outside);
                move || {
                    if Handle::try_current().is_err() {
                        outside.fetch_add(1, Ordering::SeqCst);
                    }
                }
            };
            let (gone, is_gone) = mpsc::channel::<()>();
            let stop = {
                let (hook, gone) = (hook.clone(), Mutex::new(gone));
                move || {
                    hook();
                    // Gone when the last of the runtime's threads is.
                    drop(gone.lock());
                }
            };
            let runtime = builder()
                .on_thread_start(hook)
                .on_thread_stop(stop)
                .build()
                .unwrap();
            drop(runtime.spawn_blocking(|| ()));
            runtime.shutdown_background();
            assert!(is_gone.recv().is_err());
        }
        assert_eq!(outside.load(Ordering::SeqCst), 0);
    });
}

/// Tells whether it is dropped inside a runtime.
struct Witness(mpsc::Sender<bool>);

impl Drop for Witness {
    fn drop(&mut self) {
        // The test may have given up.
        let _ = self.0.send(Handle::try_current().is_ok());
    }
}

#[test]
fn closures_are_dropped_inside_the_runtime_that_a_start_hook_s_panic_ends() {
    within_bounds(|| {
        let (witness, testimony) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let closures = Mutex::new(Some((Witness(witness), released)));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .enable_all()
            .on_thread_start(move || {
                let first = closures.lock().unwrap().take();
                if let Some((witness, released)) = first {
                    let runtime = Handle::current();
                    drop(runtime.spawn_blocking(move || released.recv().unwrap_err()));
                    drop(runtime.spawn_blocking(move || drop(witness)));
                    resume_unwind(Box::new("a start hook that panics (expected)"));
                }
            })
            .build()
            .unwrap();
        assert!(testimony.recv().unwrap(), "dropped outside of the runtime");
        drop((release, runtime));
    });
}

#[test]
fn an_idle_thread_takes_what_comes_while_another_starts() {
    within_bounds(|| {
        let (open, gate) = mpsc::channel();
        let (gate, starts) = (Mutex::new(gate), AtomicUsize::new(0));
        let runtime = builder()
            .on_thread_start(move || {
                if starts.fetch_add(1, Ordering::SeqCst) == 1 {
                    gate.lock().unwrap().recv().unwrap();
                }
            })
            .build()
            .unwrap();
        let (release, wait) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let busy = runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
        });
        has_started.recv().unwrap();
        // The thread that is created for it stays at the gate.
        let other = runtime.spawn_blocking(|| ());
        release.send(()).unwrap();
        join(&runtime, busy).unwrap();
        join(&runtime, other).unwrap();
        let opens = runtime.spawn_blocking(move || open.send(()).unwrap());
        join(&runtime, opens).unwrap();
    });
}

#[test]
fn a_start_hook_may_drop_the_runtime() {
    within_bounds(|| {
        let place = Arc::new(Mutex::new(None::<Runtime>));
        let taken = Arc::clone(&place);
        let (dropped, has_dropped) = mpsc::channel();
        let runtime = builder()
            .on_thread_start(move || {
                drop(taken.lock().unwrap().take());
                dropped.send(()).unwrap();
            })
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        *place.lock().unwrap() = Some(runtime);
        let closure = handle.spawn_blocking(|| ());
        has_dropped.recv().unwrap();
        let elsewhere = builder().build().unwrap();
        assert!(join(&elsewhere, closure).unwrap_err().is_cancelled());
    });
}

/// The payload of a panic that panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        resume_unwind(Box::new("a payload that panics"));
    }
}

#[test]
fn a_name_that_panics_with_a_panicking_payload_stops_nothing() {
    within_bounds(|| {
        let named = AtomicBool::new(false);
        let runtime = builder()
            .thread_name_fn(move || {
                if !named.swap(true, Ordering::SeqCst) {
                    resume_unwind(Box::new(Grenade));
                }
                "named".to_owned()
            })
            .build()
            .unwrap();
        let refused = AssertUnwindSafe(|| runtime.spawn_blocking(|| ()));
        assert!(catch_unwind(refused).is_err());
        let handle = runtime.spawn_blocking(|| 7);
        assert_eq!(join(&runtime, handle).unwrap(), 7);
    });
}

#[test]
fn a_build_that_fails_ends_what_has_begun() {
    within_bounds(|| {
        let builder_thread = thread::current().id();
        let (arrived, has_arrived) = mpsc::channel();
        let (has_arrived, names) = (Mutex::new(has_arrived), AtomicUsize::new(0));
        let parked = AtomicBool::new(false);
        let (witness, testimony) = mpsc::channel();
        let witness = Mutex::new(Some(Witness(witness)));
        let built = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(1)
            .enable_all()
            .thread_name_fn(move || {
                let is_second = thread::current().id() == builder_thread
                    && names.fetch_add(1, Ordering::SeqCst) == 1;
                if !is_second {
                    return "named".to_owned();
                }
                // The first worker waits for a timer, its core for a thread.
                has_arrived.lock().unwrap().recv().unwrap();
                String::new()
            })
            .on_thread_park(move || {
                if !parked.swap(true, Ordering::SeqCst) {
                    let runtime = Handle::current();
                    let waits = |runtime: Handle| {
                        runtime.block_on(async { sleep(Duration::from_secs(3600)).await });
                    };
                    let (one, other) = (runtime.clone(), runtime.clone());
                    drop(runtime.spawn_blocking(move || waits(one)));
                    // Waits for the only thread of the pool, and is given up.
                    let witness = witness.lock().unwrap().take();
                    drop(runtime.spawn_blocking(move || drop(witness)));
                    let arrived = arrived.clone();
                    drop(runtime.spawn(async move {
                        block_in_place(|| {
                            arrived.send(()).unwrap();
                            waits(other);
                        });
                    }));
                }
            })
            .build();
        assert!(built.is_err());
        assert!(testimony.recv().unwrap(), "dropped outside of the runtime");
    });
}
