//! What a parked task weighs.

use std::future::pending;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Setting;
use crate::measure::Pass;
use crate::memory::LiveBytes;
use crate::runtimes::{Runtime, Tasks};

/// Heap bytes requested per task that has been polled once and waits for ever, holding 64 bytes
/// of its own across the wait; join handles excluded.
///
/// There is no warm-up and only one pass: what a runtime's queues and lists grow by for these
/// tasks is part of their weight.
pub fn parked_task<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
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

async fn park(number: u8, parked: Arc<AtomicUsize>) {
    let state = [number; 64];
    parked.fetch_add(1, Ordering::Release);
    pending::<()>().await;
    black_box(&state);
}
