//! TCP echo and HTTP.

mod common;

use std::time::Duration;

use criterion::measurement::WallTime;

fn main() {
    let mut criterion = common::prepare(WallTime);
    common::bench(
        &mut criterion,
        &[
            "echo_1",
            "echo_64",
            "echo_1000",
            "echo_64_one_worker",
            "echo_1000_one_worker",
            "http",
        ],
        |nanoseconds| Duration::from_secs_f64(nanoseconds / 1e9),
    );
    criterion.final_summary();
}
