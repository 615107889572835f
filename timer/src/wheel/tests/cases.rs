//! Cases of the wheel that have a name.

use super::*;

#[test]
fn a_uniform_slot_is_fired_in_place_and_in_order() {
    let mut wheel = Wheel::new();
    let deadline = Tick::from_nanos(1 << 33);
    for id in 0..5 {
        wheel.insert_exact(Tick::ZERO, deadline, id);
    }
    assert_eq!(wheel.expire(deadline), Some(0));
    wheel.check();
    // An earlier and an equal deadline join while the slot is being emptied.
    wheel.insert_exact(deadline, Tick::from_nanos(7), 10);
    wheel.insert_exact(deadline, deadline, 5);
    wheel.insert_exact(deadline, after(deadline, 1), 6);
    wheel.check();
    let fired: Vec<i32> = std::iter::from_fn(|| wheel.expire(after(deadline, 1))).collect();
    assert_eq!(fired, [10, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_cancelled_minimum_costs_one_look() {
    let mut wheel = Wheel::new();
    let (early, late) = (Tick::from_nanos(70_000), Tick::from_nanos(70_100));
    let first = wheel.insert_exact(Tick::ZERO, early, 'a');
    wheel.insert_exact(Tick::ZERO, late, 'b');
    assert_eq!(wheel.cancel(first), Some('a'));
    assert_eq!(wheel.next_deadline(), Some(early));
    assert_eq!(wheel.expire(early), None);
    assert_eq!(wheel.next_deadline(), Some(late));
    assert_eq!(wheel.expire(late), Some('b'));
}

#[test]
fn an_emptied_slot_forgets_its_minimum() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(Tick::ZERO, Tick::from_nanos(70_000), ());
    wheel.insert(Tick::ZERO, Tick::from_nanos(1 << 40), ());
    wheel.cancel(key);
    assert_eq!(wheel.next_deadline(), Some(Tick::from_nanos(1 << 40)));
}

#[test]
fn draining_leaves_every_key_stale() {
    let mut wheel = Wheel::new();
    let keys: Vec<Key> = (0..64)
        .map(|id| wheel.insert(Tick::ZERO, Tick::from_nanos(1 << id), id))
        .collect();
    assert_eq!(wheel.drain().len(), 64);
    assert!(wheel.is_empty(), "an unused drain still empties the wheel");
    wheel.check();
    for id in 0..64 {
        wheel.insert(Tick::ZERO, Tick::MAX, id);
    }
    assert!(keys.iter().all(|key| wheel.get_mut(*key).is_none()));
    wheel.clear();
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn long_timers_share_their_wake_ups() {
    let mut wheel = Wheel::new();
    let mut random = fastrand::Rng::with_seed(7);
    for id in 0..100_000_u32 {
        let deadline = Tick::from_nanos(10_000_000_000 + random.u64(..1_000_000_000));
        wheel.insert(Tick::ZERO, deadline, id);
    }
    let mut wake_ups = 0;
    while let Some(now) = wheel.next_deadline() {
        wake_ups += 1;
        assert!(
            wheel.expire(now).is_some(),
            "a wake-up without a timer at {now:?}"
        );
        while wheel.expire(now).is_some() {}
    }
    assert!(wake_ups <= 1_909, "{wake_ups} wake-ups");
}

/// Whether the first slot's minimum is known to be exact, without a visit to its
/// entries.
fn knows_its_minimum<T>(wheel: &Wheel<T>) -> bool {
    let slot = wheel.levels.first().expect("the wheel is not empty");
    wheel.levels.list(slot).exact
}

#[test]
fn a_minimum_is_forgotten_only_with_its_timer() {
    let mut wheel = Wheel::new();
    // All of them in one slot, the last two at one time.
    let [early, late, later] = [0, 1, 2].map(|nanos| Tick::from_nanos(70_000 + nanos));
    let first = wheel.insert_exact(Tick::ZERO, early, 'a');
    let second = wheel.insert_exact(Tick::ZERO, late, 'b');
    let third = wheel.insert_exact(Tick::ZERO, later, 'c');
    wheel.insert_exact(Tick::ZERO, later, 'd');
    assert!(knows_its_minimum(&wheel), "an insertion forgets nothing");
    wheel.cancel(second);
    assert!(knows_its_minimum(&wheel), "another one's cancellation");
    wheel.cancel(first);
    assert!(!knows_its_minimum(&wheel), "it is gone");
    assert_eq!(wheel.exact_next_deadline(), Some(later));
    wheel.cancel(third);
    assert!(knows_its_minimum(&wheel), "another has the same deadline");
    wheel.check();
}

#[test]
fn debug_shows_when_the_wheel_is_due() {
    let mut wheel = Wheel::new();
    wheel.insert_exact(Tick::from_nanos(5), Tick::from_nanos(7), ());
    assert_eq!(
        format!("{wheel:?}"),
        "Wheel { len: 1, elapsed: Tick(5), next_deadline: Some(Tick(7)), .. }"
    );
}
