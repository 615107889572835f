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

use filch_tests::{Echo, cargo, finish, rustflags_with_cfg, target_folder};
use std::process::Command;
use std::time::Duration;

/// Only a hang takes so long, or a bound that was raised on purpose.
const BOUND: Duration = Duration::from_secs(60 * 60);

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

    let ran = finish(models(package).args(["--", "loom_"]), Echo::Live, BOUND);
    assert!(
        ran.status.success(),
        "a loom model of {package} fails; follow it with:\n\
         LOOM_LOG=trace LOOM_LOCATION=1 RUSTFLAGS=\"--cfg filch_loom\" \
         cargo test --release -p {package} --lib -- --nocapture <model>\n{}",
        ran.stdout
    );
    let count = models_run(&ran.stdout);
    assert!(
        count > 0,
        "{package} has no model that was run:\n{}",
        ran.stdout
    );
}

fn models(package: &str) -> Command {
    // The core without the rest of its crate has much that nobody uses. The same
    // code is linted in the ordinary build.
    let flags = format!("{} --cap-lints allow", rustflags_with_cfg("filch_loom"));
    let mut cargo = cargo();
    cargo
        .args(["test", "--release", "--lib", "-p", package, "--target-dir"])
        .arg(target_folder("loom"))
        .env("RUSTFLAGS", flags)
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        // Costs more time to build than it saves.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

/// How many models have passed, by the lines of libtest.
fn models_run(output: &str) -> usize {
    let passed = |line: &&str| {
        let name = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... ok"));
        name.and_then(|name| name.rsplit("::").next())
            .is_some_and(|name| name.starts_with("loom_"))
    };
    output.lines().filter(passed).count()
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
    assert_eq!(models_run(output), 1);
    assert_eq!(models_run("running 0 tests\n"), 0);
}
