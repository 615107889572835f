//! Sleeps, timeouts and their lateness.

mod common;

use std::time::Duration;

use criterion::measurement::WallTime;

fn main() {
    let mut criterion = common::prepare(WallTime);
    common::bench(
        &mut criterion,
        &[
            "timeout_ready",
            "timeout_pending",
            "sleep_drop",
            "sleep_fire",
            "lateness_100us",
            "lateness_1ms",
            "ticker",
        ],
        |nanoseconds| Duration::from_secs_f64(nanoseconds / 1e9),
    );
    criterion.final_summary();
}
