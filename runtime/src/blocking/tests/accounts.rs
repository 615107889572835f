//! The accounts behind the lock, by themselves.

use super::config;
use crate::blocking::state::{Beginning, Duty, State};
use crate::blocking::worker::{Recruiting, spawn_thread};
use std::sync::Arc;

/// As the thread does that was created for the only job: comes and takes it.
fn arrive_and_take(state: &mut State<()>, duty: &Duty) {
    assert!(matches!(duty, Duty::Create(..)), "{duty:?}");
    state.transition_to_joined(Beginning::Created);
    let (job, duty) = state.take().expect("the job is queued");
    assert!(matches!(duty, Duty::Nothing), "{duty:?}");
    job
}

#[test]
fn a_lent_thread_takes_no_place_until_it_is_back() {
    let recruiting = Recruiting::new(&config(1), Arc::new(spawn_thread));
    let mut state = State::new(1, false, recruiting);
    let (_, duty) = state.push(()).expect("open");
    arrive_and_take(&mut state, &duty);
    assert!(matches!(state.lend(), Duty::Nothing));

    let (_, duty) = state.push(()).expect("open");
    arrive_and_take(&mut state, &duty);
    assert!(!state.is_over_the_cap(), "one of the two is lent");
    let (_, duty) = state.push(()).expect("open");
    assert!(matches!(duty, Duty::Nothing), "no room for a third");

    state.take_back();
    assert!(state.is_over_the_cap());
    state.transition_to_surplus();
    assert!(!state.is_over_the_cap());
    assert_eq!((state.threads(), state.lent()), (1, 0));
}

#[test]
fn a_thread_is_not_surplus_beside_one_that_may_never_come() {
    let recruiting = Recruiting::new(&config(1), Arc::new(spawn_thread));
    let mut state = State::new(1, false, recruiting);
    let (_, duty) = state.push(()).expect("open");
    arrive_and_take(&mut state, &duty);
    assert!(matches!(state.lend(), Duty::Nothing));
    let (ticket, duty) = state.push(()).expect("open");
    assert!(matches!(duty, Duty::Create(..)), "{duty:?}");
    state.take_back();
    assert!(!state.is_over_the_cap());
    let (_job, duty) = state.take().expect("the job is queued");
    assert!(matches!(duty, Duty::Nothing), "{duty:?}");
    let failed = state.transition_to_failed(Beginning::Created, Some(ticket));
    assert!(failed.own.is_none() && failed.stranded.is_empty());
    assert_eq!(state.threads(), 1);
}
