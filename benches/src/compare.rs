//! Interleaves the contenders round by round and collects their figures.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::exit;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::distance::{Distance, State};
use crate::measure::{Pass, Summary, median};
use crate::workloads::{Metric, Run, Setting, WORKLOADS, Workload};

/// How long one sample may take; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// For how long the processors are watched before the first sample.
const WATCH: Duration = Duration::from_secs(5);

/// On how many runtimes, one after the other, a sample is taken: where the system puts the threads
/// of one may hold for its whole life.
const STINTS: usize = 3;

/// How many workers each runtime has unless another number is asked for.
pub const DEFAULT_WORKERS: usize = 2;

/// How many times the workers the oversubscribed contender has.
pub const OVERSUBSCRIPTION: usize = 4;

/// Who runs a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// filch.
    Filch,
    /// tokio.
    Tokio,
    /// smol.
    Smol,
    /// The workload's floor.
    Floor,
    /// filch with [`OVERSUBSCRIPTION`] times the workers.
    Oversubscribed,
}

impl Contender {
    const ALL: [Self; 5] = [
        Self::Filch,
        Self::Tokio,
        Self::Smol,
        Self::Floor,
        Self::Oversubscribed,
    ];

    /// How this contender runs `workload`, unless it does not take part.
    fn run(self, workload: &Workload) -> Option<Run> {
        match self {
            Self::Filch => Some(workload.filch),
            Self::Tokio => Some(workload.tokio),
            Self::Smol => Some(workload.smol),
            Self::Floor => workload.floor.map(|floor| floor.run),
            Self::Oversubscribed => workload.workers.is_none().then_some(workload.filch),
        }
    }
}

/// What to compare.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rounds that count; one more before them warms up.
    pub rounds: usize,
    /// Workers of each runtime.
    pub workers: usize,
    /// Cut the work down to show that it can be done, with one round and no warm-up.
    pub smoke: bool,
    /// In which state of the processors samples are taken.
    pub state: State,
    /// Run only workloads whose name or title contains one of these; all when empty.
    pub only: Vec<String>,
}

impl Options {
    /// The command that measures with these options, and writes the results to `output` if given.
    pub fn command(&self, output: Option<&Path>) -> String {
        let mut words = vec![if self.smoke {
            "--smoke".to_owned()
        } else {
            format!("--rounds {}", self.rounds)
        }];
        if self.workers != DEFAULT_WORKERS {
            words.push(format!("--workers {}", self.workers));
        }
        if self.state == State::Far {
            words.push("--far".to_owned());
        }
        words.extend(self.only.iter().map(|word| format!("--only '{word}'")));
        words.extend(output.map(|folder| format!("--output '{}'", folder.display())));
        let options = words.join(" ");
        format!("cargo run --release -p filch-benches --bin compare -- {options}")
    }

    /// The workloads that these options select.
    pub fn selected(&self) -> Vec<&'static Workload> {
        let matches = |workload: &&Workload| {
            let names =
                |word: &String| workload.name.contains(word) || workload.title.contains(word);
            self.only.is_empty() || self.only.iter().any(names)
        };
        WORKLOADS.iter().filter(matches).collect()
    }
}

/// One figure of a workload, from every contender and round.
#[derive(Debug)]
pub struct Row {
    /// The workload.
    pub workload: &'static Workload,
    /// Which of its figures.
    pub metric: Metric,
    /// For each contender, in the order of `Contender::ALL`, a figure a round; `None` where it
    /// does not take part or has failed.
    rounds: [Vec<Option<f64>>; 5],
}

impl Row {
    fn new(workload: &'static Workload, metric: Metric) -> Self {
        Self {
            workload,
            metric,
            rounds: Default::default(),
        }
    }

    /// The figures of one contender.
    pub fn figures(&self, contender: Contender) -> Option<Summary> {
        let figures: Vec<f64> = self.rounds[contender as usize]
            .iter()
            .copied()
            .flatten()
            .collect();
        Summary::of(&figures)
    }

    /// Who takes part in the workload but lacks a figure in some round.
    pub fn failures(&self) -> Vec<String> {
        let failed = |contender: &Contender| {
            let takes_part = contender.run(self.workload).is_some();
            takes_part && self.rounds[*contender as usize].iter().any(Option::is_none)
        };
        let failed = Contender::ALL.into_iter().filter(failed);
        failed
            .map(|contender| format!("{} on {contender:?}", self.workload.name))
            .collect()
    }

    /// The ratios `contender`/`other` of the rounds in which both have a figure.
    pub fn ratios(&self, contender: Contender, other: Contender) -> Option<Summary> {
        self.pairs(contender, other, |one, other| one / other)
    }

    /// The differences `contender` − `other` of the rounds in which both have a figure.
    pub fn differences(&self, contender: Contender, other: Contender) -> Option<Summary> {
        self.pairs(contender, other, |one, other| one - other)
    }

    fn pairs(
        &self,
        contender: Contender,
        other: Contender,
        relate: fn(f64, f64) -> f64,
    ) -> Option<Summary> {
        let pairs = self.rounds[contender as usize]
            .iter()
            .zip(&self.rounds[other as usize]);
        let related: Vec<f64> = pairs
            .filter_map(|(&one, &other)| Some(relate(one?, other?)))
            .filter(|value| value.is_finite())
            .collect();
        Summary::of(&related)
    }
}

/// The sample that is about to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The round; 0 warms up, except in a smoke run.
    pub round: usize,
    /// Rounds that count.
    pub rounds: usize,
    /// The workload's name.
    pub workload: &'static str,
    /// Who runs it.
    pub contender: Contender,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            round,
            rounds,
            workload,
            contender,
        } = self;
        write!(f, "round {round} of {rounds}: {workload} on {contender:?}")
    }
}

/// What a comparison has found.
#[derive(Debug)]
pub struct Comparison {
    /// The figures.
    pub rows: Vec<Row>,
    /// How far apart the processors were, in a sentence; `None` after a smoke run.
    pub distance: Option<String>,
}

/// Runs the comparison and reports each sample to `progress`.
///
/// A contender that panics has no figure in that round; one that hangs ends the process.
pub fn run(options: &Options, mut progress: impl FnMut(&Step)) -> Comparison {
    let workloads = options.selected();
    let mut rows: Vec<Row> = workloads
        .iter()
        .flat_map(|&workload| {
            workload
                .metrics
                .iter()
                .map(move |&metric| Row::new(workload, metric))
        })
        .collect();
    let alarm = Alarm::start();
    let mut distance = (!options.smoke).then(|| Distance::watch(options.state, WATCH));
    let warm_up = usize::from(!options.smoke);
    for round in 0..options.rounds + warm_up {
        for workload in &workloads {
            let mut samples: [Option<Vec<Pass>>; 5] = [const { Some(Vec::new()) }; 5];
            for stint in 0..stints(workload, options) {
                for contender in order(round, stint) {
                    let step = Step {
                        round,
                        rounds: options.rounds,
                        workload: workload.name,
                        contender,
                    };
                    progress(&step);
                    let take = || {
                        alarm.expect(step.to_string());
                        passes(workload, contender, options)
                    };
                    let passes = match &mut distance {
                        Some(distance) if contender.run(workload).is_some() => {
                            distance.during(take)
                        }
                        _ => take(),
                    };
                    let sample = &mut samples[contender as usize];
                    *sample = sample.take().zip(passes).map(|(mut sample, passes)| {
                        sample.extend(passes);
                        sample
                    });
                }
            }
            if round < warm_up {
                continue;
            }
            for row in rows
                .iter_mut()
                .filter(|row| row.workload.name == workload.name)
            {
                for (figures, sample) in row.rounds.iter_mut().zip(&samples) {
                    figures.push(sample.as_deref().map(|passes| figure(row.metric, passes)));
                }
            }
        }
    }
    Comparison {
        rows,
        distance: distance.map(|distance| distance.report()),
    }
}

/// Everybody comes first in turn, and everybody's neighbour before as well as after it.
fn order(round: usize, stint: usize) -> [Contender; 5] {
    let first = round + stint;
    let contenders = Contender::ALL.len();
    let step = if first.is_multiple_of(2) {
        1
    } else {
        contenders - 1
    };
    std::array::from_fn(|position| Contender::ALL[(first + step * position) % contenders])
}

/// On how many runtimes a sample of `workload` is taken.
fn stints(workload: &Workload, options: &Options) -> usize {
    if options.smoke {
        1
    } else {
        workload.passes.min(STINTS)
    }
}

/// One runtime's part of a sample; `None` if the contender fails or takes no part.
fn passes(workload: &Workload, contender: Contender, options: &Options) -> Option<Vec<Pass>> {
    let workers = match contender {
        Contender::Oversubscribed => options.workers * OVERSUBSCRIPTION,
        _ => workload.workers.unwrap_or(options.workers),
    };
    let passes = if options.smoke {
        1
    } else {
        workload.passes.div_ceil(stints(workload, options))
    };
    let setting = Setting {
        workers,
        passes,
        smoke: options.smoke,
    };
    let run = contender.run(workload)?;
    catch_unwind(AssertUnwindSafe(|| run(&setting))).ok()
}

/// The median of a sample.
fn figure(metric: Metric, passes: &[Pass]) -> f64 {
    let figures: Vec<f64> = passes.iter().map(|pass| metric.of(pass)).collect();
    median(&figures)
}

/// Ends the process when a sample hangs, naming it.
#[derive(Debug)]
struct Alarm {
    samples: Sender<String>,
}

impl Alarm {
    fn start() -> Self {
        let (samples, started) = mpsc::channel::<String>();
        thread::spawn(move || {
            let mut current = String::from("nothing yet");
            loop {
                match started.recv_timeout(PATIENCE) {
                    Ok(sample) => current = sample,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("{current} has not ended within {PATIENCE:?}");
                        exit(2);
                    }
                }
            }
        });
        Self { samples }
    }

    fn expect(&self, sample: String) {
        let _ = self.samples.send(sample);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::workloads::find;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut row = Row::new(find("spawn_join").unwrap(), Metric::Figure);
        row.rounds[Contender::Filch as usize] = vec![Some(1.0), Some(20.0), None, Some(3.0)];
        row.rounds[Contender::Tokio as usize] = vec![Some(2.0), Some(40.0), Some(5.0), Some(4.0)];
        let ratios = row.ratios(Contender::Filch, Contender::Tokio).unwrap();
        assert_eq!(
            ratios,
            Summary {
                median: 0.5,
                least: 0.5,
                greatest: 0.75
            }
        );
        assert_eq!(row.ratios(Contender::Filch, Contender::Floor), None);
        let differences = row.differences(Contender::Filch, Contender::Tokio);
        assert_eq!(differences.unwrap().median, -1.0);
    }

    #[test]
    fn everybody_comes_first_and_after_different_others() {
        let first: HashSet<_> = (0..5).map(|round| order(round, 0)[0] as usize).collect();
        assert_eq!(first.len(), 5);
        for contender in Contender::ALL {
            let before: HashSet<_> = (0..5)
                .filter_map(|round| {
                    let order = order(round, 0);
                    let place = order.iter().position(|&other| other == contender)?;
                    Some(order[place.checked_sub(1)?] as usize)
                })
                .collect();
            assert!(before.len() > 1, "{contender:?}");
        }
    }

    #[test]
    fn the_command_says_what_was_asked_for() {
        let mut options = Options {
            rounds: 5,
            workers: DEFAULT_WORKERS,
            smoke: false,
            state: State::Near,
            only: Vec::new(),
        };
        let begin = "cargo run --release -p filch-benches --bin compare -- ";
        assert_eq!(options.command(None), format!("{begin}--rounds 5"));
        options.workers = 4;
        options.state = State::Far;
        options.only = vec!["1 ms".to_owned()];
        assert_eq!(
            options.command(None),
            format!("{begin}--rounds 5 --workers 4 --far --only '1 ms'")
        );
        (options.workers, options.state, options.smoke) = (2, State::Near, true);
        assert_eq!(
            options.command(Some(Path::new("there"))),
            format!("{begin}--smoke --only '1 ms' --output 'there'")
        );
    }

    #[test]
    fn nothing_over_nothing_is_no_ratio() {
        let mut row = Row::new(find("idle").unwrap(), Metric::Figure);
        row.rounds[Contender::Filch as usize] = vec![Some(0.0)];
        row.rounds[Contender::Tokio as usize] = vec![Some(0.0)];
        assert_eq!(row.ratios(Contender::Filch, Contender::Tokio), None);
    }

    #[test]
    fn a_pattern_selects_by_name_and_title() {
        let mut options = Options {
            rounds: 1,
            workers: 2,
            smoke: true,
            state: State::Near,
            only: vec!["echo_64".into()],
        };
        assert_eq!(options.selected().len(), 2);
        options.only = vec!["hyper".into()];
        assert_eq!(options.selected()[0].name, "http");
        options.only.clear();
        assert_eq!(options.selected().len(), WORKLOADS.len());
    }
}
