//! From a seed to a program.

use super::program::{Connection, End, Fate, Job, Nap, Pause, SetEnd, Side, Step, Style};
use super::stage::Kind;
use fastrand::Rng;
use std::sync::Arc;
use std::time::Duration;

/// How deep tasks and futures nest.
const MAX_DEPTH: u32 = 4;

/// What a generator may still spend, and what it may not use.
pub(super) struct Generator<'a> {
    rng: &'a mut Rng,
    kind: Kind,
    /// Steps left for the whole program.
    budget: u32,
    names: usize,
    /// `block_on` inside `block_in_place` needs threads for the workers.
    blocks_on: bool,
    /// Moving a paused clock makes other sleeps end late.
    advances: bool,
}

impl<'a> Generator<'a> {
    pub(super) fn new(rng: &'a mut Rng, kind: Kind, blocks_on: bool, advances: bool) -> Self {
        let budget = if rng.u32(..8) == 0 {
            rng.u32(60..200)
        } else {
            rng.u32(5..100)
        };
        Self {
            rng,
            kind,
            budget,
            names: 0,
            blocks_on,
            advances,
        }
    }

    /// A task that has at least one step.
    pub(super) fn job(&mut self) -> Arc<Job> {
        let name = self.name();
        let steps = self.steps(0, 20);
        Arc::new(Job { name, steps })
    }

    /// Short tasks, for whoever works beside the program.
    pub(super) fn small_job(&mut self) -> Arc<Job> {
        self.budget = self.budget.max(4);
        let name = self.name();
        let steps = self.steps(MAX_DEPTH - 2, 4);
        Arc::new(Job { name, steps })
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names - 1
    }

    fn steps(&mut self, depth: u32, at_most: u32) -> Vec<Step> {
        let count = self.rng.u32(1..=at_most);
        let mut steps = Vec::new();
        for _ in 0..count {
            if self.budget == 0 {
                break;
            }
            self.budget -= 1;
            let step = self.step(depth);
            let last = matches!(step, Step::Panic);
            steps.push(step);
            if last {
                break;
            }
        }
        steps
    }

    fn step(&mut self, depth: u32) -> Step {
        if depth < MAX_DEPTH && self.rng.u32(..100) < 55 {
            return self.compound(depth);
        }
        let name = self.name();
        match self.rng.u32(..100) {
            0..20 => Step::Yield(self.rng.u32(1..6)),
            20..25 => Step::Spend(self.rng.u32(1..400)),
            25..50 => Step::Sleep(self.nap()),
            50..55 => Step::Interval {
                period: self.time().max(Duration::from_micros(1)),
                ticks: self.rng.u32(1..5),
            },
            55..63 => Step::Channel {
                name,
                messages: self.rng.u32(1..200),
                capacity: self.rng.usize(1..20),
                pause: self.rng.u32(1..50),
                exposed: self.rng.u32(..4) == 0,
            },
            63..68 => Step::PingPong {
                name,
                rounds: self.rng.u32(1..60),
            },
            68..78 => Step::Foreign(self.short_time()),
            78..83 => Step::LeakWaker,
            83..92 => Step::Blocking {
                name,
                time: self.short_time(),
                panics: self.rng.u32(..10) == 0,
                fate: self.fate(),
            },
            92..94 => Step::Panic,
            _ if self.advances => Step::Advance(self.time()),
            _ => Step::Yield(1),
        }
    }

    fn compound(&mut self, depth: u32) -> Step {
        let deeper = depth + 1;
        match self.rng.u32(..100) {
            0..38 => Step::Spawn {
                job: self.child(deeper),
                fate: self.fate(),
                exposed: self.rng.u32(..6) == 0,
            },
            38..50 => Step::Set {
                jobs: (0..self.rng.u32(..7)).map(|_| self.child(deeper)).collect(),
                end: self.set_end(),
            },
            50..60 => Step::Timeout {
                limit: self.time(),
                steps: self.steps(deeper, 4),
            },
            60..68 => Step::Select {
                left: self.steps(deeper, 3),
                right: self.steps(deeper, 3),
            },
            68..75 => Step::Both {
                left: self.steps(deeper, 3),
                right: self.steps(deeper, 3),
            },
            75..83 if self.kind.has_workers() => Step::InPlace {
                time: self.short_time(),
                steps: if self.blocks_on && self.rng.bool() {
                    self.steps(deeper, 3)
                } else {
                    Vec::new()
                },
            },
            _ => Step::Connect(self.connection()),
        }
    }

    fn child(&mut self, depth: u32) -> Arc<Job> {
        let name = self.name();
        let steps = self.steps(depth, 5);
        Arc::new(Job { name, steps })
    }

    fn fate(&mut self) -> Fate {
        let yields = self.rng.u32(..4);
        match self.rng.u32(..100) {
            0..40 => Fate::Join,
            40..50 => Fate::Detach,
            50..65 => Fate::Abort(yields),
            65..75 => Fate::AbortAndDrop(yields),
            75..82 => Fate::PollAndDrop,
            82..92 => Fate::JoinOutside,
            _ => Fate::JoinElsewhere,
        }
    }

    fn set_end(&mut self) -> SetEnd {
        match self.rng.u32(..6) {
            0 => SetEnd::JoinAll,
            1 => SetEnd::JoinSome(self.rng.u32(..4)),
            2 => SetEnd::AbortAll(self.rng.u32(..4)),
            3 => SetEnd::Shutdown,
            4 => SetEnd::Detach,
            _ => SetEnd::Drop,
        }
    }

    fn nap(&mut self) -> Nap {
        let (first, then) = (self.time(), self.time());
        match self.rng.u32(..10) {
            0..5 => Nap::Whole(first),
            5 => Nap::Dropped(first),
            6 | 7 => Nap::Reset { first, then },
            8 => Nap::Again { first, then },
            _ => Nap::Moved(first),
        }
    }

    /// Any time where time is free, else a short one.
    fn time(&mut self) -> Duration {
        if self.kind == Kind::Paused && self.rng.bool() {
            let magnitude = self.rng.u32(..48);
            Duration::from_nanos(self.rng.u64(..1 << magnitude))
        } else {
            self.short_time()
        }
    }

    fn short_time(&mut self) -> Duration {
        match self.rng.u32(..10) {
            0 => Duration::ZERO,
            1..5 => Duration::from_nanos(self.rng.u64(..20_000)),
            5..9 => Duration::from_nanos(self.rng.u64(..300_000)),
            _ => Duration::from_nanos(self.rng.u64(..3_000_000)),
        }
    }

    fn connection(&mut self) -> Connection {
        let abort = |rng: &mut Rng| (rng.u32(..8) == 0).then(|| rng.u32(..12));
        let (mut client, mut server) = (self.side(), self.side());
        // A side that takes its time does not do so hundreds of times.
        let least = client.write.max(server.write) / 200;
        client.chunk = client.chunk.max(least);
        server.chunk = server.chunk.max(least);
        Connection {
            name: self.name(),
            client,
            server,
            small_buffers: self.rng.bool(),
            abort_server: abort(self.rng),
            abort_client: abort(self.rng),
        }
    }

    fn side(&mut self) -> Side {
        let rng = &mut *self.rng;
        let write = match rng.u32(..10) {
            0 => 0,
            1..5 => rng.usize(..64),
            5..9 => rng.usize(..8192),
            _ => rng.usize(..300_000),
        };
        let chunk = match rng.u32(..3) {
            0 => rng.usize(1..32),
            1 => rng.usize(1..2048),
            _ => rng.usize(1..65_536),
        };
        let pause = match rng.u32(..8) {
            0..4 => Pause::None,
            4..7 => Pause::Yield,
            _ => Pause::Sleep(Duration::from_nanos(rng.u64(..100_000))),
        };
        let style = match rng.u32(..3) {
            0 => Style::Traits,
            1 => Style::Readiness,
            _ => Style::Owned,
        };
        let end = match rng.u32(..10) {
            _ if style == Style::Owned => End::HalfClose,
            0..5 => End::HalfClose,
            5 => End::Drop,
            6 | 7 => End::Reset,
            8 => End::DropAfter(rng.usize(..2000)),
            _ => End::ResetAfter(rng.usize(..2000)),
        };
        Side {
            write,
            chunk,
            pause,
            end,
            style,
        }
    }
}
