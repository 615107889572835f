//! Shards processed by whoever is awake.

use super::*;
use std::sync::atomic::AtomicUsize;

/// Counts how often it is woken; read when the threads have been joined.
#[derive(Default)]
struct Count(AtomicUsize);

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
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
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
        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_due(SOON)
        });
        let fired = timers.fire_due(SOON) + firing.join().unwrap();

        assert_eq!(fired, waiting.len());
        each_woken_once(&waiting);
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    });
}

/// A worker fires the shards while tasks hold their locks, polling and dropping
/// their own sleeps there: what it left out for a lock still counts as due, and
/// the next who looks fires it.
#[test]
fn loom_a_locked_shard_counts_as_due() {
    model(|| {
        let (timers, _) = timers(2);
        let waiting = waiting(&timers, [1, 1]);
        let mut polled = timer(&timers, 0);
        let dropped = timer(&timers, 1);
        assert_eq!(polled.poll(LATER, Waker::noop()), Ok(Poll::Pending));
        let holding = thread::spawn(move || {
            drop(dropped);
            assert_eq!(polled.poll(LATER, Waker::noop()), Ok(Poll::Pending));
            polled
        });
        let fired = timers.fire_due(SOON);
        let left = waiting.len() - fired;
        let horizon = timers.prepare_sleep().expect("one is waiting");
        assert_eq!(left > 0, horizon <= SOON, "{left} left, until {horizon:?}");

        let polled = holding.join().unwrap();
        timers.finish_sleep();
        assert_eq!(timers.fire_due(SOON), left);
        each_woken_once(&waiting);
        assert_eq!(timers.earliest(), Some(LATER));
        drop(polled);
    });
}
