//! Runs the mutants: see `tests/mutants/README.md`, or `--help`.

use filch_tests::loom::{Model, models_in_sources};
use filch_tests::mutants::patch::Mutant;
use filch_tests::mutants::scratch::{Ran, Scratch};
use filch_tests::mutants::table::{self, Verdicts};
use filch_tests::mutants::{Finding, read_all};
use filch_tests::{target_folder, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const HELP: &str = "\
Seeds every bug of tests/mutants into a copy of the workspace, one after the other,
and expects the loom models that its patch names to fail.

usage: cargo run --release -p filch-tests --bin mutants -- [options]

  --only WORD     only mutants whose name contains WORD, such as io/ (repeatable)
  --jobs N        build and run models on N threads (as many as there are cores)
  --limit SECS    the time that a model may take (300)
  --record        put the verdicts into tests/mutants/TABLE.md, beside those of an
                  earlier run; a run of all mutants always writes the table
  --keep          keep the copy and what was built in it for the next run
  --check         only see whether the mutants compile, a second each; run no model
  --list          list the mutants and the models that they name

Ends with 0 if every mutant was caught by every model that it names. One run at a
time for each target folder.
";

#[derive(Debug)]
struct Options {
    only: Vec<String>,
    jobs: usize,
    limit: Duration,
    record: bool,
    keep: bool,
    check: bool,
    list: bool,
}

impl Options {
    /// `None` asks for help.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            only: Vec::new(),
            jobs: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            limit: Duration::from_secs(300),
            record: false,
            keep: false,
            check: false,
            list: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            let number = |value: String| match value.parse() {
                Ok(number @ 1..) => Ok(number),
                _ => Err(format!("{argument} needs a number above 0, not {value}")),
            };
            match argument.as_str() {
                "--only" => options.only.push(value()?),
                "--jobs" => options.jobs = usize::try_from(number(value()?)?).unwrap_or(usize::MAX),
                "--limit" => options.limit = Duration::from_secs(number(value()?)?),
                "--record" => options.record = true,
                "--keep" => options.keep = true,
                "--check" => options.check = true,
                "--list" => options.list = true,
                "--help" | "-h" => return Ok(None),
                unknown => return Err(format!("{unknown} is no option; see --help")),
            }
        }
        options.record |= options.only.is_empty();
        Ok(Some(options))
    }

    fn asks_for(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word))
    }
}

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut all_well = true;
    let mut mutants = Vec::new();
    for (name, mutant) in read_all(workspace())? {
        match mutant {
            Ok(mutant) => mutants.push(mutant),
            Err(problem) => {
                eprintln!("{name}: {problem}");
                all_well &= !options.asks_for(&name);
            }
        }
    }
    let chosen: Vec<&Mutant> = mutants
        .iter()
        .filter(|mutant| options.asks_for(&mutant.name))
        .collect();
    if chosen.is_empty() {
        return Err("there is no such mutant".into());
    }
    if options.list {
        for mutant in chosen {
            println!("{}: {}", mutant.name, mutant.breaks);
            for model in &mutant.models {
                println!("    {model}");
            }
        }
        return Ok(all_well);
    }

    let scratch = Scratch::new(
        workspace(),
        target_folder("mutants"),
        options.jobs,
        options.limit,
    )?;
    if options.check {
        all_well &= check(&scratch, &chosen)?;
        if !options.keep {
            scratch.remove()?;
        }
        return Ok(all_well);
    }
    let unpatched = run_unpatched(&scratch, &chosen)
        .ok_or("without a mutant, the models do not compile; the messages are above")?;
    let findings = judge(&scratch, &chosen, &unpatched)?;
    let missed = findings.iter().filter(|found| !found.verdict.is_caught());
    let missed = missed.count();
    println!(
        "{} verdicts, {missed} of them not as they should be",
        findings.len()
    );

    if options.record {
        let file = workspace().join(table::FILE);
        let mut verdicts = Verdicts::read(&fs::read_to_string(&file).unwrap_or_default());
        verdicts.record(&findings);
        let models = models_in_sources(workspace())?;
        fs::write(file, verdicts.table(mutants.iter(), &models))?;
    }
    if !options.keep {
        scratch.remove()?;
    }
    Ok(all_well && missed == 0)
}

/// Whether all of them compile.
fn check(scratch: &Scratch, mutants: &[&Mutant]) -> Result<bool, Box<dyn Error>> {
    let mut out_of_date = 0;
    for mutant in mutants {
        if let Some(verdict) = scratch.check(mutant)? {
            println!("{}: {verdict}", mutant.name);
            out_of_date += 1;
        }
    }
    println!(
        "{} mutants, {out_of_date} of them out of date",
        mutants.len()
    );
    Ok(out_of_date == 0)
}

fn run_unpatched(scratch: &Scratch, mutants: &[&Mutant]) -> Option<BTreeMap<Model, Ran>> {
    let models: BTreeSet<Model> = mutants
        .iter()
        .flat_map(|mutant| mutant.models.iter().cloned())
        .collect();
    println!("{} models without a mutant", models.len());
    let started = Instant::now();
    let ran = scratch.run_unpatched(&models)?;
    let passed = ran.values().filter(|ran| **ran == Ran::Passed).count();
    println!("{passed} of them pass ({} s)", started.elapsed().as_secs());
    for (model, ran) in ran.iter().filter(|(_, ran)| **ran != Ran::Passed) {
        println!("    {model}: {ran:?}");
    }
    Some(ran)
}

fn judge(
    scratch: &Scratch,
    mutants: &[&Mutant],
    unpatched: &BTreeMap<Model, Ran>,
) -> Result<Vec<Finding>, Box<dyn Error>> {
    let mut findings = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let started = Instant::now();
        let verdicts = scratch.judge(mutant, unpatched)?;
        let seconds = started.elapsed().as_secs();
        let count = format!("[{}/{}]", index + 1, mutants.len());
        println!("{count} {} ({seconds} s)", mutant.name);
        for (model, verdict) in mutant.models.iter().zip(verdicts) {
            println!("    {model}: {verdict}");
            findings.push(Finding {
                mutant: mutant.name.clone(),
                model: model.clone(),
                verdict,
            });
        }
    }
    Ok(findings)
}
