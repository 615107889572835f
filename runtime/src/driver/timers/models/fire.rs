//! Firing against everything that a waiting task may do meanwhile.

use super::*;
use std::sync::atomic::AtomicBool;

/// A timer is dropped while it fires: its waker is woken or dropped, never kept,
/// and both do happen.
#[test]
fn loom_fire_races_drop() {
    let outcomes = std::sync::Arc::new([const { AtomicBool::new(false) }; 2]);
    let seen = std::sync::Arc::clone(&outcomes);
    model(move || {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));
        drop(waker);

        let firing = fire(&timers);
        drop(timer);
        let fired = firing.join().unwrap();

        assert_eq!(woken.is_raised(), fired == 1);
        assert_eq!(std::sync::Arc::strong_count(&woken), 1);
        assert_eq!(timers.len(), 0);
        seen[fired].store(true, Ordering::SeqCst);
    });
    assert!(outcomes.iter().all(|seen| seen.load(Ordering::SeqCst)));
}

/// A timer is given a later deadline while it fires at the former one: it ends
/// up waiting for the later one, and its task is woken by then.
#[test]
fn loom_fire_races_reset() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));

        let firing = fire(&timers);
        let was_waiting = timer.move_place(Tick::ZERO, LATER);
        let fired = firing.join().unwrap();

        if was_waiting {
            assert!(fired == 0 && !woken.is_raised());
            assert_eq!(timer.poll(LATER, &waker), Ok(Poll::Pending));
            timers.fire_due(SOON);
            assert_eq!(timers.earliest(), Some(LATER));
            assert_eq!(timers.fire_due(LATER), 1);
        } else {
            assert_eq!(fired, 1, "it was left to the reset");
        }
        assert!(woken.is_raised());
        let deadline = if was_waiting { LATER } else { SOON };
        assert_eq!(timer.poll(deadline, &waker), Ok(Poll::Ready(())));
        assert_eq!(timers.len(), 0);
    });
}

/// A timer leaves its place to the next one of the same poll while it fires: that one
/// waits for its own deadline, in that place or in another, and has not fired.
#[test]
fn loom_fire_races_succession() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut former = timer(&timers, 0);
        assert_eq!(former.poll(SOON, &waker), Ok(Poll::Pending));

        let firing = fire(&timers);
        let succeed = || {
            drop(former);
            let mut latter = timer(&timers, 0);
            assert_eq!(latter.poll(LATER, &waker), Ok(Poll::Pending));
            latter
        };
        let mut latter = in_poll(&waker, succeed);
        let fired = firing.join().unwrap();

        assert_eq!(woken.is_raised(), fired == 1);
        assert_eq!(timers.len(), 1);
        assert_eq!(latter.poll(LATER, &waker), Ok(Poll::Pending));
        assert_eq!(timers.fire_due(SOON), 0);
        assert_eq!(timers.fire_due(LATER), 1);
        assert_eq!(latter.poll(LATER, &waker), Ok(Poll::Ready(())));
        drop((latter, waker));
        assert_eq!(std::sync::Arc::strong_count(&woken), 1);
    });
}

/// A timer leaves its place while it fires, and nobody takes it: at the end of the
/// poll it is gone.
#[test]
fn loom_fire_races_the_end_of_a_poll() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));

        let firing = fire(&timers);
        in_poll(&waker, || drop(timer));
        drop(waker);
        assert_eq!(timers.len(), 0, "it fired, or was cancelled");
        let fired = firing.join().unwrap();

        assert_eq!(woken.is_raised(), fired == 1);
        assert_eq!(std::sync::Arc::strong_count(&woken), 1);
    });
}

/// A task changes its waker while the timer fires: it sees that it has fired, or
/// the new waker is woken.
#[test]
fn loom_fire_races_waker_change() {
    model(|| {
        let (timers, _) = timers(1);
        let ((first, first_waker), (second, second_waker)) = (flag(), flag());
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &first_waker), Ok(Poll::Pending));

        let firing = fire(&timers);
        let poll = timer.poll(SOON, &second_waker);
        let fired = firing.join().unwrap() + timers.fire_due(SOON);

        assert_eq!(fired, 1);
        assert_eq!(poll == Ok(Poll::Ready(())), first.is_raised());
        assert_eq!(poll == Ok(Poll::Pending), second.is_raised());
        drop((timer, first_waker, second_waker));
        assert_eq!(std::sync::Arc::strong_count(&first), 1);
        assert_eq!(std::sync::Arc::strong_count(&second), 1);
    });
}

/// A task is polled, for whatever reason, while its timer fires: a poll that follows the
/// wake finds that it has fired, and one that finds it pending is followed by the wake.
#[test]
fn loom_fire_races_poll() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = handshake();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));

        let firing = fire(&timers);
        let was_woken = woken.take();
        let poll = timer.poll(SOON, &waker);
        assert!(
            !was_woken || poll == Ok(Poll::Ready(())),
            "nobody wakes it again"
        );
        assert_eq!(firing.join().unwrap(), 1);

        assert!(was_woken || woken.take());
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Ready(())));
    });
}

/// Two threads fire the same timers: each of them fires once.
#[test]
fn loom_fire_races_fire() {
    model(|| {
        let (timers, _) = timers(1);
        let wakers = [flag(), flag(), flag()];
        let waiting: Vec<Timer> = wakers
            .iter()
            .map(|(_, waker)| {
                let mut timer = timer(&timers, 0);
                assert_eq!(timer.poll(SOON, waker), Ok(Poll::Pending));
                timer
            })
            .collect();

        let firing = fire(&timers);
        let fired = timers.fire_due(SOON) + firing.join().unwrap();
        let fired = fired + timers.fire_due(SOON) + timers.fire_due(SOON);

        assert_eq!(fired, waiting.len());
        assert!(wakers.iter().all(|(woken, _)| woken.is_raised()));
        assert_eq!(timers.earliest(), None);
    });
}
