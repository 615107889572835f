//! Turns the rows of a comparison into a table, a chart and a page.

pub mod chart;
pub mod machine;
pub mod page;
pub mod table;
pub mod verdict;

use crate::compare::Row;
use crate::workloads::{Metric, Unit};

/// The title of a row: the workload's, and which figure if it is not the obvious one.
pub fn title(row: &Row) -> String {
    match row.metric {
        Metric::Figure => row.workload.title.to_owned(),
        Metric::Cpu => format!("{}, CPU", row.workload.title),
    }
}

/// A figure of a row in a unit that suits its size.
pub fn figure(row: &Row, value: f64) -> String {
    match (row.workload.unit, row.metric) {
        (Unit::Time, _) | (_, Metric::Cpu) => time(value),
        (Unit::Bytes, Metric::Figure) => format!("{value:.0} B"),
        (Unit::Count, Metric::Figure) => format!("{value:.0}"),
    }
}

/// Nanoseconds with three significant digits.
pub fn time(nanoseconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let unit = UNITS.iter().find(|(size, _)| nanoseconds.abs() >= *size);
    let (size, name) = unit.copied().unwrap_or((1.0, "ns"));
    let value = nanoseconds / size;
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {name}")
}

/// A ratio with as many decimals as make a difference.
pub fn ratio(value: f64) -> String {
    if value < 0.0995 {
        format!("{value:.3}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        assert_eq!(time(0.0), "0.00 ns");
        assert_eq!(time(28.04), "28.0 ns");
        assert_eq!(time(420.4), "420 ns");
        assert_eq!(time(6_512.0), "6.51 µs");
        assert_eq!(time(1_070_000.0), "1.07 ms");
    }

    #[test]
    fn small_ratios_keep_their_digits() {
        assert_eq!(ratio(0.0312), "0.031");
        assert_eq!(ratio(0.304), "0.30");
        assert_eq!(ratio(2.0), "2.00");
    }
}
