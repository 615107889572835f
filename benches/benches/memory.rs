//! Bytes a parked task, resident and requested.

mod common;

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter};

/// Lets criterion measure bytes in place of time.
#[derive(Debug)]
struct Bytes;

impl Measurement for Bytes {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {}

    fn end(&self, (): ()) -> f64 {
        unreachable!("the workloads report their own figures")
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _typical: f64, _values: &mut [f64]) -> &'static str {
        "B"
    }

    fn scale_throughputs(
        &self,
        _typical: f64,
        _of: &Throughput,
        _values: &mut [f64],
    ) -> &'static str {
        "B"
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "B"
    }
}

fn main() {
    let mut criterion = common::prepare(Bytes);
    common::bench(&mut criterion, &["memory", "memory_requested"], |bytes| {
        bytes
    });
    criterion.final_summary();
}
