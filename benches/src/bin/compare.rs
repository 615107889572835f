//! Compares filch with its peers and writes `benches/RESULTS.md` and `benches/results.svg`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use filch_benches::compare::{Comparison, DEFAULT_WORKERS, Options, run};
use filch_benches::distance::State;
use filch_benches::errand::run_if_sent;
use filch_benches::report::page::{page, score};
use filch_benches::report::{chart, machine, table};
use filch_benches::system::raise_file_limit;
use filch_benches::workloads::WORKLOADS;

const HELP: &str = "\
Compares filch with tokio and smol on the same work, round by round.

Usage: compare [OPTIONS]

  --rounds N      rounds that count, after one to warm up (default 9)
  --workers N     worker threads of each runtime (default 2)
  --far           take samples while the processors are far apart, not while they are near; on a
                  virtual machine, whose host moves them
  --only WORD     only workloads whose name or title contains WORD; may be repeated
  --smoke         show in a few seconds that everything runs; the figures mean nothing
  --output DIR    write the results there, whatever was run
  --dry-run       write no files
  --list          list the workloads
  --help          show this

A full run writes RESULTS.md and results.svg to benches/; with --only, --far or --smoke nothing
is written unless --output is given. If there is a file ABOUT.md beside them, RESULTS.md begins with
it. The exit code is 1 when a contender has failed.
";

fn main() -> ExitCode {
    run_if_sent();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments) {
        Ok(Command::Help) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Command::List) => {
            for workload in WORKLOADS {
                println!("{:<22} {}, {}", workload.name, workload.title, workload.per);
            }
            ExitCode::SUCCESS
        }
        Ok(Command::Compare { options, output }) => compare(&options, output.as_deref()),
        Err(message) => {
            eprintln!("{message}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug)]
enum Command {
    Help,
    List,
    Compare {
        options: Options,
        output: Option<PathBuf>,
    },
}

fn parse(arguments: &[String]) -> Result<Command, String> {
    let mut options = Options {
        rounds: 9,
        workers: DEFAULT_WORKERS,
        smoke: false,
        state: State::Near,
        only: Vec::new(),
    };
    let (mut dry_run, mut output) = (false, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--list" => return Ok(Command::List),
            "--smoke" => options.smoke = true,
            "--dry-run" => dry_run = true,
            "--far" => options.state = State::Far,
            "--output" => output = Some(PathBuf::from(value()?)),
            "--only" => options.only.push(value()?.clone()),
            "--rounds" => options.rounds = positive(word, value()?)?,
            "--workers" => options.workers = positive(word, value()?)?,
            _ => return Err(format!("unknown option {word}")),
        }
    }
    if options.smoke {
        options.rounds = 1;
    }
    if options.selected().is_empty() {
        return Err("no workload matches; --list shows them".to_owned());
    }
    if output.is_none() && writes_unasked(&options) {
        output = Some(PathBuf::from(HOME));
    }
    Ok(Command::Compare {
        options,
        output: output.filter(|_| !dry_run),
    })
}

/// Where results are written unless `--output` is given.
const HOME: &str = env!("CARGO_MANIFEST_DIR");

fn writes_unasked(options: &Options) -> bool {
    options.only.is_empty() && !options.smoke && options.state == State::Near
}

fn positive(option: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} needs a positive number, not {value}")),
    }
}

fn compare(options: &Options, output: Option<&Path>) -> ExitCode {
    raise_file_limit();
    for (label, value) in machine::facts() {
        println!("{label}: {value}");
    }
    let terminal = io::stderr().is_terminal();
    let mut round = None;
    let comparison = run(options, |step| {
        if terminal {
            eprint!("\r\x1b[K{step}");
            let _ = io::stderr().flush();
        } else if round != Some(step.round) {
            eprintln!("{step}");
        }
        round = Some(step.round);
    });
    if terminal {
        eprint!("\r\x1b[K");
    }
    let rows = &comparison.rows;
    println!("\n{}", table::ratios(rows, options.workers).plain());
    if let Some(distance) = &comparison.distance {
        println!("Distance of the processors: {distance}");
    }
    let score = score(rows);
    if !options.smoke {
        println!("{} targets met, {} missed", score.met, score.missed.len());
    }
    if let Some(folder) = output
        && let Err(error) = write_results(folder, options, &comparison)
    {
        eprintln!("the results cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    let failures: Vec<String> = rows.iter().flat_map(|row| row.failures()).collect();
    for failure in &failures {
        eprintln!("failed: {failure}");
    }
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn write_results(folder: &Path, options: &Options, comparison: &Comparison) -> io::Result<()> {
    fs::write(folder.join("results.svg"), chart::chart(&comparison.rows))?;
    let about = match fs::read_to_string(folder.join("ABOUT.md")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => "# Results".to_owned(),
        about => about?,
    };
    let is_asked = folder != Path::new(HOME) || !writes_unasked(options);
    let command = options.command(is_asked.then_some(folder));
    fs::write(
        folder.join("RESULTS.md"),
        page(comparison, options, &command, &about, "results.svg"),
    )?;
    println!("written: {}", folder.join("RESULTS.md").display());
    Ok(())
}
