//! A runtime that is dropped with sleeps pending: shutdown against registering,
//! polling, firing and dropping.

use super::*;

/// A timer is registered while the runtime shuts down: it is refused, or its task
/// is woken to learn of it.
#[test]
fn loom_shutdown_races_register() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let shutting_down = shut_down(&timers);
        let mut timer = timer(&timers, 0);
        let poll = timer.poll(SOON, &waker);
        shutting_down.join().unwrap();

        assert_eq!(poll == Ok(Poll::Pending), woken.is_raised());
        assert_eq!(timer.poll(SOON, &waker), Err(ShutDown));
        assert_eq!(timers.len(), 0);
    });
}

/// The sleeps of two shards, one of them polled with another waker meanwhile: the
/// wakers of the last pending polls are woken, none is kept, and from then on a
/// poll is answered with the news.
#[test]
fn loom_shutdown_races_poll() {
    model(|| {
        let (timers, _) = timers(2);
        let ((first, first_waker), (second, second_waker)) = (flag(), flag());
        let (beside, beside_waker) = flag();
        let mut polled = timer(&timers, 0);
        assert_eq!(polled.poll(SOON, &first_waker), Ok(Poll::Pending));
        let mut waiting = timer(&timers, 1);
        assert_eq!(waiting.poll(SOON, &beside_waker), Ok(Poll::Pending));
        drop((first_waker, beside_waker));

        let shutting_down = shut_down(&timers);
        let poll = polled.poll(SOON, &second_waker);
        drop(second_waker);
        shutting_down.join().unwrap();

        assert_eq!(poll == Ok(Poll::Pending), second.is_raised());
        assert_eq!(poll == Err(ShutDown), first.is_raised());
        assert!(beside.is_raised());
        for flag in [&first, &second, &beside] {
            assert_eq!(std::sync::Arc::strong_count(flag), 1, "a waker is kept");
        }
        for timer in [&mut polled, &mut waiting] {
            assert_eq!(timer.poll(SOON, Waker::noop()), Err(ShutDown));
        }
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    });
}

/// A task is polled, for whatever reason, while the runtime shuts down: a poll that follows
/// the wake is told, and one that finds its timer pending is followed by the wake.
#[test]
fn loom_shutdown_races_poll_without_the_lock() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = handshake();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));

        let shutting_down = shut_down(&timers);
        let was_woken = woken.take();
        let poll = timer.poll(SOON, &waker);
        shutting_down.join().unwrap();

        assert!(!was_woken || poll == Err(ShutDown), "nobody wakes it again");
        assert!(was_woken || woken.take());
        assert_eq!(timer.poll(SOON, &waker), Err(ShutDown));
    });
}

/// A shutdown while another thread fires and a third drops its sleep: each waker
/// that was not taken back is woken once.
#[test]
fn loom_shutdown_races_fire_and_drop() {
    model(|| {
        let (timers, _) = timers(1);
        let ((fired, fired_waker), (dropped, dropped_waker)) = (flag(), flag());
        let mut waiting = timer(&timers, 0);
        assert_eq!(waiting.poll(SOON, &fired_waker), Ok(Poll::Pending));
        let mut dropping = timer(&timers, 0);
        assert_eq!(dropping.poll(LATER, &dropped_waker), Ok(Poll::Pending));
        drop((fired_waker, dropped_waker));

        let shutting_down = shut_down(&timers);
        let firing = fire(&timers);
        drop(dropping);
        shutting_down.join().unwrap();
        firing.join().unwrap();

        assert!(fired.is_raised());
        for flag in [&fired, &dropped] {
            assert_eq!(std::sync::Arc::strong_count(flag), 1, "a waker is kept");
        }
        assert_eq!(waiting.poll(SOON, Waker::noop()), Err(ShutDown));
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    });
}

/// A reset on one thread while the runtime shuts down: it finds its timer still
/// waiting, and is woken, or it is told at the next poll.
#[test]
fn loom_shutdown_races_reset() {
    model(|| {
        let (timers, _) = timers(1);
        let (woken, waker) = flag();
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(SOON, &waker), Ok(Poll::Pending));
        let shutting_down = shut_down(&timers);
        timer.reset(LATER);
        let poll = timer.poll(LATER, &waker);
        shutting_down.join().unwrap();

        assert!(
            poll == Ok(Poll::Pending) || poll == Err(ShutDown),
            "{poll:?}"
        );
        assert!(woken.is_raised());
        assert_eq!(timer.poll(LATER, &waker), Err(ShutDown));
        assert_eq!((timers.len(), timers.earliest()), (0, None));
    });
}
