//! A selector that breaks under a running runtime: another file is put in the
//! place of its epoll descriptor.
//!
//! What is to be seen then: the runtime says so in a panic, ends, and everything
//! that waits is told. Nothing hangs.

use super::ensure;
use crate::programs::Counts;
use crate::soak::watch;
use filch::net::TcpListener;
use filch::runtime::{Builder, Runtime};
use filch::time::sleep;
use rustix::io::dup2;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::future::pending;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Reached only by a hang.
const HANG: Duration = Duration::from_secs(60);

pub(super) fn suffer(workers: usize, _seed: u64) -> Result<(), String> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    std::panic::set_hook(Box::new(move |info| {
        heard
            .lock()
            .expect("nobody panics with it")
            .push(info.to_string());
    }));
    for workers in [0, 1, 2, workers] {
        watch::progress();
        let before = Counts::now();
        let (sender, over) = channel();
        thread::spawn(move || {
            // The receiver waits until the bound.
            drop(sender.send(break_a_runtime(workers)));
        });
        over.recv_timeout(HANG).map_err(|_| {
            format!("{workers} workers (0 for the current thread) hang with a broken selector")
        })??;
        let said = std::mem::take(&mut *said.lock().expect("nobody panics with it"));
        ensure(
            said.iter().any(|panic| panic.contains("selector failed")),
            || format!("with {workers} workers nobody said that the selector failed: {said:?}"),
        )?;
        before.restored()?;
    }
    Ok(())
}

/// Descriptors of epoll instances.
fn epolls() -> BTreeSet<RawFd> {
    let files = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    files
        .filter(|file| {
            fs::read_link(file.path())
                .is_ok_and(|target| target.to_string_lossy().contains("[eventpoll]"))
        })
        .filter_map(|file| file.file_name().to_str()?.parse().ok())
        .collect()
}

struct CountsDrop(Arc<AtomicUsize>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn break_a_runtime(workers: usize) -> Result<(), String> {
    let others = epolls();
    let runtime = match workers {
        0 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build(),
    };
    let runtime = runtime.map_err(|error| format!("build: {error}"))?;
    let own: Vec<_> = epolls().difference(&others).copied().collect();
    let [epoll] = own[..] else {
        return Err(format!("a runtime with the epoll instances {own:?}"));
    };
    let dropped = Arc::new(AtomicUsize::new(0));
    let tasks = waiting_tasks(&runtime, &dropped);
    let count = tasks.len();
    let (ready, is_ready) = channel();
    let handle = runtime.handle().clone();
    let breaking = thread::spawn(move || {
        // An error means that the runtime has not come so far.
        let _ = is_ready.recv();
        let broken = break_descriptor(epoll);
        // Whoever sleeps in the former instance is woken by a deadline before its
        // own, and comes back to the other file.
        drop(handle.spawn(sleep_briefly()));
        broken
    });
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let _ = ready.send(());
            let mut outcomes = Vec::new();
            for task in tasks {
                outcomes.push(task.await);
            }
            outcomes
        })
    }));
    breaking
        .join()
        .map_err(|_| "the breaking thread panicked".to_owned())??;
    match ended {
        // The panic of a current-thread runtime is the caller's.
        Err(_) => {}
        Ok(outcomes) => {
            let cancelled = outcomes.iter().filter(|outcome| outcome.is_err()).count();
            ensure(cancelled == count, || {
                format!("{cancelled} cancelled of {count}")
            })?;
        }
    }
    drop(runtime);
    let dropped = dropped.load(SeqCst);
    ensure(dropped == count, || {
        format!("{dropped} futures dropped of {count}")
    })
}

async fn sleep_briefly() {
    sleep(Duration::from_millis(1)).await;
}

/// Tasks that wait for all kinds of things that will not come.
fn waiting_tasks(
    runtime: &Runtime,
    dropped: &Arc<AtomicUsize>,
) -> Vec<filch::task::JoinHandle<()>> {
    (0..30)
        .map(|index| {
            let on_drop = CountsDrop(Arc::clone(dropped));
            runtime.spawn(async move {
                let _on_drop = on_drop;
                match index % 3 {
                    0 => sleep(Duration::from_secs(3600)).await,
                    1 => {
                        let listener = TcpListener::bind("127.0.0.1:0").await;
                        if let Ok(listener) = listener {
                            drop(listener.accept().await);
                        }
                        pending::<()>().await;
                    }
                    _ => pending::<()>().await,
                }
            })
        })
        .collect()
}

/// Puts a file that is no epoll instance in the place of one.
fn break_descriptor(epoll: RawFd) -> Result<(), String> {
    let null = File::open("/dev/null").map_err(|error| error.to_string())?;
    // SAFETY: the descriptor is open, for its runtime still exists; it is not
    // closed here, and what is put in its place is its owner's to close.
    let mut epoll = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(epoll) });
    dup2(&null, &mut epoll).map_err(|error| format!("dup2: {error}"))
}
