//! Everything at once on real threads: what the models check race by race, here
//! with real memory, for a sanitizer to look at.

use super::*;
use crate::primitive::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;

const TASKS: usize = 2_000;
const RUNNERS: usize = 3;

/// Wakers that tasks leave for the others to wake, clone and drop.
type Wakers = Arc<Mutex<Vec<Waker>>>;

/// A task that yields, wakes itself, waits for others and ends in several ways,
/// all drawn from `seed`.
fn future(seed: u64, values: &Values, wakers: &Wakers) -> impl Future<Output = Value> + use<> {
    let (values, wakers) = (values.clone(), wakers.clone());
    let captured = values.make(seed.is_multiple_of(13));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut polls_left = random.u32(1..8);
    poll_fn(move |cx| {
        let _captured = &captured;
        polls_left -= 1;
        if polls_left == 0 {
            if random.u8(..8) == 0 {
                quiet_panic();
            }
            return Poll::Ready(values.make(random.u8(..8) == 0));
        }
        match random.u8(..3) {
            0 => assert!(yield_current(cx)),
            1 => cx.waker().wake_by_ref(),
            _ => wakers.lock().push(cx.waker().clone()),
        }
        Poll::Pending
    })
}

/// Wakes what has been left, one way or another; `false` if there was nothing.
fn wake_some(random: &mut fastrand::Rng, wakers: &Wakers) -> bool {
    let some: Vec<Waker> = {
        let mut wakers = wakers.lock();
        let count = random.usize(..=wakers.len());
        wakers.drain(..count).collect()
    };
    let any = !some.is_empty();
    for waker in some {
        match random.u8(..3) {
            0 => waker.wake(),
            1 => waker.wake_by_ref(),
            _ => {
                let clone = waker.clone();
                drop(waker);
                clone.wake();
            }
        }
    }
    any
}

#[test]
fn tasks_survive_several_threads() {
    let model = Model::new();
    let values = Values::default();
    let wakers = Wakers::default();
    let done = AtomicBool::new(false);
    let joined = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 0..RUNNERS as u64 {
            let (model, wakers, done) = (&model, &wakers, &done);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                while !done.load(Relaxed) {
                    let ran = match model.pop() {
                        Some(task) if random.bool() => {
                            task.run();
                            true
                        }
                        Some(task) => {
                            task.run_on(model);
                            true
                        }
                        None => false,
                    };
                    if !wake_some(&mut random, wakers) && !ran {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut random = fastrand::Rng::with_seed(42);
        let mut expected = 0;
        for seed in 0..TASKS as u64 {
            let mut handle = model.spawn(future(seed, &values, &wakers));
            match random.u8(..6) {
                0 => drop(handle),
                1 => handle.abort(),
                2 => {
                    let _ = poll(&mut handle, Waker::noop());
                    drop(handle);
                }
                3 => drop(handle.abort_handle()),
                // Joined by a task, so that join wakers are set and woken.
                _ => {
                    expected += 1;
                    let joined = joined.clone();
                    drop(model.spawn(async move {
                        if let Ok(mut output) = handle.await {
                            output.panics = false;
                        }
                        joined.fetch_add(1, Relaxed);
                    }));
                }
            }
        }
        while model.alive() > 0 {
            thread::yield_now();
        }
        done.store(true, Relaxed);
        assert_eq!(joined.load(Relaxed), expected);
    });
    wakers.lock().clear();
    assert_eq!(values.alive(), 0, "leaked or dropped twice");
    assert_eq!(
        (model.queued(), model.handles()),
        (0, 1),
        "a task was not freed"
    );
}
