//! Random programs, as `filch_tests::programs` makes and checks them.
//!
//! A fixed set of seeds, and a few fresh ones. On failure the seed is printed:
//! `FILCH_SEED=… cargo test -p filch-tests --test random_programs` plays it
//! again, `FILCH_PROGRAMS=N` times if that is set as well, for how its threads
//! are scheduled is not in the seed. `FILCH_PROGRAMS=N` alone plays N fresh
//! programs. With `FILCH_KEEP_HANGING` set a program that hangs stays for a
//! debugger.
//!
//! Alone in its process, whose threads and files it counts.

use filch_tests::programs::{Figures, play};
use std::env;
use std::time::{Duration, SystemTime};

/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(120);

const FIXED_SEEDS: u64 = 600;
const FRESH_PROGRAMS: u64 = 200;

#[test]
fn random_programs_keep_what_filch_promises() {
    let (seed, programs) = (number("FILCH_SEED"), number("FILCH_PROGRAMS"));
    let seeds: Box<dyn Iterator<Item = u64>> = match (seed, programs) {
        (Some(seed), programs) => Box::new((0..programs.unwrap_or(1)).map(move |_| seed)),
        (None, Some(programs)) => Box::new(fresh(programs)),
        (None, None) => Box::new((0..FIXED_SEEDS).chain(fresh(FRESH_PROGRAMS))),
    };
    let (mut programs, mut total) = (0, Figures::default());
    for seed in seeds {
        match play(seed, HANG) {
            Ok(figures) => {
                programs += 1;
                total.steps += figures.steps;
                total.skipped += figures.skipped;
            }
            Err(report) => panic!(
                "{report}\nto play it again: FILCH_SEED={seed} cargo test -p filch-tests --test random_programs"
            ),
        }
    }
    println!("{programs} programs, {total:?}");
    assert!(total.steps > 0, "no program took a step");
}

/// Seeds that no run has had before, most likely.
fn fresh(count: u64) -> impl Iterator<Item = u64> {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let first = since_epoch.expect("the clock is past 1970").as_nanos() as u64 >> 8;
    println!("the fresh seeds start at {first}");
    (0..count).map(move |index| first.wrapping_add(index))
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    match value.trim().parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} must be a number, not {value:?}"),
    }
}
