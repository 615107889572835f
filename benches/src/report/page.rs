//! The page with the results: summary, chart, tables, and how they came about.

use super::verdict::verdicts;
use super::{machine, table, title};
use crate::compare::{Comparison, Options, Row};

/// Counts of targets, and a sentence for each that is missed.
#[derive(Debug, Default)]
pub struct Score {
    /// Targets that are met.
    pub met: usize,
    /// The others, as "workload: 0.45 ✗ ≤ 0.30 × tokio (0.41 – 0.52)".
    pub missed: Vec<String>,
}

/// Judges all rows.
pub fn score(rows: &[Row]) -> Score {
    let mut score = Score::default();
    for row in rows {
        for verdict in verdicts(row) {
            match verdict.met() {
                Some(true) => score.met += 1,
                Some(false) => {
                    let (text, name) = (verdict.text(), verdict.of.name());
                    let range = verdict.range().map(|range| format!(" ({range})"));
                    let range = range.unwrap_or_default();
                    score
                        .missed
                        .push(format!("{}: {text} {name}{range}", title(row)));
                }
                None => {}
            }
        }
    }
    score
}

/// The results of `command` as a Markdown page that shows the chart `chart_file` beside it. It begins with
/// `about`, which is its heading and whatever else there is to say.
pub fn page(
    comparison: &Comparison,
    options: &Options,
    command: &str,
    about: &str,
    chart_file: &str,
) -> String {
    let rows = &comparison.rows;
    let score = score(rows);
    let total = score.met + score.missed.len();
    let distance = comparison.distance.clone();
    let facts: String = machine::facts()
        .into_iter()
        .chain(distance.map(|distance| ("Distance of the processors", distance)))
        .map(|(label, value)| format!("| {label} | {value} |\n"))
        .collect();
    let missed = if score.missed.is_empty() {
        String::new()
    } else {
        format!(
            "\nMissed, with the least and the greatest of the rounds:\n\n{}",
            score
                .missed
                .iter()
                .map(|line| format!("- {line}\n"))
                .collect::<String>()
        )
    };
    format!(
        "{about}\n\n\
         filch beside tokio and smol on the same work, written by\n\n    {command}\n\n\
         {met} of {total} targets are met.\n{missed}\n\
         ![Ratios of filch to its peers]({chart_file})\n\n\
         ## Medians and ratios\n\n\
         {workers} workers each; `✓ ≤` and `✗ ≤` show the target that a ratio meets or misses. Below 1 filch is \
         ahead. The last column is filch with {more} workers over filch with {workers}.\n\n{ratios}\n\
         ## Spread of the rounds\n\n\
         Median (least – greatest) of {rounds} rounds, first of the figures, then of the ratios.\n\n{spread}\n\
         {spread_of_ratios}\n\
         ## Machine\n\n| | |\n| --- | --- |\n{facts}\n\
         {METHOD}",
        about = about.trim(),
        met = score.met,
        workers = options.workers,
        more = options.workers * crate::compare::OVERSUBSCRIPTION,
        rounds = options.rounds,
        ratios = table::ratios(rows, options.workers).markdown(),
        spread = table::spread(rows).markdown(),
        spread_of_ratios = table::spread_of_ratios(rows).markdown(),
    )
}

const METHOD: &str = "\
## How it is measured

Each workload is written once, generically, and runs on every runtime through the calls that
runtime recommends, at default settings apart from the number of workers. smol is its
multi-thread executor on as many threads, with async-io and its blocking pool; async-io adds a
thread of its own, and the calling thread takes part in turning the reactor, as in any program that
calls `smol::block_on`. Channels are tokio's on all of them; they need no runtime.

The contenders take turns within one process: in each round every workload runs three times on each
of them, one right after the other on a fresh runtime, in an order that changes; for where the
system puts the threads of a runtime may hold for its life. (The rows of memory and of context switches
run once a round.) A sample is the median of all passes of a round; one pass warms each runtime
up, except for memory and for HTTP, whose passes are thousands of requests; and the first round is
dropped. A ratio, or a difference, is taken within a round, and the median of the rounds is reported. Where the
rounds lie on either side of a target, it says so.

The host of a virtual machine moves its processors. While they are far apart, what two threads do
together takes up to three times as long, whoever runs them. So each runtime's part of a sample is taken
while they are as near as they have been seen, or again if they are not any more at its end.
`--far` takes samples in the other state.

Echo servers are driven by one plain epoll thread of this process whose processor time is left
out; the HTTP server is driven from a second process. The raw epoll loop under them is one thread,
edge-triggered, with a buffer for each connection. \"CPU\" rows count the processor time of all
other threads of the process. Memory is measured in a process of its own, by tasks that hold 160
bytes across their wait: resident bytes are what a program pays, requested bytes leave out what
the allocator adds for alignment and rounding. Blocking work has a process of its own as well, for
smol's pool keeps the threads of its process's busiest moment. rayon's fork-join runs one branch on the caller's stack, so it
allocates nothing.
";
