//! Threads of the blocking pool whose hooks panic: no closure's handle is left
//! waiting, and no shutdown.

use filch::runtime::{Builder, Runtime};
use filch::task::JoinHandle;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
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
