//! The workloads, each written once for every runtime.

pub mod blocking;
pub mod memory;
pub mod processor;
pub mod sockets;
pub mod spawn;
pub mod timers;
pub mod wake;

use crate::measure::Pass;
use crate::runtimes::{Filch, Runtime, Smol, Tokio};

/// How a workload is to be run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Worker threads of the runtime.
    pub workers: usize,
    /// Passes to measure, after one that only warms up.
    pub passes: usize,
    /// Whether the work is cut down until it only shows that it can be done.
    pub smoke: bool,
}

impl Setting {
    /// The size of a piece of work whose full size is `full`.
    pub fn size(&self, full: usize) -> usize {
        if self.smoke { (full / 50).max(2) } else { full }
    }

    /// The number of connections in place of `full`.
    pub fn connections(&self, full: usize) -> usize {
        if self.smoke { full.min(16) } else { full }
    }

    /// Calls `pass` once to warm up and then as often as is to be measured.
    pub fn repeat(&self, mut pass: impl FnMut() -> Pass) -> Vec<Pass> {
        pass();
        (0..self.passes).map(|_| pass()).collect()
    }
}

/// Starts a fresh runtime, runs the workload on it and stops it.
pub type Run = fn(&Setting) -> Vec<Pass>;

/// The unit in which a figure of a workload is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Bytes,
    /// A number of events.
    Count,
}

/// Which of the two figures of a pass a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The figure that the workload is about.
    Figure,
    /// The processor time of one unit.
    Cpu,
}

impl Metric {
    /// This metric of a pass, for one unit of work.
    pub fn of(self, pass: &Pass) -> f64 {
        match self {
            Self::Figure => pass.figure_per_unit(),
            Self::Cpu => pass.cpu_per_unit(),
        }
    }
}

/// The same work without a runtime, or with something that is no async runtime.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// What it is.
    pub name: &'static str,
    /// Runs it.
    pub run: Run,
}

/// One kind of work, and how every contender runs it.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// A short name without spaces, unique.
    pub name: &'static str,
    /// The row's title in reports.
    pub title: &'static str,
    /// What one figure means, as in "per task".
    pub per: &'static str,
    /// The unit of the figure.
    pub unit: Unit,
    /// What the reports show of it.
    pub metrics: &'static [Metric],
    /// Measured passes in a sample.
    pub passes: usize,
    /// The number of workers, where the workload is about that number.
    pub workers: Option<usize>,
    /// On filch.
    pub filch: Run,
    /// On tokio.
    pub tokio: Run,
    /// On smol.
    pub smol: Run,
    /// Below them all.
    pub floor: Option<Floor>,
}

/// The workload function instantiated for a runtime, on a fresh instance of it.
macro_rules! on {
    ($runtime:ty, $workload:path) => {
        |setting| $workload(&<$runtime>::new(setting.workers), setting)
    };
}

/// A workload with the defaults: nanoseconds a unit, fifteen passes, no floor.
macro_rules! workload {
    ($name:literal, $title:literal, $per:literal, $run:path $(, $field:ident: $value:expr)* $(,)?) => {
        Workload {
            $($field: $value,)*
            ..Workload {
                name: $name,
                title: $title,
                per: $per,
                unit: Unit::Time,
                metrics: &[Metric::Figure],
                passes: 15,
                workers: None,
                filch: on!(Filch, $run),
                tokio: on!(Tokio, $run),
                smol: on!(Smol, $run),
                floor: None,
            }
        }
    };
}

const BOTH: &[Metric] = &[Metric::Figure, Metric::Cpu];

/// Every workload, in the order in which reports list them.
pub const WORKLOADS: &[Workload] = &[
    workload!("spawn_join", "spawn + join, 10 000 trivial tasks from a task", "per task", spawn::join,
        floor: floor("malloc + free + queue push + pop", crate::runtimes::raw::allocate_and_queue)),
    workload!("spawn_outside", "spawn 10 000 from outside the workers", "per task", spawn::from_outside,
        floor: floor("malloc + free + injector push + pop", crate::runtimes::raw::allocate_and_inject)),
    workload!("yield", "yield, 200 tasks × 1000", "per yield", wake::yields, passes: 5),
    workload!("ping_pong", "ping-pong, 1000 pairs over two oneshots", "per pair", wake::ping_pong, passes: 25),
    workload!("chained_spawn", "chained spawn, depth 1000", "per task", spawn::chained, passes: 25),
    workload!("channel", "channel ping-pong between two tasks", "per round trip", wake::channel, passes: 9),
    workload!("fork_join", "fork-join tree (Fibonacci of 18, every node spawns)", "per task", spawn::fork_join,
        floor: floor("rayon", spawn::fork_join_rayon)),
    workload!(
        "timeout_ready",
        "timeout around a ready future",
        "per timeout",
        timers::timeout_ready,
        metrics: BOTH
    ),
    workload!(
        "timeout_pending",
        "timeout around a future that yields once",
        "per timeout",
        timers::timeout_pending,
        metrics: BOTH
    ),
    workload!(
        "sleep_drop",
        "create, poll, drop a 10–60 s sleep",
        "per sleep",
        timers::create_and_drop,
        metrics: BOTH
    ),
    workload!("sleep_fire", "spawn + fire 100 000 sleeps over 400 ms", "per sleep", timers::spawn_and_fire,
        metrics: &[Metric::Cpu], passes: 3),
    workload!("lateness_100us", "lateness of sleep(100 µs), median", "per sleep", timers::lateness_100_us,
        passes: 3, floor: floor("epoll_pwait2", timers::floor_100_us)),
    workload!("lateness_1ms", "lateness of sleep(1 ms), median", "per sleep", timers::lateness_1_ms,
        passes: 3, floor: floor("epoll_pwait2", timers::floor_1_ms)),
    workload!("ticker", "p99 lateness of a 2 ms ticker among eight tasks of 100 µs slices", "per tick",
        timers::ticker_among_busy, passes: 3),
    workload!("echo_1", "TCP echo, 1 connection", "per echo", sockets::echo_1,
        metrics: BOTH, passes: 5, floor: floor("raw epoll", sockets::raw_1)),
    workload!("echo_64", "TCP echo, 64 connections", "per echo", sockets::echo_64,
        metrics: BOTH, passes: 5, floor: floor("raw epoll", sockets::raw_64)),
    workload!("echo_1000", "TCP echo, 1000 connections", "per echo", sockets::echo_1000,
        metrics: BOTH, passes: 5, floor: floor("raw epoll", sockets::raw_1000)),
    workload!("echo_64_one_worker", "TCP echo, 64 connections, 1 worker", "per echo", sockets::echo_64,
        metrics: BOTH, passes: 5, workers: Some(1), floor: floor("raw epoll", sockets::raw_64)),
    workload!("echo_1000_one_worker", "TCP echo, 1000 connections, 1 worker", "per echo", sockets::echo_1000,
        metrics: BOTH, passes: 5, workers: Some(1), floor: floor("raw epoll", sockets::raw_1000)),
    workload!("thread_wake", "a plain thread wakes a task and back", "per round trip", wake::thread_and_task,
        passes: 5, floor: floor("two plain threads", crate::runtimes::raw::thread_round_trips)),
    workload!("memory", "resident bytes per parked task", "per task", memory::resident,
        unit: Unit::Bytes, passes: 1),
    workload!("memory_requested", "heap bytes requested per parked task", "per task", memory::requested,
        unit: Unit::Bytes, passes: 1),
    workload!("blocking_1", "spawn_blocking round trip, 1 at a time", "per round trip", blocking::one_at_a_time,
        passes: 6),
    workload!("blocking_64", "spawn_blocking round trip, 64 tasks at once", "per round trip",
        blocking::from_64_tasks, passes: 6),
    workload!("http", "HTTP/1.1 hello over hyper, 64 keep-alive connections", "per request", sockets::http_hello,
        metrics: &[Metric::Cpu, Metric::Figure], passes: 3),
    workload!("uneven", "uneven work, 400 tasks of 1–200 µs from one task", "per task", processor::uneven,
        passes: 5, floor: floor("plain threads", processor::uneven_threads)),
    workload!("long_poll", "a ready task behind a 1 ms poll, median wait", "per wait", processor::behind_a_long_poll,
        passes: 3),
    workload!("idle", "context switches of an idle runtime in 1 s", "per second", processor::idle,
        unit: Unit::Count, passes: 1),
];

const fn floor(name: &'static str, run: Run) -> Option<Floor> {
    Some(Floor { name, run })
}

/// The workload of that name.
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), WORKLOADS.len());
    }

    #[test]
    fn every_metric_of_every_contender_yields_figures() {
        let _alone = crate::memory::COUNTING.lock();
        crate::system::raise_file_limit();
        let setting = Setting {
            workers: 2,
            passes: 1,
            smoke: true,
        };
        // Errands are run by this program's `main`, which a test has not.
        let sends_errands = ["http", "memory", "idle", "blocking_1", "blocking_64"];
        for workload in WORKLOADS
            .iter()
            .filter(|workload| !sends_errands.contains(&workload.name))
        {
            let floor = workload.floor.map(|floor| floor.run);
            for run in [workload.filch, workload.tokio, workload.smol]
                .into_iter()
                .chain(floor)
            {
                let passes = run(&setting);
                assert!(!passes.is_empty(), "{} measures nothing", workload.name);
                for metric in workload.metrics {
                    assert!(passes.iter().all(|pass| metric.of(pass).is_finite()));
                }
            }
        }
    }
}
