//! When the next tick is: cases, and properties against the definitions spelled out.

use super::*;
use proptest::prelude::*;

const PERIOD: Duration = Duration::from_millis(50);

fn next(behavior: MissedTickBehavior, late: Duration) -> Duration {
    let scheduled = Instant::from_std(std::time::Instant::now());
    behavior.next_tick(scheduled, scheduled + late, PERIOD) - scheduled
}

#[test]
fn a_tick_within_the_tolerance_is_not_missed() {
    for behavior in [
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
        MissedTickBehavior::Skip,
    ] {
        assert_eq!(next(behavior, Duration::ZERO), PERIOD);
        assert_eq!(next(behavior, TOLERANCE), PERIOD);
    }
}

#[test]
fn bursts_keep_the_old_times() {
    for late in [6, 50, 120] {
        assert_eq!(
            next(MissedTickBehavior::Burst, Duration::from_millis(late)),
            PERIOD
        );
    }
}

#[test]
fn delays_start_over_from_now() {
    for late in [Duration::from_millis(6), PERIOD, 3 * PERIOD] {
        assert_eq!(next(MissedTickBehavior::Delay, late), late + PERIOD);
    }
}

#[test]
fn skips_go_to_the_next_multiple() {
    let next_after =
        |millis| next(MissedTickBehavior::Skip, Duration::from_millis(millis)).as_millis();
    assert_eq!(next_after(6), 50);
    assert_eq!(next_after(49), 50);
    assert_eq!(
        next_after(50),
        100,
        "the tick of this very moment is missed, too"
    );
    assert_eq!(next_after(170), 200);
    let long = Duration::from_secs(86_400 * 365 * 100) + Duration::from_millis(1);
    assert_eq!(
        next(MissedTickBehavior::Skip, long),
        long + PERIOD - Duration::from_millis(1)
    );
}

#[test]
fn a_skip_over_more_than_a_tick_spans_is_exact() {
    let period = Duration::from_nanos(3);
    let scheduled = Instant::from_std(std::time::Instant::now());
    let late = Duration::from_secs(2 * u64::from(u32::MAX)) + Duration::from_nanos(1);
    let next = MissedTickBehavior::Skip.next_tick(scheduled, scheduled + late, period);
    let into_period = (late.as_nanos() % 3) as u64;
    assert_eq!(
        next - scheduled,
        late + Duration::from_nanos(3 - into_period)
    );
}

/// Durations of every magnitude from a nanosecond to centuries, none included.
fn any_span() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| Duration::from_nanos(bits >> shift))
}

fn any_period() -> impl Strategy<Value = Duration> {
    any_span().prop_map(|span| representable(span.max(Duration::from_nanos(1))))
}

fn any_behavior() -> impl Strategy<Value = MissedTickBehavior> {
    prop_oneof![
        Just(MissedTickBehavior::Burst),
        Just(MissedTickBehavior::Delay),
        Just(MissedTickBehavior::Skip),
    ]
}

/// The documentation's definitions, in nanoseconds after the scheduled tick and in
/// integers wide enough for everything.
fn definition(behavior: MissedTickBehavior, late: Duration, period: Duration) -> u128 {
    let (late, period) = (late.as_nanos(), period.as_nanos());
    let missed = late > TOLERANCE.as_nanos().min(period);
    match behavior {
        _ if !missed => period,
        MissedTickBehavior::Burst => period,
        MissedTickBehavior::Delay => late + period,
        // The first multiple that is to come.
        MissedTickBehavior::Skip => (late / period + 1) * period,
    }
}

proptest! {
    #[test]
    fn the_next_tick_is_as_defined(
        behavior in any_behavior(),
        late in any_span(),
        period in any_period(),
    ) {
        let scheduled = Instant::from_std(std::time::Instant::now());
        let next = behavior.next_tick(scheduled, scheduled + late, period);
        prop_assert_eq!((next - scheduled).as_nanos(), definition(behavior, late, period));
    }

    /// A tick seen before its time, as a clock read on another processor may have it,
    /// is one that was not missed.
    #[test]
    fn a_tick_seen_early_is_not_missed(
        behavior in any_behavior(),
        early in 0..1_000_000_000_u64,
        period in any_period(),
    ) {
        let now = Instant::from_std(std::time::Instant::now());
        let scheduled = now + Duration::from_nanos(early);
        prop_assert_eq!(behavior.next_tick(scheduled, now, period), scheduled + period);
    }

    /// A run of ticks, each observed some time after it was due, or after the one
    /// before it was: what each behaviour promises about the whole of them.
    #[test]
    fn a_run_of_ticks_keeps_its_promise(
        behavior in any_behavior(),
        period in (1..100_000_000_u64).prop_map(Duration::from_nanos),
        lateness in prop::collection::vec(
            prop_oneof![2 => Just(0), 1 => 0..5_000_001_u64, 1 => 0..1_000_000_000_u64],
            1..50,
        ),
    ) {
        let start = Instant::from_std(std::time::Instant::now());
        let (mut scheduled, mut now) = (start, start);
        for (count, late) in (1_u32..).zip(lateness) {
            now = now.max(scheduled) + Duration::from_nanos(late);
            let missed = now - scheduled > TOLERANCE.min(period);
            let next = behavior.next_tick(scheduled, now, period);
            match behavior {
                MissedTickBehavior::Burst => {
                    prop_assert_eq!(next, start + count * period, "every tick, in its place");
                }
                MissedTickBehavior::Delay if missed => {
                    prop_assert_eq!(next, now + period, "a whole period apart");
                }
                MissedTickBehavior::Skip => {
                    let phase = (next - start).as_nanos() % period.as_nanos();
                    prop_assert_eq!(phase, 0, "in the old rhythm");
                    prop_assert!(!missed || next > now && next - now <= period, "one to come");
                }
                MissedTickBehavior::Delay => prop_assert_eq!(next, scheduled + period),
            }
            prop_assert!(next > scheduled);
            scheduled = next;
        }
    }
}
