//! The workloads of the library as criterion groups.

use std::env;
use std::time::Duration;

use criterion::measurement::Measurement;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use filch_benches::errand::run_if_sent;
use filch_benches::system::raise_file_limit;
use filch_benches::workloads::{Metric, Run, Setting, Workload, find};

/// Prepares the process and criterion: few samples, since a sample is already many passes.
pub(crate) fn prepare<M: Measurement + 'static>(measurement: M) -> Criterion<M> {
    run_if_sent();
    raise_file_limit();
    Criterion::default()
        .with_measurement(measurement)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

/// Benches the workloads of these names, each figure as a group.
///
/// An iteration is a pass, and its value is the figure of one unit of work, which `convert`
/// turns into what criterion measures here.
pub(crate) fn bench<M: Measurement + 'static>(
    criterion: &mut Criterion<M>,
    names: &[&str],
    convert: fn(f64) -> M::Value,
) {
    for workload in names
        .iter()
        .map(|name| find(name).expect("the workload exists"))
    {
        for &metric in workload.metrics {
            bench_figure(criterion, workload, metric, convert);
        }
    }
}

fn bench_figure<M: Measurement + 'static>(
    criterion: &mut Criterion<M>,
    workload: &Workload,
    metric: Metric,
    convert: fn(f64) -> M::Value,
) {
    let name = match metric {
        Metric::Figure => workload.name.to_owned(),
        Metric::Cpu => format!("{}_cpu", workload.name),
    };
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    let workers = workload.workers.unwrap_or(2);
    let contenders = [
        ("filch", workload.filch),
        ("tokio", workload.tokio),
        ("smol", workload.smol),
    ];
    for (name, run) in contenders
        .into_iter()
        .chain(workload.floor.map(|floor| (floor.name, floor.run)))
    {
        add(&mut group, name, run, metric, workers, convert);
    }
    group.finish();
}

fn add<M: Measurement + 'static>(
    group: &mut BenchmarkGroup<'_, M>,
    name: &str,
    run: Run,
    metric: Metric,
    workers: usize,
    convert: fn(f64) -> M::Value,
) {
    let smoke = env::args().any(|argument| argument == "--test");
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let passes = run(&Setting {
                workers,
                passes: iterations as usize,
                smoke,
            });
            let sum: f64 = passes.iter().map(|pass| metric.of(pass)).sum();
            // Some workloads yield a single pass however many are asked for.
            convert(sum / passes.len() as f64 * iterations as f64)
        });
    });
}
