//! Shards processed by whoever is awake.

use super::*;
use std::sync::atomic::AtomicUsize;

/// Counts how often it is woken; read when the threads have been joined.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Timers of [`SOON`], so many on each shard, and the counts of their wakes.
fn waiting<const SHARDS: usize>(
    timers: &Timers,
    on_shard: [usize; SHARDS],
) -> Vec<(Timer, std::sync::Arc<Count>)> {
    let one = |shard| {
        let count = std::sync::Arc::<Count>::default();
        let mut timer = timer(timers, shard);
        let waker = Waker::from(std::sync::Arc::clone(&count));
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));
        (timer, count)
    };
    let shards = on_shard.into_iter().enumerate();
    shards
        .flat_map(|(shard, count)| (0..count).map(move |_| shard))
        .map(one)
        .collect()
}

fn each_woken_once(waiting: &[(Timer, std::sync::Arc<Count>)]) {
    for (_, count) in waiting {
        assert_eq!(count.get(), 1);
    }
}

/// Two workers fire several shards at once, one of which takes two batches: no
/// timer is skipped and none fires twice. What one leaves to the other, which has
/// the lock, is fired by that one.
#[test]
fn loom_two_workers_fire_all_shards() {
    model(|| {
        let (timers, _) = timers(3);
        let waiting = waiting(&timers, [BATCH + 1, 1, 1]);
        let firing = fire(&timers);
        let fired = timers.fire_due(SOON) + firing.join().unwrap();

        assert_eq!(fired, waiting.len());
        each_woken_once(&waiting);
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    });
}

/// A worker fires the shards while a task holds their locks, as it registers a
/// sleep on the one and resets one on the other: what the worker left out for a
/// lock, before or after a full batch, still counts as due, and the next who looks
/// fires it.
///
/// Loom interrupts a locked section only where something in it races: here the
/// store of an earlier deadline, which these two make.
#[test]
fn loom_a_locked_shard_counts_as_due() {
    let executions = std::sync::Arc::new([const { AtomicUsize::new(0) }; 2]);
    let seen = std::sync::Arc::clone(&executions);
    model(move || {
        let (timers, unparked) = timers(2);
        let waiting = waiting(&timers, [BATCH + 1, 1]);
        let mut registered = timer(&timers, 0);
        let mut reset = timer(&timers, 1);
        assert_eq!(reset.poll(LATER, Waker::noop()), Ok(Poll::Pending));
        let holding = thread::spawn(move || {
            let poll = registered.poll(SHORT_OF_SOON, Waker::noop());
            reset.reset(SHORT_OF_SOON);
            // Where the shard had fired up to there already, it waits for nothing.
            let waits = usize::from(poll == Ok(Poll::Pending));
            (waits, registered, reset)
        });
        let fired = timers.fire_due(SOON);
        let is_woken = |(_, count): &(_, std::sync::Arc<Count>)| count.get() == 1;
        let left_out = !waiting.iter().all(is_woken);
        let horizon = timers.prepare_sleep();
        seen[usize::from(left_out)].fetch_add(1, Ordering::SeqCst);

        let held = holding.join().unwrap();
        let left = waiting.len() + 1 + held.0 - fired;
        let in_time = horizon.is_some_and(|horizon| horizon <= SOON);
        assert!(left == 0 || in_time || unparked.is_raised(), "{horizon:?}");
        assert!(
            !left_out || in_time,
            "left out, and asleep until {horizon:?}"
        );
        timers.finish_sleep();
        assert_eq!(timers.fire_due(SOON), left);
        each_woken_once(&waiting);
        assert_eq!((timers.len(), timers.earliest()), (0, None));
        drop(held);
    });
    assert!(
        executions
            .iter()
            .all(|times| times.load(Ordering::SeqCst) > 0)
    );
}
