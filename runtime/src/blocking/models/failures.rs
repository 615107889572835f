//! Threads that are refused, and threads that die.

use super::*;

/// The second thread is refused while the first is anywhere between its first
/// job and its seat, and while a third job relies on the second thread: the
/// first does them all.
#[test]
fn loom_a_refused_thread_leaves_the_jobs_to_the_others() {
    check(2, || {
        let ledger = Ledger::new();
        let pool = pool_with_spawner(2, Duration::MAX, refuse(1));
        submit(&pool, job(&ledger));
        let other = {
            let (pool, ledger) = (pool.clone(), Arc::clone(&ledger));
            thread::spawn(move || submit(&pool, job(&ledger)))
        };
        submit(&pool, job(&ledger));
        other.join().expect("the pool takes jobs");
        ledger.wait_until_run(3);
        assert!(pool.shutdown(None));
    });
}

/// The first thread is refused while another submitter relies on it: its job is
/// discarded, or it gets a thread by its own.
#[test]
fn loom_a_refused_first_thread_strands_nobody() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool_with_spawner(1, Duration::MAX, refuse(0));
        let tally = |outcome: Result<(), SubmitError<Counted>>| match outcome {
            Ok(()) => 0,
            Err(SubmitError::NoThread(_, _)) => 1,
            Err(SubmitError::Shutdown(_)) => panic!("nobody has shut the pool down"),
        };
        let other = {
            let (pool, ledger) = (pool.clone(), Arc::clone(&ledger));
            thread::spawn(move || tally(pool.submit(job(&ledger))))
        };
        let refused = tally(pool.submit(job(&ledger))) + other.join().expect("see above");
        assert_eq!(refused, 1, "exactly one submitter was refused its thread");
        // The next one is not.
        submit(&pool, job(&ledger));
        ledger.wait_until(|fates| fates.run + fates.discarded == 2 && fates.run > 0);
        assert!(pool.shutdown(None));
    });
}

/// A thread is about to be refused when a third job comes: the only thread there is has run what
/// it found, sits idle, and is called all the same.
#[test]
fn loom_an_idle_thread_is_called_beside_a_refusal() {
    check(3, || {
        let ledger = Ledger::new();
        let slow_to_refuse = {
            let ledger = Arc::clone(&ledger);
            refuse_after(1, move || {
                ledger.record(|fates| fates.refusing = true);
                ledger.wait_until_run(2);
            })
        };
        let pool = pool_with_spawner(2, Duration::MAX, slow_to_refuse);
        submit(&pool, job(&ledger).held());
        ledger.wait_until(|fates| fates.started == 1);
        let other = {
            let (pool, ledger) = (pool.clone(), Arc::clone(&ledger));
            thread::spawn(move || submit(&pool, job(&ledger)))
        };
        submit(&pool, job(&ledger));
        other.join().expect("the pool takes jobs");
        ledger.wait_until_run(3);
        assert!(pool.shutdown(None));
    });
}

/// A job whose panic kills its thread, while another is queued behind it at the
/// cap: a thread takes the dead one's place.
#[test]
fn loom_a_thread_that_dies_leaves_its_place() {
    check(3, || {
        let ledger = Ledger::new();
        // A thread of loom's must not end by a panic.
        let survived = |name, stack_size, life: Life| {
            let life = move || drop(catch_unwind(AssertUnwindSafe(life)));
            spawn_thread(name, stack_size, Box::new(life))
        };
        let pool = pool_with_spawner(1, Duration::MAX, StdArc::new(survived));
        submit(&pool, job(&ledger).lethal());
        submit(&pool, job(&ledger));
        ledger.wait_until_run(2);
        assert!(pool.shutdown(None));
        assert_eq!((pool.threads(), pool.idle_threads()), (0, 0));
    });
}
