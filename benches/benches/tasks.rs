//! Spawning, joining, waking and blocking work.

mod common;

use std::time::Duration;

use criterion::measurement::WallTime;

fn main() {
    let mut criterion = common::prepare(WallTime);
    common::bench(
        &mut criterion,
        &[
            "spawn_join",
            "spawn_outside",
            "yield",
            "ping_pong",
            "chained_spawn",
            "channel",
            "fork_join",
            "thread_wake",
            "blocking_1",
            "blocking_64",
            "uneven",
            "long_poll",
        ],
        |nanoseconds| Duration::from_secs_f64(nanoseconds / 1e9),
    );
    criterion.final_summary();
}
