//! The watchdog: a process that makes no progress says where it stands and ends.

use crate::programs::threads;
use filch::runtime::Handle;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Without progress for so long, a process hangs. A child says so before its
/// parent does, which waits for it.
pub(super) const HANG: Duration = Duration::from_secs(180);
pub(super) const CHILD_HANG: Duration = Duration::from_secs(120);

/// The code to end with then.
const HUNG: i32 = 3;

static PROGRESS: AtomicU64 = AtomicU64::new(0);
static DOING: Mutex<Option<(String, Option<Handle>)>> = Mutex::new(None);

/// Something was done.
pub(super) fn progress() {
    PROGRESS.fetch_add(1, Relaxed);
}

/// From here on the process does this.
pub(super) fn doing(what: String, runtime: Option<Handle>) {
    progress();
    let former = DOING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .replace((what, runtime));
    drop(former);
}

/// Watches until the process ends, or makes no progress for so long.
pub(super) fn start(seed: u64, bound: Duration) {
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || {
            let (mut seen, mut since) = (0, Instant::now());
            loop {
                thread::sleep(Duration::from_millis(250));
                let now = PROGRESS.load(Relaxed);
                if now != seen {
                    (seen, since) = (now, Instant::now());
                } else if since.elapsed() > bound {
                    report(seed, bound);
                    process::exit(HUNG);
                }
            }
        })
        .expect("a process that starts can have a thread");
}

fn report(seed: u64, bound: Duration) {
    let doing = DOING.lock().unwrap_or_else(PoisonError::into_inner).take();
    eprintln!("HANG: no progress for {bound:?}; --seed {seed}");
    if let Some((what, runtime)) = doing {
        eprintln!("while: {what}");
        if let Some(runtime) = runtime {
            let metrics = runtime.metrics();
            eprintln!(
                "the runtime: {} tasks alive, {} in the injector, {} blocking threads ({} idle), {} closures queued, {runtime:?}",
                metrics.num_alive_tasks(),
                metrics.global_queue_depth(),
                metrics.num_blocking_threads(),
                metrics.num_idle_blocking_threads(),
                metrics.blocking_queue_depth(),
            );
            for worker in 0..metrics.num_workers() {
                eprintln!(
                    "  worker {worker}: {} polls, {} parks, {} tasks queued",
                    metrics.worker_poll_count(worker),
                    metrics.worker_park_count(worker),
                    metrics.worker_local_queue_depth(worker)
                );
            }
        }
    }
    eprintln!("the threads of process {}:\n{}", process::id(), threads());
    if std::env::var_os(crate::programs::KEEP_HANGING).is_some() {
        eprintln!("waiting for a debugger");
        loop {
            thread::park();
        }
    }
}
