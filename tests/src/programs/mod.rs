//! Random programs against the public API of filch.
//!
//! A seed makes a *stage*: a runtime of some kind and tuning, a program of
//! tasks, sleeps, channels, sockets and blocking work, threads that disturb it,
//! and the moment and the manner of the shutdown. [`play`] carries it out, and
//! checks what must hold however its threads are scheduled:
//!
//! - every task is polled to its end, or dropped, exactly once;
//! - every handle resolves, as its task has ended, after its future was dropped;
//! - every timer fires once and never early, on a paused clock to the nanosecond;
//! - every byte arrives in order, or the side that misses it was told of an error;
//! - wakers may be used at any time, the runtime's end included;
//! - no task, thread or file is left when the runtime is gone.
//!
//! A program that hangs is reported with the state of its parts. The same seed
//! makes the same program; how its threads are scheduled is up to the system.

mod generate;
mod interpret;
mod ledger;
mod naps;
mod outside;
mod panics;
mod process;
mod program;
mod sockets;
mod stage;

pub use self::process::{Counts, threads};

use self::interpret::Context;
use self::ledger::Ledger;
use self::outside::{Outside, disturb};
use self::stage::{Down, Moment, Stage};
use filch::runtime::{Builder, Handle, Runtime};
use filch::time::sleep;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Set to keep a process with a hanging program for a debugger.
pub(crate) const KEEP_HANGING: &str = "FILCH_KEEP_HANGING";

/// What a program has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Steps taken by its tasks.
    pub steps: u64,
    /// Connections that were not made for want of ports.
    pub skipped: usize,
}

/// Plays the program of `seed`.
///
/// # Errors
///
/// A report of everything that was not as it should be, or of a program that has
/// not ended after `bound`. In that case its threads are left as they are.
pub fn play(seed: u64, bound: Duration) -> Result<Figures, String> {
    let stage = Arc::new(Stage::of(seed));
    let stop_at = match stage.moment {
        Moment::AfterSteps(steps) => steps,
        Moment::Quiet | Moment::AfterRoot => u64::MAX,
    };
    let ledger = Arc::new(Ledger::new(stop_at));
    let _reported = panics::report_to(&ledger);
    let handle = Arc::new(Mutex::new(None));
    let (sender, over) = sync_channel(1);
    let player = Player {
        stage: Arc::clone(&stage),
        ledger: Arc::clone(&ledger),
        handle: Arc::clone(&handle),
    };
    let before = Counts::now();
    let thread = thread::Builder::new()
        .name("program".to_owned())
        .spawn(move || {
            let played = player.play();
            // The receiver waits for it, or has reported a hang.
            let _ = sender.send(());
            played
        });
    let thread = thread.map_err(|error| format!("no thread for a program: {error}"))?;
    if over.recv_timeout(bound) == Err(RecvTimeoutError::Timeout) {
        return Err(hang(seed, &stage, &ledger, &handle, bound));
    }
    let played = thread
        .join()
        .unwrap_or_else(|_| Err("the stage itself panicked".to_owned()));
    let restored = before.restored();
    let mut wrong = ledger.settle();
    wrong.extend(played.err());
    wrong.extend(restored.err());
    if wrong.is_empty() {
        return Ok(Figures {
            steps: ledger.steps(),
            skipped: ledger.skipped.load(std::sync::atomic::Ordering::Relaxed),
        });
    }
    Err(format!(
        "the program of seed {seed} went wrong:\n- {}\n{stage:?}",
        wrong.join("\n- ")
    ))
}

fn hang(
    seed: u64,
    stage: &Stage,
    ledger: &Ledger,
    handle: &Mutex<Option<Handle>>,
    bound: Duration,
) -> String {
    let runtime = ledger::lock(handle).take();
    let metrics = runtime.map(|runtime| {
        let metrics = runtime.metrics();
        let workers = (0..metrics.num_workers()).map(|worker| {
            format!(
                "\n  worker {worker}: {} polls, {} parks, {} tasks queued",
                metrics.worker_poll_count(worker),
                metrics.worker_park_count(worker),
                metrics.worker_local_queue_depth(worker)
            )
        });
        format!(
            "{} tasks alive, {} in the injector, {} blocking threads ({} idle), {} closures queued, {runtime:?}{}",
            metrics.num_alive_tasks(),
            metrics.global_queue_depth(),
            metrics.num_blocking_threads(),
            metrics.num_idle_blocking_threads(),
            metrics.blocking_queue_depth(),
            workers.collect::<String>()
        )
    });
    let report = format!(
        "the program of seed {seed} hangs for {bound:?} after {} steps, ending: {}\n{stage:?}\nnot over:\n  {}\n\
         the runtime: {}\nthe threads of process {}:\n{}",
        ledger.steps(),
        ledger.is_ending(),
        ledger.unfinished().join("\n  "),
        metrics.unwrap_or_else(|| "not built".to_owned()),
        std::process::id(),
        threads()
    );
    if std::env::var_os(KEEP_HANGING).is_some() {
        eprintln!("{report}\n{KEEP_HANGING} is set: waiting for a debugger");
        loop {
            thread::park();
        }
    }
    report
}

/// What the thread that plays a program has.
struct Player {
    stage: Arc<Stage>,
    ledger: Arc<Ledger>,
    handle: Arc<Mutex<Option<Handle>>>,
}

impl Player {
    fn play(&self) -> Result<(), String> {
        let runtime = self
            .stage
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        *ledger::lock(&self.handle) = Some(runtime.handle().clone());
        let (outside, waker) = Outside::start();
        let context = Context {
            ledger: Arc::clone(&self.ledger),
            outside,
            kind: self.stage.kind,
            exact: self.stage.exact,
            entry: self.ledger.enter("root".to_owned()),
        };
        let disturber = {
            let (context, stage) = (context.clone(), Arc::clone(&self.stage));
            let handle = runtime.handle().clone();
            thread::spawn(move || disturb(&context, &handle, &stage.outsider))
        };
        thread::scope(|scope| {
            for job in &self.stage.companions {
                let companion = context.of(format!("companion {}", job.name));
                let root = companion.tracked(Arc::clone(job));
                let runtime = &runtime;
                scope.spawn(move || block_on(runtime, root));
            }
            self.run_root(&runtime, &context);
        });
        let disturbed = if let Moment::Quiet = self.stage.moment {
            let disturbed = disturber.join();
            self.run_until_quiet(&runtime);
            disturbed
        } else {
            self.shut_down(runtime);
            return self.clear_up(context, waker, disturber.join());
        };
        self.shut_down(runtime);
        self.clear_up(context, waker, disturbed)
    }

    /// Runs the root until it has ended, or until the moment of the shutdown.
    fn run_root(&self, runtime: &Runtime, context: &Context) {
        let root = context.tracked(Arc::clone(&self.stage.root));
        let stopped = self.ledger.stop.notified();
        if self.stage.as_task {
            let handle = runtime.spawn(root);
            let entry = &context.entry;
            let mut left = Some(handle);
            block_on(runtime, async {
                let Some(handle) = &mut left else { return };
                filch::select! {
                    result = handle => {
                        left = None;
                        self.ledger.judge(entry, result);
                    }
                    () = stopped => {}
                }
            });
            if let Some(handle) = left {
                self.ledger.leave(Arc::clone(entry), handle);
            }
        } else {
            context.entry.note_abort();
            block_on(runtime, async {
                filch::select! {
                    _ = root => {}
                    () = stopped => {}
                }
            });
        }
    }

    /// Runs until every task has ended by itself, and every handle resolved.
    fn run_until_quiet(&self, runtime: &Runtime) {
        let metrics = runtime.metrics();
        block_on(runtime, async {
            let mut pause = Duration::from_micros(20);
            loop {
                for (entry, handle) in self.ledger.take_left() {
                    self.ledger.judge(&entry, handle.await);
                }
                if metrics.num_alive_tasks() == 0 && self.ledger.unfinished().is_empty() {
                    break;
                }
                sleep(pause).await;
                if self.stage.kind.is_paused() {
                    // Sleeps may have days to go, and threads real microseconds.
                    pause = Duration::from_secs(3600);
                    thread::sleep(Duration::from_micros(20));
                } else if pause < Duration::from_millis(1) {
                    pause *= 2;
                }
            }
        });
    }

    fn shut_down(&self, runtime: Runtime) {
        self.ledger.end();
        match self.stage.down {
            Down::Drop => drop(runtime),
            Down::DropOnAnotherThread => thread::scope(|scope| {
                scope.spawn(|| drop(runtime));
            }),
            Down::Timeout(duration) => runtime.shutdown_timeout(duration),
            Down::Background => runtime.shutdown_background(),
            Down::BackgroundInAsync => match Builder::new_current_thread().build() {
                Ok(other) => other.block_on(async { runtime.shutdown_background() }),
                Err(error) => self.ledger.violation(format!("no second runtime: {error}")),
            },
        }
    }

    /// Nothing runs any more, or not for long.
    fn clear_up(
        &self,
        context: Context,
        waker: thread::JoinHandle<()>,
        disturbed: thread::Result<()>,
    ) -> Result<(), String> {
        disturbed.map_err(|_| "the outsider panicked".to_owned())?;
        drop(ledger::lock(&self.handle).take());
        drop(context);
        // After a shutdown in the background the rest goes on for a while, and
        // may leave more.
        loop {
            let all_over = self.ledger.unfinished().is_empty();
            self.join_what_is_left();
            if all_over {
                break;
            }
            thread::sleep(Duration::from_micros(50));
        }
        waker
            .join()
            .map_err(|_| "the thread that wakes tasks panicked".to_owned())
    }
}

impl Player {
    /// Joins the handles, uses the wakers and drops whatever else refers to a
    /// task, and so to what is left of the runtime.
    fn join_what_is_left(&self) {
        for (entry, handle) in self.ledger.take_left() {
            self.ledger.judge(&entry, wait_for(handle));
        }
        for waker in self.ledger.take_wakers() {
            drop(waker.clone());
            waker.wake();
        }
        self.ledger.forget_exposed();
    }
}

/// Blocks on a future that may panic as planned.
fn block_on<T>(runtime: &Runtime, future: impl Future<Output = T>) {
    drop(catch_unwind(AssertUnwindSafe(|| runtime.block_on(future))));
}

/// Waits for a future without any runtime.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker))
        {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
