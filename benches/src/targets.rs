//! What filch is held to, on 2 workers: ratios filch/peer, and bounds above the floor.

use crate::workloads::Metric;

/// A bound that does not come from another runtime.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// At most so many times the floor.
    TimesFloor(f64),
    /// At most so much more than the floor, in the unit of the workload.
    OverFloor(f64),
    /// At most this figure, whatever the floor.
    AtMost(f64),
}

/// What one row of the report is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The name of the workload.
    pub workload: &'static str,
    /// Which of its figures.
    pub metric: Metric,
    /// The greatest ratio filch/tokio.
    pub tokio: Option<f64>,
    /// The greatest ratio filch/smol.
    pub smol: Option<f64>,
    /// A bound beside the peers.
    pub bound: Option<Bound>,
}

/// The greatest ratio of filch with four times the workers to filch with the workers asked for,
/// on every row whose number of workers is not fixed.
pub const OVERSUBSCRIBED: f64 = 1.15;

use Bound::{AtMost, OverFloor, TimesFloor};
use Metric::{Cpu, Figure};

/// Every target, in the order of the workloads.
#[rustfmt::skip]
pub const TARGETS: &[Target] = &[
    target("spawn_join",           Figure, Some(0.30), Some(0.55), Some(TimesFloor(3.00))),
    target("spawn_outside",        Figure, Some(0.40), Some(0.75), None),
    target("yield",                Figure, Some(0.75), Some(0.25), None),
    target("ping_pong",            Figure, Some(0.60), Some(0.50), None),
    target("chained_spawn",        Figure, Some(0.45), Some(0.40), None),
    target("channel",              Figure, Some(0.65), Some(0.35), None),
    target("fork_join",            Figure, Some(0.50), Some(0.40), None),
    target("timeout_pending",      Figure, Some(0.15), Some(0.50), None),
    target("sleep_drop",           Figure, Some(0.50), Some(0.22), None),
    target("sleep_fire",           Cpu,    Some(0.50), Some(0.15), None),
    target("lateness_100us",       Figure, Some(0.03), Some(0.80), Some(OverFloor(20_000.0))),
    target("lateness_1ms",         Figure, Some(0.03), Some(0.80), Some(OverFloor(20_000.0))),
    target("ticker",               Figure, Some(0.20), Some(0.40), None),
    target("echo_1",               Figure, Some(0.95), Some(0.70), Some(TimesFloor(1.00))),
    target("echo_1",               Cpu,    Some(1.00), None,       None),
    target("echo_64",              Figure, Some(0.88), Some(0.70), Some(TimesFloor(1.05))),
    target("echo_64",              Cpu,    Some(1.00), None,       None),
    target("echo_1000",            Figure, Some(0.95), Some(0.82), Some(TimesFloor(1.05))),
    target("echo_1000",            Cpu,    Some(1.00), None,       None),
    target("echo_64_one_worker",   Figure, None,       None,       Some(TimesFloor(1.05))),
    target("echo_1000_one_worker", Figure, None,       None,       Some(TimesFloor(1.05))),
    target("thread_wake",          Figure, Some(0.80), Some(0.80), None),
    target("memory",               Figure, Some(0.45), Some(0.90), None),
    target("blocking_1",           Figure, Some(0.90), Some(0.90), None),
    target("blocking_64",          Figure, Some(0.20), Some(1.00), None),
    target("http",                 Cpu,    Some(0.95), Some(0.80), None),
    target("uneven",               Figure, None,       None,       Some(TimesFloor(1.02))),
    target("idle",                 Figure, None,       None,       Some(AtMost(0.0))),
];

const fn target(
    workload: &'static str,
    metric: Metric,
    tokio: Option<f64>,
    smol: Option<f64>,
    bound: Option<Bound>,
) -> Target {
    Target {
        workload,
        metric,
        tokio,
        smol,
        bound,
    }
}

/// The target of a row, if it has one.
pub fn find(workload: &str, metric: Metric) -> Option<&'static Target> {
    TARGETS
        .iter()
        .find(|target| target.workload == workload && target.metric == metric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads;

    #[test]
    fn every_target_belongs_to_a_row() {
        for target in TARGETS {
            let workload = workloads::find(target.workload)
                .unwrap_or_else(|| panic!("no workload is named {}", target.workload));
            assert!(
                workload.metrics.contains(&target.metric),
                "{target:?} names a figure that is not shown"
            );
            let needs_floor = matches!(target.bound, Some(TimesFloor(_) | OverFloor(_)));
            assert!(
                !needs_floor || workload.floor.is_some(),
                "{target:?} has no floor"
            );
        }
    }
}
