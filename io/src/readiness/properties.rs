//! The readiness word against a naive model, on one thread: what threads do to it
//! between two steps is for the models.

use super::*;
use proptest::prelude::*;

/// What the word should say, without the packing: flags by themselves, and a count
/// that does not wrap.
#[derive(Clone, Debug)]
struct Model {
    ready: Vec<Ready>,
    events: u128,
    is_shutdown: bool,
}

/// One by one, what a set may hold.
fn flags() -> impl Iterator<Item = Ready> {
    let all = Ready::ALL.bits();
    let single = (0..READY_BITS).map(|bit| 1 << bit);
    single
        .filter(move |bit| all & bit != 0)
        .map(Ready::from_bits_truncate)
}

fn split(set: Ready) -> Vec<Ready> {
    flags().filter(|&flag| set.contains(flag)).collect()
}

fn is_close(flag: Ready) -> bool {
    Ready::CLOSED.contains(flag)
}

impl Model {
    fn event(&mut self, event: Ready) {
        let is_first = self.events == 0;
        self.ready.retain(|&flag| !is_first && !is_close(flag));
        for flag in split(event) {
            if !self.ready.contains(&flag) {
                self.ready.push(flag);
            }
        }
        self.events += 1;
    }

    fn clear(&mut self, seen: &[Ready], at: u128) -> Cleared {
        if at != self.events {
            return Cleared::Outdated;
        }
        let before = self.ready.len();
        self.ready
            .retain(|flag| is_close(*flag) || !seen.contains(flag));
        if self.ready.len() == before {
            Cleared::Nothing
        } else {
            Cleared::Withdrawn
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Event(Ready),
    /// Remembers what is there for a mask.
    Observe(Ready),
    /// Clears a part of what was remembered that many observations ago.
    Clear(usize, Ready),
    Shutdown,
}

fn any_set() -> impl Strategy<Value = Ready> {
    (0..=Ready::ALL.bits()).prop_map(Ready::from_bits_truncate)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_set().prop_map(Step::Event),
        8 => any_set().prop_map(Step::Observe),
        8 => (0..4_usize, any_set()).prop_map(|(ago, part)| Step::Clear(ago, part)),
        1 => Just(Step::Shutdown),
    ]
}

fn check(word: &ReadinessWord, model: &Model) -> Result<(), TestCaseError> {
    let state = word.load();
    prop_assert_eq!(split(state.ready()).len(), model.ready.len());
    prop_assert!(model.ready.iter().all(|flag| state.ready().contains(*flag)));
    let tick = match model.events.checked_sub(1) {
        None => 0,
        Some(before) => before % TICK_MAX as u128 + 1,
    };
    prop_assert_eq!(state.tick() as u128, tick);
    prop_assert_eq!(state.is_shutdown(), model.is_shutdown);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// From an arbitrary tick, so that it wraps around now and then.
    #[test]
    fn behaves_as_the_model(
        assumed in any_set(),
        before in prop_oneof![Just(0), 0..=TICK_MAX, TICK_MAX - 40..=TICK_MAX],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let word = ReadinessWord::new(assumed);
        word.0.store(State::pack(assumed, before, false).0, Ordering::Relaxed);
        let mut model = Model {
            ready: split(assumed),
            events: before as u128,
            is_shutdown: false,
        };
        let mut seen: Vec<(Readiness, u128)> = Vec::new();
        for step in steps {
            match step {
                Step::Event(event) => {
                    word.transition_to_ready(event);
                    model.event(event);
                }
                Step::Observe(mask) => {
                    let observed = word.load().observe(mask);
                    let expected = model.ready.iter().any(|flag| mask.contains(*flag));
                    prop_assert_eq!(observed.is_some(), expected);
                    if let Some(readiness) = observed {
                        prop_assert!(mask.contains(readiness.ready));
                        seen.push((readiness, model.events));
                    }
                    let answer = word.load().answer(mask);
                    let is_error = answer.is_some_and(|answer| answer.is_err());
                    prop_assert_eq!(is_error, model.is_shutdown);
                }
                Step::Clear(ago, part) => {
                    let Some((readiness, at)) = seen.iter().rev().nth(ago) else {
                        continue;
                    };
                    let part = readiness.with_ready(readiness.ready & part);
                    let cleared = word.transition_to_cleared(part);
                    prop_assert_eq!(cleared, model.clear(&split(part.ready), *at));
                }
                Step::Shutdown => {
                    word.transition_to_shutdown();
                    model.is_shutdown = true;
                }
            }
            check(&word, &model)?;
        }
    }

    /// Every word is made of its three fields, and shows them.
    #[test]
    fn words_decode_to_what_they_encode(ready in any_set(), tick in 0..=TICK_MAX, down: bool) {
        let state = State::pack(ready, tick, down);
        prop_assert_eq!((state.ready(), state.tick(), state.is_shutdown()), (ready, tick, down));
        let shown = format!("{state:?}");
        let (tick, down) = (format!("tick: {tick}"), format!("shutdown: {down}"));
        prop_assert!(shown.contains(&tick) && shown.contains(&down), "{}", shown);
    }
}
