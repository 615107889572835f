//! The wheel against a naive model, with its invariants checked from inside.

use super::*;
use crate::levels::List;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

mod cases;

impl<T> Wheel<T> {
    /// Checks the invariants of `levels`, and that lists and length agree.
    fn check(&self) {
        let mut seen = 0;
        let mut slot_of_deadline = HashMap::new();
        for slot in self.levels.occupied() {
            let List {
                minimum,
                head,
                tail,
                uniform,
                exact,
            } = *self.levels.list(slot);
            assert!(
                slot.level() == 0 || slot.start(self.elapsed) > self.elapsed,
                "{slot:?} has begun at {:?}",
                self.elapsed
            );
            let (mut index, mut previous) = (head, Index::NONE);
            let mut earliest = Tick::MAX;
            while !index.is_none() {
                let entry = self.entries.get(index);
                assert!(index == head || entry.previous == previous);
                assert_eq!(entry.slot, slot);
                assert_eq!(Slot::of(entry.deadline, self.elapsed), slot);
                earliest = earliest.min(entry.deadline);
                assert!(minimum <= entry.deadline);
                assert!(!uniform || minimum == entry.deadline);
                if entry.deadline > self.elapsed {
                    let earlier = slot_of_deadline.insert(entry.deadline, slot);
                    assert!(earlier.is_none_or(|earlier| earlier == slot));
                }
                (index, previous) = (entry.next, index);
                seen += 1;
            }
            assert_eq!(tail, previous);
            assert!(!exact || minimum == earliest);
        }
        assert_eq!(seen, self.len);
    }
}

/// What a wheel should do, said in the simplest way.
#[derive(Debug, Default)]
struct Model {
    /// By rounded deadline, then by age.
    on_time: BTreeMap<(Tick, u64), u64>,
    /// Those that were due when they were given.
    overdue: BTreeMap<u64, Tick>,
    /// What each live timer asked for, and where it is in `on_time`.
    live: HashMap<u64, Timer>,
    now: Tick,
    age: u64,
}

#[derive(Debug)]
struct Timer {
    key: Key,
    rounded: Tick,
    age: u64,
}

impl Model {
    fn insert(&mut self, id: u64, key: Key, rounded: Tick) {
        self.age += 1;
        if rounded <= self.now {
            self.overdue.insert(id, rounded);
        } else {
            self.on_time.insert((rounded, self.age), id);
        }
        self.live.insert(
            id,
            Timer {
                key,
                rounded,
                age: self.age,
            },
        );
    }

    fn remove(&mut self, id: u64) -> Option<Timer> {
        let timer = self.live.remove(&id)?;
        if self.overdue.remove(&id).is_none() {
            assert_eq!(self.on_time.remove(&(timer.rounded, timer.age)), Some(id));
        }
        Some(timer)
    }

    fn earliest(&self) -> Option<Tick> {
        let on_time = self.on_time.keys().next().map(|(deadline, _)| *deadline);
        on_time
            .into_iter()
            .chain(self.overdue.values().copied())
            .min()
    }
}

/// A wheel and its model, driven together.
#[derive(Default)]
struct Pair {
    wheel: Wheel<u64>,
    model: Model,
    gone: Vec<Key>,
    next_id: u64,
}

impl Pair {
    /// The latest time that either was told of: what a caller's clock reads.
    fn now(&self) -> Tick {
        self.model.now
    }

    fn insert(&mut self, now: Tick, deadline: Tick, exact: bool) {
        let id = self.next_id;
        self.next_id += 1;
        let (key, rounded) = if exact {
            (self.wheel.insert_exact(now, deadline, id), deadline)
        } else {
            (
                self.wheel.insert(now, deadline, id),
                coalesce(now, deadline),
            )
        };
        assert_eq!(self.wheel.deadline(key), Some(rounded));
        self.model.insert(id, key, rounded);
    }

    fn cancel(&mut self, id: u64) {
        let Some(timer) = self.model.remove(id) else {
            return;
        };
        assert_eq!(self.wheel.get_mut(timer.key), Some(&mut { id }));
        assert_eq!(self.wheel.cancel(timer.key), Some(id));
        self.bury(timer.key);
    }

    fn reset(&mut self, id: u64, now: Tick, deadline: Tick) {
        let Some(timer) = self.model.remove(id) else {
            return;
        };
        assert!(self.wheel.reset(timer.key, now, deadline));
        self.model.insert(id, timer.key, coalesce(now, deadline));
    }

    /// Looks at one timer, or at one that is no more.
    fn look(&mut self, id: u64) {
        if let Some(timer) = self.model.live.get(&id) {
            assert!(self.wheel.contains(timer.key));
            assert_eq!(self.wheel.deadline(timer.key), Some(timer.rounded));
            assert_eq!(self.wheel.get_mut(timer.key), Some(&mut { id }));
        } else if let Some(key) = self.gone.get(id as usize % self.gone.len().max(1)) {
            assert_eq!(self.wheel.deadline(*key), None);
            assert!(!self.wheel.reset(*key, Tick::ZERO, Tick::MAX));
        }
    }

    /// Takes out `bound` payloads, and drops the others with the iterator.
    fn drain(&mut self, bound: usize) {
        let mut drain = self.wheel.drain();
        assert_eq!(drain.len(), self.model.live.len());
        for id in drain.by_ref().take(bound) {
            let timer = self.model.remove(id).expect("a payload comes out once");
            self.gone.push(timer.key);
        }
        drop(drain);
        assert!(self.wheel.is_empty());
        let left = std::mem::take(&mut self.model.live);
        self.gone.extend(left.values().map(|timer| timer.key));
        self.model.on_time.clear();
        self.model.overdue.clear();
    }

    /// Expires at most `bound` payloads and checks each against the model.
    fn expire(&mut self, now: Tick, bound: usize) -> usize {
        self.model.now = self.model.now.max(now);
        for fired in 0..bound {
            let Some(id) = self.wheel.expire(now) else {
                let earliest = self.model.earliest();
                assert!(
                    earliest.is_none_or(|earliest| earliest > now),
                    "{earliest:?} was missed at {now:?}"
                );
                return fired;
            };
            let first_on_time = self.model.on_time.values().next().copied();
            let overdue = self.model.overdue.contains_key(&id);
            let timer = self.model.remove(id).expect("a payload comes out once");
            assert!(
                timer.rounded <= self.model.now,
                "early: {:?}",
                timer.rounded
            );
            assert!(overdue || first_on_time == Some(id), "{id} is out of order");
            self.bury(timer.key);
        }
        bound
    }

    fn bury(&mut self, key: Key) {
        assert!(!self.wheel.contains(key));
        assert_eq!(self.wheel.get_mut(key), None);
        assert_eq!(self.wheel.cancel(key), None);
        self.gone.push(key);
    }

    fn check_bounds(&mut self, exact: bool) {
        assert_eq!(self.wheel.len(), self.model.live.len());
        assert_eq!(self.wheel.is_empty(), self.model.live.is_empty());
        let (next, earliest) = (self.wheel.next_deadline(), self.model.earliest());
        assert_eq!(next.is_some(), earliest.is_some());
        assert!(
            next <= earliest,
            "{next:?} is not a lower bound of {earliest:?}"
        );
        if exact {
            assert_eq!(self.wheel.exact_next_deadline(), earliest);
            assert_eq!(self.wheel.next_deadline(), earliest);
        }
    }

    /// Follows `next_deadline` until the wheel is empty, as a sleeper does.
    fn run_out(&mut self) {
        let mut fruitless = 0;
        while let Some(next) = self.wheel.next_deadline() {
            let exact = self.model.earliest();
            let now = next.max(self.now());
            let fired = self.expire(now, usize::MAX);
            fruitless = if fired == 0 { fruitless + 1 } else { 0 };
            assert!(
                fruitless <= 10,
                "{fruitless} needless wake-ups before {exact:?}"
            );
        }
        assert!(self.model.live.is_empty());
        for key in &self.gone {
            assert!(!self.wheel.contains(*key) && !self.wheel.reset_exact(*key, Tick::MAX));
        }
    }
}

/// One step; numbers are choices that are reduced to what exists.
#[derive(Clone, Debug)]
enum Step {
    Insert { lag: i32, after: u64, exact: bool },
    Cancel(u64),
    Reset { which: u64, lag: i32, after: u64 },
    Expire { jump: u64, bound: usize },
    ExpireNext,
    Tighten,
    Look(u64),
    Drain { bound: usize },
}

/// Durations and jumps of every magnitude, from none to the whole range.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0),
        1 => Just(u64::MAX),
        8 => (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift),
        8 => (0..40_u32, 0..3_u64).prop_map(|(shift, off)| ((1_u64 << shift) + off) - 1),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // A clock read on another processor, or before a lock was waited for.
    let lag = || prop_oneof![3 => Just(0), 1 => -5_000..5_000_i32];
    prop_oneof![
        6 => (lag(), span(), any::<bool>())
            .prop_map(|(lag, after, exact)| Step::Insert { lag, after, exact }),
        2 => any::<u64>().prop_map(Step::Cancel),
        2 => (any::<u64>(), lag(), span())
            .prop_map(|(which, lag, after)| Step::Reset { which, lag, after }),
        2 => (span(), 0..6_usize).prop_map(|(jump, bound)| Step::Expire { jump, bound }),
        2 => Just(Step::ExpireNext),
        1 => Just(Step::Tighten),
        1 => any::<u64>().prop_map(Step::Look),
        // Rare, or no wheel would ever grow old.
        1 => (0..20_usize, 0..4_usize).prop_map(|(often, bound)| match often {
            0 => Step::Drain { bound },
            _ => Step::Tighten,
        }),
    ]
}

fn shifted(now: Tick, lag: i32) -> Tick {
    Tick::from_nanos(now.as_nanos().saturating_add_signed(i64::from(lag)))
}

fn after(now: Tick, nanos: u64) -> Tick {
    now.saturating_add(Duration::from_nanos(nanos))
}

impl Pair {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Insert {
                lag,
                after: nanos,
                exact,
            } => {
                let now = shifted(self.now(), lag);
                // An empty wheel takes the time of an insert for its own.
                if self.wheel.is_empty() {
                    self.model.now = self.model.now.max(now);
                }
                self.insert(now, after(self.now(), nanos), exact);
            }
            Step::Cancel(which) => self.cancel(which % (self.next_id + 1)),
            Step::Reset {
                which,
                lag,
                after: nanos,
            } => {
                let now = shifted(self.now(), lag);
                self.reset(which % (self.next_id + 1), now, after(self.now(), nanos));
            }
            Step::Expire { jump, bound } => {
                self.expire(after(self.now(), jump), bound);
            }
            Step::ExpireNext => {
                if let Some(next) = self.wheel.next_deadline() {
                    self.expire(next, 2);
                }
            }
            Step::Tighten => self.check_bounds(true),
            Step::Look(which) => self.look(which % (self.next_id + 1)),
            Step::Drain { bound } => self.drain(bound),
        }
        self.check_bounds(false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn behaves_as_the_model(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::default();
        for step in &steps {
            pair.step(step);
            pair.wheel.check();
        }
        pair.run_out();
        pair.wheel.check();
    }

    /// Where sums saturate, the last level has 16 slots and rounding ends.
    #[test]
    fn behaves_as_the_model_at_the_end_of_time(
        left in span(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut pair = Pair::default();
        pair.expire(Tick::from_nanos(u64::MAX - left), 1);
        for step in &steps {
            pair.step(step);
            pair.wheel.check();
        }
        pair.run_out();
        pair.wheel.check();
    }
}

/// The workload of a server: mostly long timeouts that are cancelled, sleeps of
/// all lengths, time creeping on and now and then leaping.
#[test]
fn millions_of_operations_behave_as_the_model() {
    const OPERATIONS: usize = 3_000_000;
    let mut random = fastrand::Rng::with_seed(0x5eed_f11c);
    let mut pair = Pair::default();
    for operation in 0..OPERATIONS {
        let lag = random.i32(-2_000..2_000);
        let magnitude = random.u32(0..36);
        let nanos = random.u64(..1 << magnitude);
        let recent = pair.next_id.saturating_sub(random.u64(0..2_000));
        match random.u32(0..100) {
            0..44 => pair.step(&Step::Insert {
                lag,
                after: nanos,
                exact: random.u8(..) < 32,
            }),
            44..72 => pair.step(&Step::Cancel(recent)),
            72..82 => pair.step(&Step::Reset {
                which: recent,
                lag,
                after: nanos,
            }),
            82..98 => pair.step(&Step::Expire {
                jump: random.u64(..1 << 16),
                bound: 32,
            }),
            98 => pair.step(&Step::ExpireNext),
            _ => pair.step(&Step::Expire {
                jump: nanos,
                bound: 200,
            }),
        }
        if operation % 100_000 == 0 {
            pair.wheel.check();
            pair.check_bounds(true);
        }
        pair.gone.truncate(1_000);
    }
    pair.wheel.check();
    pair.run_out();
}
