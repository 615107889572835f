//! The soak: filch under changing load and injected faults for as long as one
//! likes, in one process, with everything counted.
//!
//! A *round* builds a runtime, puts its *acts* on it one after the other, each
//! in bursts with idle moments between them, and drops it. After each act no
//! task may be left, after each round no thread, file or byte more than after
//! the first rounds, which warm up what a process makes once and keeps. Beside
//! the acts, each round injects a *fault* in a process of its own.

mod acts;
mod connections;
mod faults;
mod options;
mod watch;

use self::acts::{ACTS, Act, Scene};
use self::faults::FAULTS;
use self::options::{HELP, NoOptions, Options};
use crate::programs::Counts;
use fastrand::Rng;
use filch::runtime::{Builder, Runtime};
use std::panic;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What panics on purpose.
const PLANNED: &str = "a planned panic";

/// Rounds before the bytes in use are noted: thread-locals, epochs and caches
/// are made in them.
const WARM_UP_ROUNDS: u64 = 3;

/// How much the bytes in use may breathe: what a leak of one task in each round
/// reaches in a few minutes, and of one in each burst at once.
const BREATH_BYTES: usize = 32 * 1024;

/// How often to collect garbage at most: far more often than it takes.
const COLLECTIONS: u32 = 200;

/// How long an act lasts.
const ACT: Duration = Duration::from_millis(250);

/// How often to say how it goes.
const REPORT_PERIOD: Duration = Duration::from_secs(5);

/// Runs the soak that the process was started for. `live_bytes` tells how many
/// bytes are allocated.
pub fn main(live_bytes: fn() -> usize) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(NoOptions::HelpWanted) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(NoOptions::Wrong(what)) => {
            eprintln!("soak: {what}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    keep_planned_panics_quiet();
    let bound = match options.fault {
        Some(_) => watch::CHILD_HANG,
        None => watch::HANG,
    };
    watch::start(options.seed, bound);
    let violations = match &options.fault {
        Some(fault) => faults::suffer(fault, &options),
        None => Soak::new(options, live_bytes).run(),
    };
    for violation in &violations {
        eprintln!("VIOLATION: {violation}");
    }
    if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn keep_planned_panics_quiet() {
    let former = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&PLANNED) {
            former(info);
        }
    }));
}

/// A soak under way.
struct Soak {
    options: Options,
    live_bytes: fn() -> usize,
    start: Instant,
    reported: Instant,
    rounds: u64,
    faults: u64,
    done: Vec<(&'static str, u64)>,
    violations: Vec<String>,
    /// The bytes in use after the warm-up.
    bytes: Option<usize>,
}

impl Soak {
    fn new(options: Options, live_bytes: fn() -> usize) -> Self {
        Self {
            options,
            live_bytes,
            start: Instant::now(),
            reported: Instant::now(),
            rounds: 0,
            faults: 0,
            done: ACTS.iter().map(|act| (act.name, 0)).collect(),
            violations: Vec::new(),
            bytes: None,
        }
    }

    fn run(mut self) -> Vec<String> {
        let Options { seed, length, .. } = self.options;
        println!("soak: {length:?} with --seed {seed}");
        let acts: Vec<&Act> = ACTS
            .iter()
            .filter(|act| self.options.wants(act.name))
            .collect();
        let before = Counts::now();
        let end = self.start + length;
        while Instant::now() < end && self.violations.is_empty() {
            let mut rng = Rng::with_seed(seed.wrapping_add(self.rounds));
            if !acts.is_empty() {
                if let Err(violation) = self.round(&acts, &mut rng, before, end) {
                    self.violations.push(violation);
                }
                self.weigh(end);
            }
            self.inject();
            self.rounds += 1;
            if self.reported.elapsed() >= REPORT_PERIOD {
                self.report("");
            }
        }
        watch::doing("summary".to_owned(), None);
        if let Err(left) = before.restored() {
            self.violations.push(left);
        }
        self.report("the end: ");
        println!(
            "{} violations; to replay: --seed {seed} --workers {}",
            self.violations.len(),
            self.options.workers
        );
        self.violations
    }

    /// Every act once, in any order, on one runtime.
    fn round(
        &mut self,
        acts: &[&Act],
        rng: &mut Rng,
        before: Counts,
        end: Instant,
    ) -> Result<(), String> {
        let what = format!("round {}", self.rounds);
        let runtime = build(&self.options, rng, self.rounds)
            .map_err(|error| format!("{what}: no runtime: {error}"))?;
        let mut order: Vec<_> = acts.to_vec();
        rng.shuffle(&mut order);
        for act in order {
            let until = Instant::now() + ACT;
            if until > end && self.rounds > 0 {
                break;
            }
            let what = format!("{what}, act {}", act.name);
            watch::doing(what.clone(), Some(runtime.handle().clone()));
            let scene = Scene {
                runtime: &runtime,
                until,
                seed: rng.u64(..),
            };
            let done = (act.play)(&scene).map_err(|error| format!("{what}: {error}"))?;
            let figure = self.done.iter_mut().find(|(name, _)| *name == act.name);
            if let Some((_, figure)) = figure {
                *figure += done;
            }
            quiet(&runtime).map_err(|error| format!("{what}: {error}"))?;
        }
        watch::doing(format!("{what}, its end"), None);
        match rng.u32(..3) {
            0 => runtime.shutdown_timeout(Duration::from_secs(60)),
            _ => drop(runtime),
        }
        before.restored().map_err(|left| format!("{what}: {left}"))
    }

    /// Compares the bytes in use with those after the warm-up.
    fn weigh(&mut self, end: Instant) {
        let warm = self.rounds + 1 >= WARM_UP_ROUNDS;
        let Some(bytes) = self.bytes else {
            if warm || Instant::now() >= end {
                self.bytes = Some(self.settled_bytes(0));
            }
            return;
        };
        let now = self.settled_bytes(bytes + BREATH_BYTES);
        if now > bytes + BREATH_BYTES {
            self.violations.push(format!(
                "{now} bytes are in use after round {}, {bytes} after the warm-up",
                self.rounds
            ));
        }
    }

    /// The bytes in use when deferred frees have happened; or as soon as they are
    /// few enough.
    fn settled_bytes(&self, enough: usize) -> usize {
        let mut least = (self.live_bytes)();
        for _ in 0..COLLECTIONS {
            if least <= enough {
                break;
            }
            collect_garbage();
            least = least.min((self.live_bytes)());
        }
        least
    }

    /// Injects the next fault, in a process of its own.
    fn inject(&mut self) {
        let wanted: Vec<_> = FAULTS
            .iter()
            .filter(|fault| self.options.wants(fault.name))
            .collect();
        if wanted.is_empty() {
            return;
        }
        let fault = wanted[(self.rounds % wanted.len() as u64) as usize];
        watch::doing(format!("round {}, fault {}", self.rounds, fault.name), None);
        if let Err(violation) = faults::inject(fault, &self.options, self.rounds) {
            self.violations.push(violation);
        }
        self.faults += 1;
    }

    fn report(&mut self, prefix: &str) {
        self.reported = Instant::now();
        let done = self.done.iter().filter(|(_, count)| *count > 0);
        let done: Vec<_> = done
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        println!(
            "{prefix}{:.0} s, {} rounds, {} faults; {}; {} bytes, {} files, {} threads",
            self.start.elapsed().as_secs_f64(),
            self.rounds,
            self.faults,
            done.join(", "),
            (self.live_bytes)(),
            Counts::now().files,
            Counts::now().threads,
        );
    }
}

/// Lets crossbeam-deque free what its queues and the threads that used them have
/// given up. A thread passes its garbage on when a large queue grows; an epoch
/// ends, and garbage is collected, once in so many looks into any queue.
fn collect_garbage() {
    const TASKS: u32 = 1024;
    let queue = crossbeam_deque::Worker::new_fifo();
    let stealer = queue.stealer();
    (0..TASKS).for_each(|number| queue.push(number));
    while !stealer.steal().is_empty() {}
}

fn build(options: &Options, rng: &mut Rng, round: u64) -> std::io::Result<Runtime> {
    // Every fourth round has one thread for everything.
    let mut builder = if round % 4 == 3 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder
        .worker_threads(options.workers)
        .thread_keep_alive(Duration::from_millis(rng.u64(..30)))
        .enable_all();
    if rng.u32(..3) == 0 {
        builder.max_blocking_threads(rng.usize(1..8));
    }
    builder.build()
}

/// Waits until nothing of an act is left on the runtime.
fn quiet(runtime: &Runtime) -> Result<(), String> {
    /// Reached only by a leak.
    const QUIET: Duration = Duration::from_secs(30);
    let metrics = runtime.metrics();
    let start = Instant::now();
    runtime.block_on(async {
        while metrics.num_alive_tasks() + metrics.num_blocking_threads() > 0 {
            if start.elapsed() > QUIET {
                return Err(format!(
                    "{} tasks and {} blocking threads are left",
                    metrics.num_alive_tasks(),
                    metrics.num_blocking_threads()
                ));
            }
            filch::time::sleep(Duration::from_micros(200)).await;
        }
        Ok(())
    })
}
