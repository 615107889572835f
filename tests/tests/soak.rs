//! A short soak, and what it says to wrong arguments.

use filch_tests::{Echo, Ended, finish};
use std::process::Command;
use std::time::Duration;

/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(300);

fn soak(arguments: &[&str]) -> Ended {
    let mut soak = Command::new(env!("CARGO_BIN_EXE_soak"));
    finish(soak.args(arguments), Echo::Quiet, HANG)
}

#[test]
fn a_few_seconds_of_everything_leave_nothing() {
    let ended = soak(&["--seconds", "3", "--workers", "2"]);
    assert!(ended.status.success(), "{ended}");
    assert!(ended.stdout.contains("0 violations"), "{ended}");
    assert!(ended.stdout.contains("to replay: --seed "), "{ended}");
}

#[test]
fn every_fault_is_survived() {
    for fault in ["no-files", "no-threads", "failing-poller"] {
        let ended = soak(&["--seconds", "1", "--only", fault]);
        assert!(ended.status.success(), "{fault}: {ended}");
        assert!(!ended.stdout.contains(" 0 faults"), "{fault}: {ended}");
    }
}

#[test]
fn wrong_arguments_are_told_apart() {
    let wrong = [
        (&["--second", "1"][..], "unknown argument \"--second\""),
        (&["--seconds"], "--seconds needs a value"),
        (&["--seconds", "x"], "--seconds takes a number, not \"x\""),
        (&["--seconds", "0"], "--seconds must be at least 1"),
        (&["--workers", "0"], "--workers must be at least 1"),
        (&["--workers", "9999"], "--workers takes 1 to 1024"),
        (&["--seed", "-1"], "--seed takes a number, not \"-1\""),
        (
            &["--only", "nonsense"],
            "nothing has \"nonsense\" in its name; there are: connections",
        ),
    ];
    for (arguments, message) in wrong {
        let ended = soak(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {ended}");
        assert!(ended.stderr.contains(message), "{arguments:?}: {ended}");
    }
    let help = soak(&["--help"]);
    assert!(
        help.status.success() && help.stdout.contains("--seconds N"),
        "{help}"
    );
}
