//! Which targets are met.

use super::{ratio, time};
use crate::compare::{Contender, Row};
use crate::targets::{self, Bound, OVERSUBSCRIBED};

/// One thing that a row is held to, and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What is measured, such as "× tokio".
    pub of: Measure,
    /// What came out.
    pub value: f64,
    /// The most it may be; `None` where it is only reported.
    pub limit: Option<f64>,
}

/// What a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// filch/tokio.
    Tokio,
    /// filch/smol.
    Smol,
    /// filch/floor.
    TimesFloor,
    /// filch − floor.
    OverFloor,
    /// filch alone.
    Figure,
    /// filch with more workers/filch.
    Oversubscribed,
}

impl Measure {
    /// The name of the measure in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokio => "× tokio",
            Self::Smol => "× smol",
            Self::TimesFloor => "× floor",
            Self::OverFloor => "over the floor",
            Self::Figure => "in all",
            Self::Oversubscribed => "× itself, oversubscribed",
        }
    }
}

impl Verdict {
    /// Whether the limit is kept; `None` where there is none.
    pub fn met(&self) -> Option<bool> {
        self.limit.map(|limit| self.value <= limit)
    }

    /// The value, the limit and the judgement.
    pub fn text(&self) -> String {
        let value = show(self.of, self.value);
        let Some(limit) = self.limit else {
            return value;
        };
        let limit = show(self.of, limit);
        match self.met() {
            Some(true) => format!("{value} ✓ ≤ {limit}"),
            // A near miss must not look like the limit itself.
            _ if value == limit => format!("{:.4} ✗ ≤ {limit}", self.value),
            _ => format!("{value} ✗ ≤ {limit}"),
        }
    }
}

fn show(of: Measure, value: f64) -> String {
    match of {
        Measure::OverFloor => format!("+{}", time(value)),
        Measure::Figure => format!("{value:.0}"),
        _ => ratio(value),
    }
}

/// Everything that a row is judged by or merely reports, where there are figures for it.
pub fn verdicts(row: &Row) -> Vec<Verdict> {
    let target = targets::find(row.workload.name, row.metric);
    let bound = target.and_then(|target| target.bound);
    let over = |contender| {
        row.ratios(Contender::Filch, contender)
            .map(|summary| summary.median)
    };
    let judge = |of, value: Option<f64>, limit| value.map(|value| Verdict { of, value, limit });
    let times_floor = match bound {
        Some(Bound::TimesFloor(limit)) => Some(limit),
        _ => None,
    };
    let mut verdicts = vec![
        judge(
            Measure::Tokio,
            over(Contender::Tokio),
            target.and_then(|target| target.tokio),
        ),
        judge(
            Measure::Smol,
            over(Contender::Smol),
            target.and_then(|target| target.smol),
        ),
        judge(Measure::TimesFloor, over(Contender::Floor), times_floor),
    ];
    let median = |contender| row.figures(contender).map(|summary| summary.median);
    match bound {
        Some(Bound::OverFloor(limit)) => {
            let over_floor = median(Contender::Filch)
                .zip(median(Contender::Floor))
                .map(|(filch, floor)| filch - floor);
            verdicts.push(judge(Measure::OverFloor, over_floor, Some(limit)));
        }
        Some(Bound::AtMost(limit)) => {
            verdicts.push(judge(
                Measure::Figure,
                median(Contender::Filch),
                Some(limit),
            ));
        }
        _ => {}
    }
    let oversubscribed = row
        .ratios(Contender::Oversubscribed, Contender::Filch)
        .map(|summary| summary.median);
    verdicts.push(judge(
        Measure::Oversubscribed,
        oversubscribed,
        target.map(|_| OVERSUBSCRIBED),
    ));
    verdicts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_what_came_out() {
        let verdict = |value, limit| Verdict {
            of: Measure::Tokio,
            value,
            limit,
        };
        assert_eq!(verdict(0.306, Some(0.30)).text(), "0.31 ✗ ≤ 0.30");
        assert_eq!(verdict(0.304, Some(0.30)).text(), "0.3040 ✗ ≤ 0.30");
        assert_eq!(verdict(0.30, Some(0.30)).text(), "0.30 ✓ ≤ 0.30");
        assert_eq!(verdict(0.0211, Some(0.03)).text(), "0.021 ✓ ≤ 0.030");
        assert_eq!(verdict(1.0, None).text(), "1.00");
        assert_eq!(verdict(1.0, None).met(), None);
    }
}
