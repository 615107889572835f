//! A panic on a worker, outside of every task, shuts the runtime down in order:
//! whoever waits for it learns that, and nothing hangs or is left.

mod every_runtime;

use every_runtime::{waiting_sleep, within_bounds};
use filch::net::TcpListener;
use filch::runtime::{Builder, Handle};
use filch::time::Duration;
use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

/// Panics once it is armed, without a report.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicBool>);

impl Trap {
    fn arm(&self) {
        self.0.store(true, SeqCst);
    }

    fn step_into(&self) {
        if self.0.load(SeqCst) {
            resume_unwind(Box::new("a trap"));
        }
    }
}

impl Wake for Trap {
    fn wake(self: Arc<Self>) {
        self.step_into();
    }
}

/// Counts what is dropped inside of a runtime's context.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        if Handle::try_current().is_ok() {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

/// Builds a runtime with a trap set by `set`, has `spring` do what it takes, and
/// expects the end of everything.
fn ends_in_order(
    set: impl Fn(&mut Builder, Trap) + Copy + Send + 'static,
    spring: impl AsyncFn(&Trap) + Copy + Send + 'static,
) {
    for workers in [1, 2, 4] {
        within_bounds(&format!("{workers} workers"), move || {
            let (trap, drops) = (Trap::default(), Arc::new(AtomicUsize::new(0)));
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers).enable_all();
            set(&mut builder, trap.clone());
            let runtime = builder.build().unwrap();
            let held: Vec<_> = (0..10)
                .map(|_| {
                    let counted = Counted(drops.clone());
                    runtime.spawn(async move {
                        let _counted = counted;
                        pending::<()>().await;
                    })
                })
                .collect();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let mut accept = pin!(listener.accept());
                let waits = poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx).is_pending()));
                assert!(waits.await);
                spring(&trap).await;
                for task in held {
                    assert!(task.await.unwrap_err().is_cancelled());
                }
                assert!(accept.await.is_err(), "the driver has been shut down");
                let late = Handle::current().spawn(async {});
                assert!(late.await.unwrap_err().is_cancelled());
            });
            assert_eq!(drops.load(SeqCst), 10);
            assert_eq!(runtime.metrics().num_alive_tasks(), 0);
            drop(runtime);
        });
    }
}

/// Arms the trap on a worker, which parks some time later.
async fn arm_on_a_worker(trap: &Trap) {
    let trap = trap.clone();
    let armed = Handle::current().spawn(async move { trap.arm() });
    // It is cancelled if another worker parks first, and shuts the runtime down.
    if let Err(error) = armed.await {
        assert!(error.is_cancelled());
    }
}

#[test]
fn a_hook_panics_before_a_worker_parks() {
    ends_in_order(
        |builder, trap| _ = builder.on_thread_park(move || trap.step_into()),
        arm_on_a_worker,
    );
}

#[test]
fn a_hook_panics_after_a_worker_was_unparked() {
    ends_in_order(
        |builder, trap| _ = builder.on_thread_unpark(move || trap.step_into()),
        async |trap| {
            trap.arm();
            // Until a worker was asleep, and had to be woken for it.
            while Handle::current().spawn(async {}).await.is_ok() {
                std::thread::yield_now();
            }
        },
    );
}

#[test]
fn a_waker_panics_while_a_worker_turns_the_driver() {
    ends_in_order(
        |_, _| (),
        async |trap| {
            trap.arm();
            let waker = Waker::from(Arc::new(trap.clone()));
            let sleep = waiting_sleep(Duration::from_millis(1), &waker);
            // It stays registered for as long as anybody could wake it.
            SLEEPS.lock().unwrap().push(sleep);
        },
    );
    // They keep what is left of their runtimes.
    SLEEPS.lock().unwrap().clear();
}

static SLEEPS: Mutex<Vec<std::pin::Pin<Box<filch::time::Sleep>>>> = Mutex::new(Vec::new());

#[test]
fn a_hook_panics_when_a_worker_starts() {
    for workers in [1, 2, 4] {
        within_bounds(&format!("{workers} workers"), move || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_all()
                .on_thread_start(|| resume_unwind(Box::new("a trap")))
                .build()
                .unwrap();
            let task = runtime.spawn(pending::<()>());
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
            drop(runtime);
        });
    }
}

/// What a hook spawns runs before its worker sleeps, whose own queue it is in.
#[test]
fn a_hook_spawns_on_its_worker() {
    within_bounds("a hook that spawns", || {
        let ran = Arc::new(AtomicUsize::new(0));
        let (counted, spawned) = (ran.clone(), AtomicBool::new(false));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_park(move || {
                if !spawned.swap(true, SeqCst) {
                    let counted = counted.clone();
                    drop(filch::spawn(async move { counted.fetch_add(1, SeqCst) }));
                }
            })
            .build()
            .unwrap();
        // Queued behind what the hook has spawned.
        runtime.block_on(async {
            while ran.load(SeqCst) == 0 {
                filch::spawn(async {}).await.unwrap();
            }
        });
    });
}
