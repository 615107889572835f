//! "Change one line": a program written for tokio, with its tests, runs on filch
//! when the line of its `Cargo.toml` that names tokio names filch instead.
//!
//! The program is `tests/port`. It is copied, the line is changed in the copy,
//! and the copy is built in the folder `port` of the target folder, with the
//! versions of the workspace's `Cargo.lock`, so that nothing is fetched which the
//! workspace has not fetched before.

use filch_tests::{Echo, Ended, cargo, finish, target_folder, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Only a hang takes so long.
const BOUND: Duration = Duration::from_secs(30 * 60);

const WRITTEN_FOR_TOKIO: &str = r#"tokio = { version = "1", features = ["full"] }"#;

#[test]
fn one_line_ports_a_program() {
    let copy = port();
    let ran = succeed(in_copy(&copy, "run"));
    let expected = "4 texts, 9 words\n\
         deadline has elapsed\n\
         answers: 42\n";
    assert_eq!(ran.stdout, expected, "{ran}");

    let tested = succeed(in_copy(&copy, "test").args(["--test", "attributes"]));
    assert!(tested.stdout.contains("4 passed; 0 failed"), "{tested}");

    // It is filch that ran, and there is no reactor of tokio's beside it.
    let tree = succeed(in_copy(&copy, "tree").args(["--edges", "normal", "--prefix", "none"]));
    assert!(tree.stdout.contains("\nfilch v"), "{tree}");
    assert!(!tree.stdout.contains("\nmio v"), "{tree}");
}

/// Copies the program, changes the line, and returns the copy's folder.
fn port() -> PathBuf {
    let original = workspace().join("tests/port");
    let copy = target_folder("port").join("program");
    // Left by an earlier run, or not there.
    drop(fs::remove_dir_all(&copy));
    copy_folder(&original, &copy);

    let manifest = fs::read_to_string(original.join("Cargo.toml")).expect("the program is there");
    let filch = format!(
        r#"tokio = {{ package = "filch", path = {:?}, features = ["full"] }}"#,
        workspace().join("runtime")
    );
    assert_eq!(manifest.matches(WRITTEN_FOR_TOKIO).count(), 1, "{manifest}");
    let manifest = manifest.replace(WRITTEN_FOR_TOKIO, &filch);
    fs::write(copy.join("Cargo.toml"), manifest).expect("the copy is ours");
    fs::copy(workspace().join("Cargo.lock"), copy.join("Cargo.lock")).expect("the copy is ours");
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to)
        .unwrap_or_else(|error| panic!("cannot create {}: {error}", to.display()));
    for entry in fs::read_dir(from).expect("the program is there") {
        let from = entry.expect("the folder is readable").path();
        let to = to.join(from.file_name().expect("an entry has a name"));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).expect("the copy is ours");
        }
    }
}

fn in_copy(copy: &Path, verb: &str) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(copy).arg(verb);
    if verb != "tree" {
        cargo.arg("--target-dir").arg(target_folder("port"));
    }
    cargo
}

fn succeed(mut command: impl std::borrow::BorrowMut<Command>) -> Ended {
    let command = command.borrow_mut();
    let ended = finish(command, Echo::Quiet, BOUND);
    assert!(ended.status.success(), "{command:?} fails: {ended}");
    ended
}
