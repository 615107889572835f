//! What a parked task weighs.

use std::future::pending;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Setting;
use crate::errand::Errand;
use crate::measure::Pass;
use crate::memory::LiveBytes;
use crate::runtimes::{Runtime, Tasks};
use crate::system::resident_bytes;

/// Resident memory per task that has been polled once and waits for ever, in a process of its
/// own: with the allocator's rounding and alignment, and with what queues and lists grow by.
pub fn resident<R: Runtime>(_: &R, setting: &Setting) -> Vec<Pass> {
    let tasks = setting.size(100_000);
    let errand = Errand::ResidentMemory {
        runtime: R::NAME.to_owned(),
        workers: setting.workers,
        tasks,
    };
    let figure = errand.send().expect("the child process parks its tasks");
    vec![Pass {
        units: tasks as f64,
        figure,
        cpu: 0.0,
    }]
}

/// The growth behind [`resident`], in bytes.
///
/// # Errors
///
/// When /proc cannot be read.
pub fn resident_growth<R: Runtime>(workers: usize, count: usize) -> io::Result<f64> {
    let runtime = R::new(workers);
    runtime.run(move |tasks| async move {
        let parked = Arc::new(AtomicUsize::new(0));
        let before = resident_bytes()?;
        for number in 0..count {
            R::Tasks::detach(tasks.spawn(park(number as u8, parked.clone())));
        }
        while parked.load(Ordering::Acquire) < count {
            tasks.yield_now().await;
        }
        Ok(resident_bytes()? as f64 - before as f64)
    })
}

/// Heap bytes requested for such a task; its join handle, which is kept, is excluded.
///
/// There is no warm-up and only one pass: what a runtime's queues and lists grow by for these
/// tasks is part of their weight.
pub fn requested<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    let pass = runtime.run(move |tasks| async move {
        let parked = Arc::new(AtomicUsize::new(0));
        let mut joins = Vec::with_capacity(count);
        let counter = LiveBytes::start();
        for number in 0..count {
            joins.push(tasks.spawn(park(number as u8, parked.clone())));
        }
        while parked.load(Ordering::Acquire) < count {
            tasks.yield_now().await;
        }
        let bytes = counter.stop();
        for join in joins {
            R::Tasks::cancel(join);
        }
        while Arc::strong_count(&parked) > 1 {
            tasks.yield_now().await;
        }
        Pass {
            units: count as f64,
            figure: bytes as f64,
            cpu: 0.0,
        }
    });
    vec![pass]
}

/// What a parked task holds across its wait.
const OWN_BYTES: usize = 160;

async fn park(number: u8, parked: Arc<AtomicUsize>) {
    let state = [number; OWN_BYTES];
    parked.fetch_add(1, Ordering::Release);
    pending::<()>().await;
    black_box(&state);
}
