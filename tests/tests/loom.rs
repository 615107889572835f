//! The loom models, as part of `cargo test`.
//!
//! The models stand beside the code they check and are compiled only under
//! `--cfg filch_loom`, which swaps the primitives of a whole crate. So they are
//! built by a cargo of their own, optimised, with debug assertions, in the folder
//! `loom` of the target folder. By hand:
//!
//! ```text
//! RUSTFLAGS="--cfg filch_loom" cargo test --release -p filch --lib loom_
//! ```
//!
//! # Settings
//!
//! Loom reads them from the environment, and they reach it through this test:
//!
//! - `LOOM_MAX_PREEMPTIONS`: how often a thread may be interrupted where it could
//!   have gone on. Each model has a bound with which it ends in seconds; a higher
//!   one for all of them, such as 4, takes from minutes to hours.
//! - `LOOM_MAX_BRANCHES`, `LOOM_MAX_PERMUTATIONS`, `LOOM_MAX_DURATION` (seconds):
//!   further bounds on each model.
//! - `LOOM_LOG=trace`, `LOOM_LOCATION=1`, `LOOM_CHECKPOINT_FILE`: to follow one
//!   failing execution; give the model's name to `cargo test` by hand then.

use filch_tests::loom::models_passed;
use filch_tests::{Echo, finish, loom, target_folder, workspace};
use std::process::Command;
use std::time::Duration;

/// Only a hang takes so long.
const BOUND: Duration = Duration::from_secs(60 * 60);

/// For how long the models of a package may run: without end, if their bound was raised on purpose.
fn bound() -> Duration {
    match std::env::var_os("LOOM_MAX_PREEMPTIONS") {
        None => BOUND,
        Some(_) => Duration::from_secs(365 * 86_400),
    }
}

#[test]
fn models_of_filch() {
    check("filch");
}

#[test]
fn models_of_filch_io() {
    check("filch-io");
}

fn check(package: &str) {
    let built = finish(models(package).arg("--no-run"), Echo::Live, BOUND);
    assert!(
        built.status.success(),
        "the loom models of {package} do not compile; cargo's messages are above"
    );

    let ran = finish(models(package).args(["--", "loom_"]), Echo::Live, bound());
    assert!(
        ran.status.success(),
        "a loom model of {package} fails; follow it with:\n\
         LOOM_LOG=trace LOOM_LOCATION=1 RUSTFLAGS=\"--cfg filch_loom\" \
         cargo test --release -p {package} --lib -- --nocapture <model>\n{}",
        ran.stdout
    );
    let count = models_passed(&ran.stdout).count();
    assert!(
        count > 0,
        "{package} has no model that was run:\n{}",
        ran.stdout
    );
}

fn models(package: &str) -> Command {
    loom::cargo_test(package, workspace(), &target_folder("loom"))
}

#[test]
fn only_models_that_ran_count() {
    let output = "\
running 3 tests
test task::loom_tests::loom_wake ... ok
test io::loom_model ... FAILED
test io::a_test_about_loom_ ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out
";
    assert_eq!(models_passed(output).count(), 1);
    assert_eq!(models_passed("running 0 tests\n").count(), 0);
}
