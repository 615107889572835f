//! Tables of text, for a terminal and for Markdown.

use super::verdict::{Measure, Verdict, verdicts};
use super::{figure, title};
use crate::compare::{Contender, OVERSUBSCRIPTION, Row};

/// A table whose first column is text and whose others are figures.
#[derive(Debug, Default)]
pub struct Table {
    head: Vec<String>,
    body: Vec<Vec<String>>,
}

impl Table {
    fn new(head: impl IntoIterator<Item = String>) -> Self {
        Self {
            head: head.into_iter().collect(),
            body: Vec::new(),
        }
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = (0..self.head.len())
            .map(|column| if column == 0 { "---" } else { "--:" }.to_owned())
            .collect();
        let body: String = self.body.iter().map(|cells| line(cells)).collect();
        line(&self.head) + &line(&rule) + &body
    }

    /// The table with aligned columns.
    pub fn plain(&self) -> String {
        let lines = || std::iter::once(&self.head).chain(&self.body);
        let width = |column: usize| {
            lines()
                .map(|cells| cells[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for cells in lines() {
            for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                let aligned = if column == 0 {
                    format!("{cell}{padding}")
                } else {
                    format!("  {padding}{cell}")
                };
                text.push_str(&aligned);
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// Medians and ratios, each ratio with its target.
pub fn ratios(rows: &[Row], workers: usize) -> Table {
    let head = [
        "workload", "filch", "tokio", "smol", "floor", "× tokio", "× smol", "× floor",
    ];
    let oversubscribed = format!("× {} workers", workers * OVERSUBSCRIPTION);
    let mut table = Table::new(head.map(str::to_owned).into_iter().chain([oversubscribed]));
    for row in rows {
        let verdicts = verdicts(row);
        let median = |contender| {
            row.figures(contender)
                .map_or("–".to_owned(), |found| figure(row, found.median))
        };
        let mut cells = vec![format!("{}, {}", title(row), row.workload.per)];
        cells.extend(
            [
                Contender::Filch,
                Contender::Tokio,
                Contender::Smol,
                Contender::Floor,
            ]
            .map(median),
        );
        cells.extend(
            AGAINST
                .map(|measures| about(&verdicts, measures).map_or("–".to_owned(), Verdict::text)),
        );
        table.body.push(cells);
    }
    table
}

/// What a column of verdicts is about.
const AGAINST: [&[Measure]; 4] = [
    &[Measure::Tokio],
    &[Measure::Smol],
    &[Measure::TimesFloor, Measure::OverFloor, Measure::Figure],
    &[Measure::Oversubscribed],
];

/// The verdict about one of `measures`; one with a limit hides those without.
fn about<'a>(verdicts: &'a [Verdict], measures: &[Measure]) -> Option<&'a Verdict> {
    let about = || {
        verdicts
            .iter()
            .filter(|verdict| measures.contains(&verdict.of))
    };
    let limited = about().find(|verdict| verdict.limit.is_some());
    limited.or_else(|| about().next())
}

/// Medians with the least and the greatest of the rounds.
pub fn spread(rows: &[Row]) -> Table {
    let head = [
        "workload",
        "filch",
        "tokio",
        "smol",
        "floor",
        "the floor is",
    ];
    let mut table = Table::new(head.map(str::to_owned));
    for row in rows {
        let range = |contender| {
            let found = row.figures(contender);
            found.map_or("–".to_owned(), |found| {
                let show = |value| figure(row, value);
                format!(
                    "{} ({} – {})",
                    show(found.median),
                    show(found.least),
                    show(found.greatest)
                )
            })
        };
        let mut cells = vec![title(row)];
        cells.extend(
            [
                Contender::Filch,
                Contender::Tokio,
                Contender::Smol,
                Contender::Floor,
            ]
            .map(range),
        );
        cells.push(
            row.workload
                .floor
                .map_or("–", |floor| floor.name)
                .to_owned(),
        );
        table.body.push(cells);
    }
    table
}

/// The least and the greatest of the rounds' ratios, or of what else a row is held to beside its
/// floor, and whether the target lies between them.
pub fn spread_of_ratios(rows: &[Row]) -> Table {
    let head = ["workload", "× tokio", "× smol", "× floor", "oversubscribed"];
    let mut table = Table::new(head.map(str::to_owned));
    for row in rows {
        let verdicts = verdicts(row);
        let mut cells = vec![title(row)];
        cells.extend(AGAINST.map(|measures| {
            let range = about(&verdicts, measures).and_then(Verdict::range);
            range.unwrap_or("–".to_owned())
        }));
        table.body.push(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["work".to_owned(), "µs".to_owned()]);
        table.body.push(vec!["a".to_owned(), "1000".to_owned()]);
        assert_eq!(table.plain(), "work    µs\na     1000\n");
        assert_eq!(
            table.markdown(),
            "| work | µs |\n| --- | --: |\n| a | 1000 |\n"
        );
    }
}
