//! The transitions, in any order that threads can bring about, against a pool
//! that is accounted for in the simplest way.

use super::config;
use crate::blocking::state::{Beginning, Closed, Duty, Failed, Seat, State, Ticket};
use crate::blocking::worker::{Recruiting, spawn_thread};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

/// A job's number.
type Job = usize;

/// A thread is known by its seat.
type Thread = Arc<Seat>;

/// The transitions' side, and what should come of them.
struct Pair {
    state: State<Job>,
    cap: usize,
    has_start_hook: bool,
    jobs: usize,
    queue: VecDeque<Job>,
    /// Of every job that was ever taken in.
    tickets: Vec<(Ticket, Job)>,
    /// Who was summoned and is not there yet.
    coming: Option<Thread>,
    /// How many are being created, and have not handed the wake-up on yet.
    new: usize,
    /// How many are being created, and have.
    starting: usize,
    /// How many are held.
    held: usize,
    /// Nobody has joined since somebody failed to come, and no job has come.
    has_failed: bool,
    idle: Vec<Thread>,
    busy: Vec<Thread>,
    lent: Vec<Thread>,
    /// Those who were idle when the pool closed.
    sent_home: Vec<Thread>,
    closed: bool,
}

/// One step; a number chooses among the threads that there are.
#[derive(Clone, Copy, Debug)]
enum Step {
    Submit,
    Arrive,
    HandOn,
    Hold,
    Join { held: bool },
    Fail { who: usize, ticket: Option<usize> },
    Finish(usize),
    Lend(usize),
    TakeBack(usize),
    Die(usize),
    Expire(usize),
    Close,
    GoHome,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Submit),
        8 => Just(Step::Arrive),
        8 => Just(Step::HandOn),
        2 => Just(Step::Hold),
        8 => any::<bool>().prop_map(|held| Step::Join { held }),
        2 => any::<(usize, Option<usize>)>().prop_map(|(who, ticket)| Step::Fail { who, ticket }),
        8 => any::<usize>().prop_map(Step::Finish),
        3 => any::<usize>().prop_map(Step::Lend),
        3 => any::<usize>().prop_map(Step::TakeBack),
        1 => any::<usize>().prop_map(Step::Die),
        2 => any::<usize>().prop_map(Step::Expire),
        1 => (0..8_u32).prop_map(|often| if often == 0 { Step::Close } else { Step::Submit }),
        1 => Just(Step::GoHome),
    ]
}

fn choose<T>(among: &[T], number: usize) -> Option<&T> {
    among.get(number % among.len().max(1))
}

fn remove(threads: &mut Vec<Thread>, number: usize) -> Option<Thread> {
    (!threads.is_empty()).then(|| threads.remove(number % threads.len()))
}

impl Pair {
    fn new(cap: usize, has_start_hook: bool) -> Self {
        let recruiting = Recruiting::new(&config(cap), Arc::new(spawn_thread));
        Self {
            state: State::new(cap, has_start_hook, recruiting),
            cap,
            has_start_hook,
            jobs: 0,
            queue: VecDeque::new(),
            tickets: Vec::new(),
            coming: None,
            new: 0,
            starting: 0,
            held: 0,
            has_failed: false,
            idle: Vec::new(),
            busy: Vec::new(),
            lent: Vec::new(),
            sent_home: Vec::new(),
            closed: false,
        }
    }

    /// Those that count towards the cap and have come.
    fn there(&self) -> usize {
        self.idle.len()
            + self.busy.len()
            + self.sent_home.len()
            + usize::from(self.coming.is_some())
    }

    /// Those that are being created.
    fn creating(&self) -> usize {
        self.new + self.starting
    }

    /// Those that count towards the cap.
    fn unlent(&self) -> usize {
        self.there() + self.creating() + self.held
    }

    /// Whether a thread that is there already must come for the queue.
    fn expect_a_call(&mut self, duty: &Duty) -> bool {
        if self.coming.is_some() || self.queue.is_empty() {
            return false;
        }
        let Some(thread) = self.idle.pop() else {
            return false;
        };
        assert!(
            matches!(duty, Duty::Wake(seat) if Arc::ptr_eq(seat, &thread)),
            "{duty:?} where the warmest thread is idle"
        );
        assert!(self.state.is_called(&thread));
        self.coming = Some(thread);
        true
    }

    /// Checks who comes for the queue.
    fn expect_a_summons(&mut self, duty: &Duty) {
        if self.expect_a_call(duty) {
            return;
        }
        let wanted = if self.has_start_hook {
            self.queue.len()
        } else {
            self.queue.len().min(1)
        };
        let creates = self.coming.is_none()
            && self.creating() < wanted
            && !self.closed
            && self.unlent() < self.cap;
        if creates {
            assert!(
                matches!(duty, Duty::Create(..)),
                "{duty:?} where there is room"
            );
            self.new += 1;
        } else {
            assert!(matches!(duty, Duty::Nothing), "{duty:?} for nothing");
        }
    }

    fn submit(&mut self) {
        let job = self.jobs;
        self.jobs += 1;
        match self.state.push(job) {
            Ok((ticket, duty)) => {
                assert!(!self.closed, "a closed pool took a job");
                self.queue.push_back(job);
                self.tickets.push((ticket, job));
                self.has_failed = false;
                self.expect_a_summons(&duty);
            }
            Err(refused) => assert!(self.closed && refused == job),
        }
    }

    /// As [`look`](Self::look), unless the thread is one too many.
    fn look_or_leave(&mut self, thread: Thread) {
        if self.there() + 1 > self.cap {
            self.state.transition_to_surplus();
        } else {
            self.look(thread);
        }
    }

    /// The thread looks for a job, as it does when it arrives or has ended one.
    fn look(&mut self, thread: Thread) {
        match self.state.take() {
            Some((job, duty)) => {
                assert_eq!(Some(job), self.queue.pop_front(), "out of order");
                self.busy.push(thread);
                self.expect_a_summons(&duty);
            }
            None => {
                assert!(self.queue.is_empty(), "{:?} were not seen", self.queue);
                if self.closed {
                    self.state.transition_to_dismissed();
                } else {
                    self.state.transition_to_idle(&thread);
                    assert!(!self.state.is_called(&thread));
                    self.idle.push(thread);
                }
            }
        }
    }

    fn fail(&mut self, who: usize, ticket: Option<usize>) {
        let mut beginners = vec![
            (&mut self.new, Beginning::Created),
            (&mut self.starting, Beginning::Created),
            (&mut self.held, Beginning::Held),
        ];
        beginners.retain(|(count, _)| **count > 0);
        if beginners.is_empty() {
            return;
        }
        let (count, beginning) = beginners.swap_remove(who % beginners.len());
        *count -= 1;
        let ticket = ticket.and_then(|number| choose(&self.tickets, number).copied());
        let Failed { own, stranded } = self
            .state
            .transition_to_failed(beginning, ticket.map(|(ticket, _)| ticket));
        self.has_failed = true;
        if self.unlent() > self.held {
            assert!((own, stranded.len()) == (None, 0), "others will take them");
            return;
        }
        let left = std::mem::take(&mut self.queue);
        let expected_own = ticket.map(|(_, job)| job).filter(|job| left.contains(job));
        assert_eq!(own, expected_own);
        let others = left.into_iter().filter(|job| Some(*job) != own);
        assert!(stranded.into_iter().eq(others));
    }

    fn close(&mut self) {
        let Closed {
            queue,
            idle,
            recruiting,
        } = self.state.transition_to_closed();
        assert_eq!(queue, std::mem::take(&mut self.queue));
        assert_eq!(recruiting.is_none(), self.closed, "given out once");
        let expected = std::mem::take(&mut self.idle);
        assert!(
            idle.iter()
                .map(Arc::as_ptr)
                .eq(expected.iter().map(Arc::as_ptr))
        );
        assert!(idle.iter().all(|seat| self.state.is_called(seat)));
        self.sent_home.extend(expected);
        self.closed = true;
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit => self.submit(),
            Step::Arrive => {
                if let Some(thread) = self.coming.take() {
                    self.state.transition_to_arrived();
                    self.look(thread);
                }
            }
            Step::HandOn => {
                if self.new > 0 {
                    self.new -= 1;
                    self.starting += 1;
                    let duty = self.state.transition_to_begun();
                    if self.has_failed {
                        assert!(matches!(duty, Duty::Nothing), "{duty:?} as threads fail");
                    } else {
                        self.expect_a_summons(&duty);
                    }
                }
            }
            Step::Hold => {
                if self.has_start_hook && self.starting > 0 {
                    self.starting -= 1;
                    self.held += 1;
                    self.state.transition_to_held();
                    self.submit();
                }
            }
            Step::Join { held } => {
                let (beginners, beginning) = match held {
                    true => (&mut self.held, Beginning::Held),
                    false => (&mut self.starting, Beginning::Created),
                };
                if *beginners > 0 {
                    *beginners -= 1;
                    self.state.transition_to_joined(beginning);
                    self.has_failed = false;
                    self.look_or_leave(Arc::new(Seat::new()));
                }
            }
            Step::Fail { who, ticket } => self.fail(who, ticket),
            Step::Finish(number) => {
                if let Some(thread) = remove(&mut self.busy, number) {
                    self.look_or_leave(thread);
                }
            }
            Step::Lend(number) => {
                let Some(thread) = remove(&mut self.busy, number) else {
                    return;
                };
                self.lent.push(thread);
                let duty = self.state.lend();
                self.expect_a_summons(&duty);
            }
            Step::TakeBack(number) => {
                let Some(thread) = remove(&mut self.lent, number) else {
                    return;
                };
                self.state.take_back();
                self.busy.push(thread);
            }
            Step::Die(number) => {
                if remove(&mut self.busy, number).is_some() {
                    let duty = self.state.transition_to_dead();
                    self.expect_a_summons(&duty);
                }
            }
            Step::Expire(number) => {
                if let Some(thread) = remove(&mut self.idle, number) {
                    self.state.transition_to_expired(&thread);
                }
            }
            Step::Close => self.close(),
            Step::GoHome => {
                if let Some(thread) = self.sent_home.pop() {
                    self.state.transition_to_arrived();
                    self.look(thread);
                }
            }
        }
    }

    fn check(&self) {
        let state = &self.state;
        assert_eq!(state.threads(), self.unlent() + self.lent.len());
        assert_eq!(state.lent(), self.lent.len());
        assert_eq!(state.idle_threads(), self.idle.len());
        assert_eq!(state.queue_depth(), self.queue.len());
        assert_eq!(state.is_closed(), self.closed);
        assert_eq!(state.is_over_the_cap(), self.there() > self.cap);
        assert!(
            self.queue.is_empty()
                || self.coming.is_some()
                || self.creating() > 0
                || !self.busy.is_empty()
                || self.held >= self.cap,
            "nobody will ever come for {:?}",
            self.queue
        );
        assert!(
            self.queue.is_empty()
                || self.coming.is_some()
                || self.has_failed
                || self.creating() > 0
                || self.unlent() >= self.cap,
            "{:?} wait for jobs though there is room",
            self.queue
        );
        assert!(
            !self.has_start_hook
                || self.coming.is_some()
                || self.has_failed
                || self.new > 0
                || self.creating() >= self.queue.len()
                || self.unlent() >= self.cap,
            "{:?} wait for start hooks though there is room",
            self.queue
        );
        assert!(
            self.queue.is_empty() || self.coming.is_some() || self.idle.is_empty(),
            "{:?} wait beside idle threads",
            self.queue
        );
    }

    /// Everybody ends what there is to be done, and leaves.
    fn run_out(&mut self) {
        while self.unlent() > self.idle.len() + self.sent_home.len() || !self.lent.is_empty() {
            for step in [
                Step::Arrive,
                Step::HandOn,
                Step::Join { held: false },
                Step::Join { held: true },
                Step::TakeBack(0),
                Step::Finish(0),
            ] {
                self.step(step);
                self.check();
            }
        }
        assert!(self.queue.is_empty());
        self.step(Step::Close);
        while !self.sent_home.is_empty() {
            self.step(Step::GoHome);
            self.check();
        }
        assert_eq!(self.state.threads(), 0);
    }
}

proptest! {
    #[test]
    fn the_accounts_are_those_of_the_model(
        cap in 1..5_usize,
        has_start_hook: bool,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut pair = Pair::new(cap, has_start_hook);
        for step in steps {
            pair.step(step);
            pair.check();
        }
        pair.run_out();
    }
}
