//! The sleeper against those who register, and against who fires beside them.

use super::*;

/// A thread goes to sleep while others register: it sleeps no longer than until
/// the earliest deadline, or it is unparked.
#[test]
fn loom_sleep_races_register() {
    model(|| {
        let (timers, unparked) = timers(2);
        let registering: Vec<_> = [(0, LATER), (1, SOON)]
            .into_iter()
            .map(|(shard, deadline)| {
                let timers = Arc::clone(&timers);
                thread::spawn(move || {
                    let mut timer = timer(&timers, shard);
                    assert_eq!(timer.poll(deadline, Waker::noop()), Ok(Poll::Pending));
                    timer
                })
            })
            .collect();
        let horizon = timers.prepare_sleep();
        let registered: Vec<Timer> = registering
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();

        let in_time = horizon.is_some_and(|horizon| horizon <= SOON);
        assert!(in_time || unparked.is_raised(), "asleep until {horizon:?}");
        drop(registered);
    });
}

/// Two threads register on one shard: the earlier deadline is what counts.
#[test]
fn loom_register_races_register() {
    model(|| {
        let (timers, unparked) = timers(1);
        assert_eq!(timers.prepare_sleep(), None);
        let registering = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                let mut timer = timer(&timers, 0);
                assert_eq!(timer.poll(LATER, Waker::noop()), Ok(Poll::Pending));
                timer
            }
        });
        let mut soon = timer(&timers, 0);
        assert_eq!(soon.poll(SOON, Waker::noop()), Ok(Poll::Pending));
        let later = registering.join().unwrap();

        assert_eq!(timers.earliest(), Some(SOON));
        assert!(unparked.is_raised());
        drop((soon, later));
    });
}

/// A thread goes to sleep while another fires what it would have slept for, and a
/// third registers: the later deadlines are not overslept.
#[test]
fn loom_sleep_races_fire_and_register() {
    model(|| {
        let (timers, unparked) = timers(1);
        let (_, waker) = flag();
        let mut due = timer(&timers, 0);
        let mut later = timer(&timers, 0);
        assert_eq!(due.poll(SOON, &waker), Ok(Poll::Pending));
        assert_eq!(later.poll(LATER, &waker), Ok(Poll::Pending));

        let firing = fire(&timers);
        let registering = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                let mut timer = timer(&timers, 0);
                assert_eq!(timer.poll(SHORT_OF_LATER, Waker::noop()), Ok(Poll::Pending));
                timer
            }
        });
        let horizon = timers.prepare_sleep();
        firing.join().unwrap();
        let registered = registering.join().unwrap();

        let in_time = horizon.is_some_and(|horizon| horizon <= SHORT_OF_LATER);
        assert!(in_time || unparked.is_raised(), "asleep until {horizon:?}");
        drop(registered);
    });
}

/// A sleep is reset to an earlier deadline on another thread while the sleeper
/// settles for the former one: it wakes by the new one, or is unparked.
#[test]
fn loom_sleep_races_reset() {
    model(|| {
        let (timers, unparked) = timers(1);
        let mut timer = timer(&timers, 0);
        assert_eq!(timer.poll(LATER, Waker::noop()), Ok(Poll::Pending));

        let resetting = thread::spawn(move || {
            assert!(timer.move_place(Tick::ZERO, SOON));
            timer
        });
        let horizon = timers.prepare_sleep().expect("there is a timer");
        let _timer = resetting.join().unwrap();

        assert!(
            horizon <= SOON || unparked.is_raised(),
            "asleep until {horizon:?}"
        );
    });
}

/// A sleep takes the place of one with a later deadline, which the sleeper settles for
/// meanwhile: it wakes by the earlier one, or is unparked.
#[test]
fn loom_sleep_races_succession() {
    model(|| {
        let (timers, unparked) = timers(1);
        let succeeding = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                // Not the waker that does nothing, which need not wake the same as its clone.
                let (_, waker) = flag();
                let mut former = timer(&timers, 0);
                assert_eq!(former.poll(LATER, &waker), Ok(Poll::Pending));
                let succeed = || {
                    drop(former);
                    let mut latter = timer(&timers, 0);
                    assert_eq!(latter.poll(SOON, &waker), Ok(Poll::Pending));
                    latter
                };
                in_poll(&waker, succeed)
            }
        });
        let horizon = timers.prepare_sleep();
        let latter = succeeding.join().unwrap();

        let in_time = horizon.is_some_and(|horizon| horizon <= SOON);
        assert!(in_time || unparked.is_raised(), "asleep until {horizon:?}");
        drop(latter);
    });
}

/// A sleep that was made and polled on one worker is polled on another, with
/// another waker, while the first fires its own shard and goes to sleep: the
/// waker of the last pending poll is woken, at once or by the horizon.
#[test]
fn loom_sleep_polled_on_another_worker() {
    model(|| {
        let (timers, unparked) = timers(2);
        let ((first, first_waker), (second, second_waker)) = (flag(), flag());
        let mut moving = timer(&timers, 0);
        assert_eq!(moving.poll(SOON, &first_waker), Ok(Poll::Pending));
        drop(first_waker);

        let other = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                let poll = moving.poll(SOON, &second_waker);
                // Its own sleeps go to its own shard, whoever sleeps.
                let mut own = timer(&timers, 1);
                assert_eq!(own.poll(SHORT_OF_LATER, Waker::noop()), Ok(Poll::Pending));
                (poll, moving, own)
            }
        });
        let fired = timers.fire_due(SOON);
        let horizon = timers.prepare_sleep();
        let (poll, mut moving, _own) = other.join().unwrap();

        // A shard that was locked is left for later, and still counts as due.
        let due = fired == 1 || horizon.is_some_and(|horizon| horizon <= SOON);
        assert!(due || unparked.is_raised(), "asleep until {horizon:?}");
        assert_eq!(fired + timers.fire_due(SOON), 1);
        assert_eq!(poll == Ok(Poll::Ready(())), first.is_raised());
        assert_eq!(poll == Ok(Poll::Pending), second.is_raised());
        assert_eq!(moving.poll(SOON, Waker::noop()), Ok(Poll::Ready(())));
        let awaited = horizon.is_some_and(|horizon| horizon <= SHORT_OF_LATER);
        assert!(awaited || unparked.is_raised(), "asleep until {horizon:?}");
    });
}

/// A sleep is made on one worker and polled for the first time on another, which
/// registers it in the shard of the first, who goes to sleep.
#[test]
fn loom_sleep_first_polled_on_another_worker() {
    model(|| {
        let (timers, unparked) = timers(2);
        let (woken, waker) = flag();
        let mut moving = timer(&timers, 0);
        let other = thread::spawn(move || {
            assert_eq!(moving.poll(SOON, &waker), Ok(Poll::Pending));
            moving
        });
        let fired = timers.fire_due(SOON);
        let horizon = timers.prepare_sleep();
        let mut moving = other.join().unwrap();

        let in_time = fired == 1 || horizon.is_some_and(|horizon| horizon <= SOON);
        assert!(in_time || unparked.is_raised(), "asleep until {horizon:?}");
        assert_eq!(fired + timers.fire_due(SOON), 1);
        assert!(woken.is_raised());
        assert_eq!(moving.poll(SOON, Waker::noop()), Ok(Poll::Ready(())));
    });
}
