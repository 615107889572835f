//! Where a program is played: the runtime, who else is there, and how it ends.

use super::generate::Generator;
use super::outside::Disturbance;
use super::program::Job;
use fastrand::Rng;
use filch::runtime::{Builder, Runtime};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Which runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    CurrentThread,
    /// A current-thread runtime whose clock is paused.
    Paused,
    Workers(usize),
}

const KINDS: [Kind; 5] = [
    Kind::CurrentThread,
    Kind::Paused,
    Kind::Workers(1),
    Kind::Workers(2),
    Kind::Workers(4),
];

impl Kind {
    pub(super) fn has_workers(self) -> bool {
        matches!(self, Self::Workers(_))
    }

    pub(super) fn is_paused(self) -> bool {
        self == Self::Paused
    }
}

/// When the runtime is shut down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// When nothing is left to be done. Nobody is cancelled then.
    Quiet,
    /// When the root has ended.
    AfterRoot,
    /// After so many steps, whoever takes them.
    AfterSteps(u64),
}

/// How it is shut down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Down {
    Drop,
    DropOnAnotherThread,
    Timeout(Duration),
    Background,
    /// In the background, by a future of another runtime.
    BackgroundInAsync,
}

/// A program and all that surrounds it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) kind: Kind,
    tuning: Tuning,
    /// The clock is paused, and the program does not move it.
    pub(super) exact: bool,
    pub(super) moment: Moment,
    pub(super) down: Down,
    /// The root is spawned, not blocked on.
    pub(super) as_task: bool,
    pub(super) root: Arc<Job>,
    /// Each blocked on by a thread of its own.
    pub(super) companions: Vec<Arc<Job>>,
    pub(super) outsider: Vec<Disturbance>,
}

/// Settings of the runtime.
#[derive(Debug)]
struct Tuning {
    event_interval: Option<u32>,
    injector_interval: Option<u32>,
    events_per_turn: Option<usize>,
    keep_alive: Option<Duration>,
    max_blocking_threads: Option<usize>,
}

impl Stage {
    /// The stage of a seed. Runtimes of all kinds take turns.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let kind = KINDS[(seed % KINDS.len() as u64) as usize];
        let blocks_on = kind.has_workers() && rng.bool();
        let tuning = Tuning::random(&mut rng, blocks_on);
        let exact = kind.is_paused() && rng.u32(..3) > 0;
        let moment = match rng.u32(..4) {
            0 | 1 => Moment::Quiet,
            2 => Moment::AfterRoot,
            _ => Moment::AfterSteps(rng.u64(1..40)),
        };
        let down = match rng.u32(..8) {
            0..3 => Down::Drop,
            3 => Down::DropOnAnotherThread,
            4 => Down::Timeout(Duration::from_micros(rng.u64(..2000))),
            5 => Down::Timeout(Duration::from_secs(3600)),
            6 => Down::Background,
            _ => Down::BackgroundInAsync,
        };
        let as_task = rng.bool();
        let companions = if kind.is_paused() || rng.u32(..4) > 0 {
            0
        } else {
            rng.u32(1..3)
        };
        let advances = kind.is_paused() && !exact;
        let mut outsider_rng = rng.fork();
        let mut generator = Generator::new(&mut rng, kind, blocks_on, advances);
        let root = generator.job();
        let companions = (0..companions).map(|_| generator.small_job()).collect();
        let outsider = outsider(&mut outsider_rng, &mut generator);
        Self {
            kind,
            tuning,
            exact,
            moment,
            down,
            as_task,
            root,
            companions,
            outsider,
        }
    }

    pub(super) fn build(&self) -> io::Result<Runtime> {
        let mut builder = match self.kind {
            Kind::CurrentThread | Kind::Paused => Builder::new_current_thread(),
            Kind::Workers(_) => Builder::new_multi_thread(),
        };
        if let Kind::Workers(workers) = self.kind {
            builder.worker_threads(workers);
        }
        builder.enable_all().start_paused(self.kind.is_paused());
        self.tuning.apply(&mut builder);
        builder.build()
    }
}

fn outsider(rng: &mut Rng, generator: &mut Generator<'_>) -> Vec<Disturbance> {
    let count = rng.u32(..3) * rng.u32(..6);
    let disturbances = (0..count).map(|name| match rng.u32(..10) {
        0..3 => Disturbance::Wait(Duration::from_nanos(rng.u64(..500_000))),
        3..5 => Disturbance::Abort(rng.usize(..100)),
        5..7 => Disturbance::Wake,
        7 => Disturbance::DropWakers,
        8 => Disturbance::SpawnBlocking(name as usize),
        _ => Disturbance::Spawn(generator.small_job()),
    });
    disturbances.collect()
}

impl Tuning {
    fn random(rng: &mut Rng, many_threads: bool) -> Self {
        let sometimes = |rng: &mut Rng| rng.u32(..5) == 0;
        Self {
            event_interval: sometimes(rng).then(|| rng.u32(1..4)),
            injector_interval: sometimes(rng).then(|| rng.u32(1..4)),
            events_per_turn: sometimes(rng).then(|| rng.usize(1..3)),
            keep_alive: sometimes(rng).then(|| Duration::from_micros(rng.u64(..500))),
            max_blocking_threads: (!many_threads && sometimes(rng)).then(|| rng.usize(1..4)),
        }
    }

    fn apply(&self, builder: &mut Builder) {
        if let Some(polls) = self.event_interval {
            builder.event_interval(polls);
        }
        if let Some(polls) = self.injector_interval {
            builder.global_queue_interval(polls);
        }
        if let Some(events) = self.events_per_turn {
            builder.max_io_events_per_tick(events);
        }
        if let Some(time) = self.keep_alive {
            builder.thread_keep_alive(time);
        }
        if let Some(threads) = self.max_blocking_threads {
            builder.max_blocking_threads(threads);
        }
    }
}
