//! Which targets are met.

use super::{ratio, time};
use crate::compare::{Contender, Row};
use crate::measure::Summary;
use crate::targets::{self, Bound, OVERSUBSCRIBED};

/// One thing that a row is held to, and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What is measured, such as "× tokio".
    pub of: Measure,
    /// What came out in the rounds, of which the median counts; `None` if somebody has failed in all.
    pub found: Option<Summary>,
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
    /// Whether the limit is kept; `None` where there is none. Who has failed keeps none.
    pub fn met(&self) -> Option<bool> {
        self.limit
            .map(|limit| self.found.is_some_and(|found| found.median <= limit))
    }

    /// The value, the limit and the judgement.
    pub fn text(&self) -> String {
        let median = self.found.map(|found| found.median);
        let value = median.map_or("failed".to_owned(), |median| show(self.of, median));
        let Some(limit) = self.limit else {
            return value;
        };
        let limit = show(self.of, limit);
        match (self.met(), median) {
            (Some(true), _) => format!("{value} ✓ ≤ {limit}"),
            // A near miss must not look like the limit itself.
            (_, Some(median)) if value == limit => format!("{median:.4} ✗ ≤ {limit}"),
            _ => format!("{value} ✗ ≤ {limit}"),
        }
    }

    /// The least and the greatest of the rounds, and whether the limit lies between them.
    pub fn range(&self) -> Option<String> {
        let Summary {
            least, greatest, ..
        } = self.found?;
        let is_between = |limit| least <= limit && limit < greatest;
        let undecided = if self.limit.is_some_and(is_between) {
            ", on either side"
        } else {
            ""
        };
        let (least, greatest) = (show(self.of, least), show(self.of, greatest));
        Some(format!("{least} – {greatest}{undecided}"))
    }
}

fn show(of: Measure, value: f64) -> String {
    match of {
        Measure::OverFloor if value < 0.0 => format!("−{}", time(-value)),
        Measure::OverFloor => format!("+{}", time(value)),
        Measure::Figure => format!("{value:.0}"),
        _ => ratio(value),
    }
}

/// Everything that a row is judged by or merely reports, where there are figures for it.
pub fn verdicts(row: &Row) -> Vec<Verdict> {
    let target = targets::find(row.workload.name, row.metric);
    let bound = target.and_then(|target| target.bound);
    let over = |contender| row.ratios(Contender::Filch, contender);
    let judge = |of, found: Option<Summary>, limit: Option<f64>| {
        (found.is_some() || limit.is_some()).then_some(Verdict { of, found, limit })
    };
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
    match bound {
        Some(Bound::OverFloor(limit)) => {
            let over_floor = row.differences(Contender::Filch, Contender::Floor);
            verdicts.push(judge(Measure::OverFloor, over_floor, Some(limit)));
        }
        Some(Bound::AtMost(limit)) => {
            let figures = row.figures(Contender::Filch);
            verdicts.push(judge(Measure::Figure, figures, Some(limit)));
        }
        _ => {}
    }
    // Nothing over nothing is no ratio, and no failure: what is bounded by a figure has that bound.
    let is_ratio = !matches!(bound, Some(Bound::AtMost(_)));
    let is_oversubscribed = target.is_some() && is_ratio && row.workload.workers.is_none();
    verdicts.push(judge(
        Measure::Oversubscribed,
        row.ratios(Contender::Oversubscribed, Contender::Filch),
        is_oversubscribed.then_some(OVERSUBSCRIBED),
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
            found: Summary::of(&[value]),
            limit,
        };
        assert_eq!(verdict(0.306, Some(0.30)).text(), "0.31 ✗ ≤ 0.30");
        assert_eq!(verdict(0.304, Some(0.30)).text(), "0.3040 ✗ ≤ 0.30");
        assert_eq!(verdict(0.30, Some(0.30)).text(), "0.30 ✓ ≤ 0.30");
        assert_eq!(verdict(0.0211, Some(0.03)).text(), "0.021 ✓ ≤ 0.030");
        assert_eq!(verdict(1.0, None).text(), "1.00");
        assert_eq!(verdict(1.0, None).met(), None);
    }

    #[test]
    fn a_verdict_says_how_far_the_rounds_agree() {
        let verdict = |limit| Verdict {
            of: Measure::Smol,
            found: Summary::of(&[0.5, 0.6, 0.8]),
            limit,
        };
        assert_eq!(verdict(Some(0.9)).range().unwrap(), "0.50 – 0.80");
        assert_eq!(
            verdict(Some(0.7)).range().unwrap(),
            "0.50 – 0.80, on either side"
        );
        assert_eq!(verdict(None).range().unwrap(), "0.50 – 0.80");
    }

    #[test]
    fn who_fails_keeps_no_limit() {
        let verdict = Verdict {
            of: Measure::Smol,
            found: None,
            limit: Some(0.5),
        };
        assert_eq!(verdict.met(), Some(false));
        assert_eq!(verdict.text(), "failed ✗ ≤ 0.50");
        assert_eq!(verdict.range(), None);
    }

    #[test]
    fn a_floor_may_be_above() {
        let verdict = Verdict {
            of: Measure::OverFloor,
            found: Summary::of(&[-14_000.0]),
            limit: Some(20_000.0),
        };
        assert_eq!(verdict.text(), "−14.0 µs ✓ ≤ +20.0 µs");
    }
}
