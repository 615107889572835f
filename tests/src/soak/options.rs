//! The command line.

use super::acts::ACTS;
use super::faults::FAULTS;
use std::time::{Duration, SystemTime};

pub(super) const HELP: &str = "\
Runs filch under changing load and injected faults, and counts what is left.

    cargo run --release -p filch-tests --bin soak -- [options]

    --seconds N    how long to run; 60 if not given
    --seed S       replays what the run that printed this seed did; how its
                   threads are scheduled is up to the system
    --workers N    worker threads of the runtime under load; 4 if not given
    --only WORD    only the acts and faults with WORD in their names
    --help         this text

Exits with 0 if nothing was violated, with 1 if something was, with 2 for a wrong
argument, with 3 for a hang.";

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) length: Duration,
    pub(super) seed: u64,
    pub(super) workers: usize,
    pub(super) only: Option<String>,
    /// To be carried out by this process, which another soak has started.
    pub(super) fault: Option<String>,
}

/// Why there are no options.
#[derive(Debug)]
pub(super) enum NoOptions {
    HelpWanted,
    Wrong(String),
}

impl Options {
    pub(super) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, NoOptions> {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut options = Self {
            length: Duration::from_secs(60),
            seed: since_epoch.map_or(0, |time| time.as_nanos() as u64 % 1_000_000_007),
            workers: 4,
            only: None,
            fault: None,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| NoOptions::Wrong(format!("{argument} needs a value")))
            };
            match argument.as_str() {
                "--help" | "-h" => return Err(NoOptions::HelpWanted),
                "--seconds" => {
                    let seconds = number(&argument, &value()?)?;
                    options.length = Duration::from_secs(at_least_one(&argument, seconds)?);
                }
                "--seed" => options.seed = number(&argument, &value()?)?,
                "--workers" => {
                    let workers = number(&argument, &value()?)?;
                    let workers = at_least_one(&argument, workers)?;
                    options.workers = usize::try_from(workers)
                        .ok()
                        .filter(|&workers| workers <= 1024)
                        .ok_or_else(|| {
                            NoOptions::Wrong(format!("--workers takes 1 to 1024, not {workers}"))
                        })?;
                }
                "--only" => options.only = Some(value()?),
                "--fault" => options.fault = Some(value()?),
                _ => return Err(NoOptions::Wrong(format!("unknown argument {argument:?}"))),
            }
        }
        options.check_names()?;
        Ok(options)
    }

    fn check_names(&self) -> Result<(), NoOptions> {
        let known: Vec<&str> = names().collect();
        let wanted = [&self.only, &self.fault];
        for word in wanted.into_iter().flatten() {
            if !known.iter().any(|name| name.contains(word.as_str())) {
                return Err(NoOptions::Wrong(format!(
                    "nothing has {word:?} in its name; there are: {}",
                    known.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Whether the act or fault of that name is wanted.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|word| name.contains(word.as_str()))
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    let acts = ACTS.iter().map(|act| act.name);
    acts.chain(FAULTS.iter().map(|fault| fault.name))
}

fn number(argument: &str, value: &str) -> Result<u64, NoOptions> {
    value
        .parse()
        .map_err(|_| NoOptions::Wrong(format!("{argument} takes a number, not {value:?}")))
}

fn at_least_one(argument: &str, value: u64) -> Result<u64, NoOptions> {
    if value == 0 {
        return Err(NoOptions::Wrong(format!("{argument} must be at least 1")));
    }
    Ok(value)
}
